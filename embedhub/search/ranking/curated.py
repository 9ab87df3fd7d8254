"""What a search and a pin have to have in common; pure."""

import unicodedata

MAX_QUERY_CHARS = 500


def normalized_query(query: str) -> str:
    """Return a query as pins are found by it: case, width and spaces do not matter."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", query).casefold())
    return " ".join(plain.split())
