"""All SQL of catalogs, their items and users, and what users did, one file a concern."""
