"""Documents: their passages, versions, upsert and deletion."""
