"""All SQL of files, one file a concern."""
