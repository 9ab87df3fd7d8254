"""Who may like what: trained on interactions, answered from a history of any length."""
