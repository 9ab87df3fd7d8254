"""How far a collection is: what the REST interface says, in the few numbers a terminal shows."""

from dataclasses import dataclass
from urllib.parse import quote

from embedhub.cli.client import HubClient


@dataclass(frozen=True, slots=True)
class Counts:
    """Documents and passages of a collection, and the passages that still lack a vector."""

    n_documents: int
    n_chunks: int
    n_pending: int
    n_dead: int


def find_counts(client: HubClient, slug: str) -> Counts:
    """Return the counts of a collection that exists."""
    status = client.call("GET", f"/v1/collections/{quote(slug, safe='')}/status")
    return Counts(*(int(status[name]) for name in Counts.__slots__))


def find_catalog_counts(client: HubClient, slug: str) -> Counts:
    """Return the same of a catalog: its items and users, and those whose text lacks a vector."""
    status = client.call("GET", f"/v1/catalogs/{quote(slug, safe='')}/status")
    n_rows = int(status["n_items"]) + int(status["n_users"])
    return Counts(n_rows, n_rows, int(status["n_pending"]), int(status["n_dead"]))
