"""Duplicates: exact copies, near copies and texts of one meaning; what people decide about them."""
