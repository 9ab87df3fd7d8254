"""The staff's web pages: mirrors of the tables, pages that change things, templates."""
