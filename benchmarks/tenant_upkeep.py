"""What thousands of tenants do to locks, plans and upkeep: for benchmarks/tenants.py."""

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.installation import Installation, as_base64
from benchmarks.measure import Nonsense, clustered_vectors, timed
from benchmarks.observed import observed
from benchmarks.tenant_requests import Tenant
from embedhub.access.caller import Caller
from embedhub.collections.service import resume_deletions
from embedhub.documents.deletion import delete_documents, delete_expired
from embedhub.documents.inputs import parse_document
from embedhub.documents.service import upsert_documents
from embedhub.runs import service as runs
from embedhub.search import lexical_index
from embedhub.search.request import Mode, SearchRequest
from embedhub.search.service import search
from embedhub.spaces import service as spaces
from embedhub.spaces.doctor import examine

DIMENSION = 384
SETTLE_S = 900


def lock_row(name: str, place: Installation, tenants: Sequence[Tenant]) -> dict[str, Any]:
    """Return the most locks that each kind of work holds, and the time its plans take."""
    place.use_database()
    [[workspace_id]] = place.ask(
        f"SELECT workspace_id FROM collections WHERE slug = '{tenants[0][1]}'"
    )
    caller = Caller.for_workspace(int(str(workspace_id)))
    slug = tenants[0][1]
    vector = clustered_vectors(1, DIMENSION, seed=5)[0]
    raw = {"external_id": "locks", "text": "word1 word2", "vector": as_base64(vector)}
    request = SearchRequest("word1", vector=vector, mode=Mode.HYBRID, filter={"year": {"$gt": 1}})
    search(caller, slug, request)
    works: dict[str, Callable[[], object]] = {
        "search": lambda: search(caller, slug, request),
        "ingest": lambda: upsert_documents(caller, slug, [parse_document(raw, "documents.0")]),
        "delete": lambda: delete_documents(caller, slug, external_ids=["locks"]),
    }
    row: dict[str, Any] = {"installation": name}
    for work, do in works.items():
        with observed() as (locks, planning):
            do()
        row[f"{work} locks"] = max(locks)
        if work == "search":
            row["search planning ms"] = sum(planning)
    return row


def add_shelves(place: Installation, n: int) -> None:
    """Make the tables of so many shelves, as large collections of others have them."""
    for number, table in itertools.product(range(n), ("embeddings", "sparse_embeddings")):
        shelf_id = 10_000_000 + number
        place.ask(
            f"CREATE TABLE vectors.{table}_{shelf_id} PARTITION OF {table}"
            f" FOR VALUES IN ({shelf_id})"
        )


def settle(place: Installation) -> dict[str, Any]:
    """Wait until upkeep has counted and weighed all that is new; return how long it took."""
    started = time.monotonic()
    unsettled = (
        "SELECT (SELECT count(*) FROM spaces WHERE kind = 'sparse' AND weighed_length IS NULL)"
        " + (SELECT count(*) FROM (SELECT FROM size_deltas GROUP BY space_id HAVING count(*) > 1)"
        " AS s)"
    )
    while place.ask(unsettled)[0][0]:
        if time.monotonic() - started > SETTLE_S:
            raise Nonsense("upkeep does not come to an end")
        time.sleep(1)
    return {"what": "upkeep settles the new", "n": 1, "seconds": time.monotonic() - started}


def upkeep_rows(place: Installation) -> list[dict[str, Any]]:
    """Return how long each step over all tenants takes when there is nothing to do for it."""
    place.use_database()
    steps: dict[str, Callable[[], object]] = {
        "runs that wait": runs.ring_for_waiting,
        "texts that are due": spaces.ring_for_due,
        "updates overdue": spaces.flip_overdue,
        "expired documents": delete_expired,
        "deleted collections": resume_deletions,
        "spaces that outgrew": spaces.grow_outgrown,
        "counts of words": lexical_index.fold,
        "doctor": examine,
    }
    rows = []
    for name, step in steps.items():
        result, took = timed(step)
        rows.append({"step": name, "ms": took})
        if name == "doctor" and not getattr(result, "is_clean", True):
            raise Nonsense(f"the doctor found: {result}")
    with place.client() as client:
        rows.append({"step": "readiness", "ms": timed(lambda: client.get("/health/ready"))[1]})
    return rows
