"""The stored neighbor graph: the nearest neighbors of every document, passage or item, kept up."""
