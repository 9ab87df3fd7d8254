"""All SQL of anomalies, a module a table or two."""
