"""The SQL of labels."""
