"""Catalogs: items, users, and what users did with items."""
