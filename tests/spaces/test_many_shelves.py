"""However many spaces have shelves of their own, no unit of work touches more than its own."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import (
    collection_status,
    delete_collection,
    get_collection,
    list_collections,
    purge_collection,
    resume_deletions,
)
from embedhub.documents.deletion import delete_expired
from embedhub.documents.service import delete_documents
from embedhub.documents.upkeep import forget_old_versions
from embedhub.runs import service as runs
from embedhub.search import lexical_index
from embedhub.search.request import SearchRequest
from embedhub.search.service import search
from embedhub.spaces import service as spaces
from tests.factories import encode_everything, make_collection, send_texts

N_SHELVES = 40
HELD = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()"


@pytest.fixture
def most_locks(clean: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Returns the most locks that a transaction held at its end, since it was last asked."""
    counts: list[int] = [0]

    def counting(end: Callable[[Connection[Any]], None]) -> Callable[[Connection[Any]], None]:
        def counted(connection: Connection[Any]) -> None:
            if connection.info.transaction_status is TransactionStatus.INTRANS:
                found = connection.cursor(row_factory=tuple_row).execute(HELD)
                counts.extend(n for (n,) in found)
            end(connection)

        return counted

    for name in ("commit", "rollback"):
        monkeypatch.setattr(Connection, name, counting(getattr(Connection, name)))
    return lambda: _take(counts)


def _take(counts: list[int]) -> int:
    most = max(counts)
    counts[:] = [0]
    return most


def add_shelves(n: int) -> None:
    """Make the tables of so many shelves; other collections' large spaces live there."""
    with db.writing() as session:
        for shelf_id in range(1_000_000, 1_000_000 + n):
            for table in ("embeddings", "sparse_embeddings"):
                session.execute(
                    text(
                        f"CREATE TABLE vectors.{table}_{shelf_id} PARTITION OF {table}"
                        f" FOR VALUES IN ({shelf_id})"
                    )
                )


def life(caller: Caller, most_locks: Callable[[], int], slug: str) -> dict[str, int]:
    """Return the locks of each unit of work in the life of a collection."""
    locks = {}
    # Not those of another collection: vectors computed before would spare the worker its turn.
    texts = [f"a cat and {slug} number {i}" for i in range(20)]
    changed = [f"{each} more" for each in texts]

    def note(name: str, *work: Callable[[], object]) -> None:
        most_locks()
        for step in work:
            step()
        locks[name] = most_locks()

    note("create", lambda: make_collection(caller, slug, filterable={"year": "number"}))
    note("ingest", lambda: send_texts(caller, texts, slug, metadata={"year": 1}))
    note("encode", encode_everything)
    note("update", lambda: send_texts(caller, changed, slug))
    note("flip", encode_everything)
    note("relabel", lambda: send_texts(caller, changed, slug, access=["a"]))
    asked = SearchRequest("cat", filter={"year": {"$gt": 0}})
    # Once before: whether its words are searched while it is encoded is a matter of moments.
    search(caller, slug, asked)
    note("search", lambda: search(caller, slug, asked))
    note("status", lambda: collection_status(caller, slug))
    note("get", lambda: get_collection(caller, slug), lambda: list_collections(caller))
    note("delete", lambda: delete_documents(caller, slug, external_ids=["1", "2", "3"]))
    note(
        "sweep",
        runs.ring_for_waiting,
        spaces.ring_for_due,
        spaces.bury_crashed,
        spaces.flip_overdue,
        delete_expired,
        resume_deletions,
        spaces.grow_outgrown,
    )
    note("fold", lexical_index.fold)
    note("retention", forget_old_versions, spaces.forget_unused_vectors)
    note("removal", lambda: runs.carry_out(delete_collection(caller, slug), purge_collection))
    return locks


def test_locks_stay_flat_with_many_shelves(caller: Caller, most_locks: Callable[[], int]) -> None:
    few = life(caller, most_locks, "few")
    add_shelves(N_SHELVES)
    many = life(caller, most_locks, "many")
    more = {name: (n, many[name]) for name, n in few.items() if many[name] > n + 5}
    assert not more
    assert all(n > 0 for n in few.values())
