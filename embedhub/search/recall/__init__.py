"""Live recall: what the index finds, compared with exact search in the background."""
