"""A collection with an HNSW index, and settings under which its few rows count as many."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import get_config, override_config
from embedhub.search import dense
from embedhub.search.observed import observer
from embedhub.spaces.indexes import grow_space
from tests.factories import SilentProgress, make_collection, send

DIMENSION = 32
N_ROWS = 800
SMALL: dict[str, Any] = {
    "exact_rows": 100,
    "candidate_pool": 20,
    "deep_pool": 40,
    "recall_rows": 100_000,
    "recall_seconds": 30,
}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes a few hundred rows count as many, and puts every setting back."""
    monkeypatch.setattr(dense, "HNSW_START_COST", 0.0, raising=False)
    monkeypatch.setattr(dense, "HNSW_ROW_COST", 0.1, raising=False)
    before = get_config().model_dump(include=set(SMALL) | {"recall_asked", "recall_warning"})
    override_config(**SMALL)
    yield
    override_config(**before)


@pytest.fixture
def vectors() -> NDArray[np.float32]:
    return np.random.default_rng(7).normal(size=(N_ROWS, DIMENSION)).astype(np.float32)


@pytest.fixture
def indexed(caller: Caller, settings: None, vectors: NDArray[np.float32]) -> Caller:
    """The collection `papers` on a shelf of its own, with metadata of every selectivity."""
    make_collection(
        caller,
        encoder="supplied",
        dimension=DIMENSION,
        filterable={"year": "number", "published": "date"},
    )
    for start in range(0, N_ROWS, 400):
        send(caller, *(document(i, vectors[i]) for i in range(start, start + 400)))
    grow(caller)
    observer.flush()
    return caller


def document(i: int, vector: NDArray[np.float32]) -> dict[str, Any]:
    return {
        "external_id": str(i),
        "text": f"text {i}",
        "vector": vector.tolist(),
        "metadata": {
            "year": i,
            "published": f"20{i % 100:02}-01-{i % 28 + 1:02}",
            "half": "yes" if i % 2 else "no",
            "tags": ["tenth"] if i % 10 == 0 else ["other", "more"],
        },
        "access": ["alice"] if i % 2 else None,
    }


def space_ids(slug: str = "papers") -> list[int]:
    """Return the spaces of a collection, the dense one first."""
    with db.reading() as session:
        statement = text(
            "SELECT s.id FROM spaces s JOIN collections c ON c.id = s.collection_id"
            " WHERE c.slug = :slug ORDER BY s.kind"
        )
        return list(session.execute(statement, {"slug": slug}).scalars())


def grow(caller: Caller, slug: str = "papers") -> None:
    for space_id in space_ids(slug):
        grow_space(SilentProgress(), {"space_id": space_id})


def degrade() -> None:
    """Replace the index by one with so few edges that it misses many neighbours."""
    [space_id, _] = space_ids()
    with db.autocommit() as connection:
        name, definition = connection.execute(
            text(
                "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'vectors'"
                " AND tablename = :table AND indexdef LIKE '%USING hnsw%'"
            ),
            {"table": f"embeddings_{space_id}"},
        ).one()
        head, _, where = definition.partition(" WHERE ")
        condition = f" WHERE {where}" if where else ""
        connection.execute(text(f"DROP INDEX vectors.{name}"))
        method = head.partition(" WITH ")[0]
        connection.execute(text(f"{method} WITH (m = 2, ef_construction = 4){condition}"))


def samples() -> list[Any]:
    with db.reading() as session:
        return list(session.execute(text("SELECT * FROM recall_samples ORDER BY id")))
