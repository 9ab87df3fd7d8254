"""All SQL of documents, their versions and chunks, one file a concern."""
