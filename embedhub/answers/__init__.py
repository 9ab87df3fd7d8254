"""Answers with citations: passages found, packed, put into words, and checked."""
