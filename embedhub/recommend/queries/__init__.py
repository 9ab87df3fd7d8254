"""All SQL about recommendations, one file a concern."""
