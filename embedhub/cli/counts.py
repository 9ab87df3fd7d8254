"""How far a collection is: what the REST interface says, in the few numbers a terminal shows."""

from dataclasses import dataclass
from typing import Any

from embedhub.cli.client import HubClient


@dataclass(frozen=True, slots=True)
class Counts:
    """Documents and chunks of a collection, and the chunks that still lack a vector."""

    documents: int
    chunks: int
    pending: int
    dead: int


def find_counts(client: HubClient, slug: str) -> Counts:
    """Return the counts of a collection that exists."""
    return counts_of(client.find_collection(slug) or {})


def counts_of(collection: dict[str, Any]) -> Counts:
    """Return the counts a collection's description holds."""
    counts = collection.get("counts") or {}
    return Counts(*(int(counts.get(name, 0)) for name in Counts.__slots__))
