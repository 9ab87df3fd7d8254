"""Collections: named sets of documents with one language, chunking and filterable fields."""
