"""All SQL of training, storing and publishing recommenders, one file a concern."""
