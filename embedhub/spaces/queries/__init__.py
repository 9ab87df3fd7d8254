"""All SQL of the spaces, one file a concern."""
