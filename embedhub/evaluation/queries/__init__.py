"""All SQL of evaluation, one file a matter."""
