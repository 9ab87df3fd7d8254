"""All SQL of ranking, one file a concern."""
