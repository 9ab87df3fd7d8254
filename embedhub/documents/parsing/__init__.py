"""Files → documents: one module a format family, `folder.py` finds the files."""
