"""All SQL of search, one file a concern."""
