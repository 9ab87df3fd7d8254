"""Topics: rows that say similar things, grouped and named, and where each lies on a map."""
