"""One Postgres for search, RAG, recommendations, duplicates and anomalies.

Where things are: `tables/` every SQL table · `queries.py` of a feature all its SQL · `service.py`
what a caller may rely on · `views.py` its REST · `spaces/` the ledger that turns accepted text
into vectors · `search/` ranking · `console/` the admin · `local/` the one-machine default.
"""

__version__ = "0.1.0"
