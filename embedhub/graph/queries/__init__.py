"""All SQL about neighbor graphs."""
