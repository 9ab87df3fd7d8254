"""Spaces of vectors: the ledger of what is missing, the life of an index, the doctor."""
