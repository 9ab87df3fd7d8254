"""All SQL of duplicates, a module a table or two."""
