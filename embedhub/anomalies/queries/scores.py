"""The SQL of scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from embedhub.bulk_copy import copy_rows, float4, int4, int8, raw
from embedhub.tables import AnomalyScore

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """Rows with the hash of their neighbor list (None without one), score and tail shares."""

    ids: Sequence[int]
    hashes: Sequence[bytes | None]
    scores: Floats
    tails: Floats


def copy_scores(session: Session, profile_id: int, generation: int, rows: ScoredRows) -> None:
    """Store scores of rows that have none in this generation."""
    head = (int8(profile_id), int4(generation))
    tails = rows.tails.astype("<f4")
    copy_rows(
        session,
        "anomaly_scores",
        ("profile_id", "generation", "node_id", "node_hash", "score", "tails"),
        (
            (*head, int8(node_id), raw(node_hash), float4(score), raw(tails[place].tobytes()))
            for place, (node_id, node_hash, score) in enumerate(
                zip(rows.ids, rows.hashes, rows.scores.tolist(), strict=True)
            )
        ),
    )


def put_scores(session: Session, profile_id: int, generation: int, rows: ScoredRows) -> None:
    """Store scores of rows in place of those they had."""
    statement = text("""
        DELETE FROM anomaly_scores WHERE profile_id = :profile_id AND generation = :generation
          AND node_id = ANY(:ids)
    """)
    facts = {"profile_id": profile_id, "generation": generation, "ids": list(rows.ids)}
    session.execute(statement, facts)
    copy_scores(session, profile_id, generation, rows)


def tails_of(
    session: Session, profile_id: int, generation: int, ids: Sequence[int]
) -> dict[int, NDArray[np.float32]]:
    """Return the tail shares of these rows, as far as they have been scored."""
    statement = select(AnomalyScore.node_id, AnomalyScore.tails).where(
        AnomalyScore.profile_id == profile_id,
        AnomalyScore.generation == generation,
        AnomalyScore.node_id.in_(list(ids)),
    )
    return {
        node_id: np.frombuffer(tails, dtype="<f4") for node_id, tails in session.execute(statement)
    }


def list_hashes(session: Session, graph_id: int) -> dict[int, bytes]:
    """Return the hash of every neighbor list of a graph by row."""
    statement = text("SELECT node_id, node_hash FROM neighbor_lists WHERE graph_id = :graph_id")
    rows = session.execute(statement, {"graph_id": graph_id})
    return {node_id: bytes(node_hash) for node_id, node_hash in rows}


def stale_nodes(
    session: Session, graph_id: int, profile_id: int, generation: int, *, limit: int
) -> list[tuple[int, bytes]]:
    """Return rows of a graph that were not scored with the neighbors they have now."""
    statement = text("""
        SELECT l.node_id, l.node_hash FROM neighbor_lists l
        LEFT JOIN anomaly_scores s ON s.profile_id = :profile_id AND s.generation = :generation
          AND s.node_id = l.node_id
        WHERE l.graph_id = :graph_id AND s.node_hash IS DISTINCT FROM l.node_hash
        ORDER BY l.node_id LIMIT :limit
    """)
    facts = {
        "graph_id": graph_id, "profile_id": profile_id, "generation": generation, "limit": limit
    }  # fmt: skip
    return [(node_id, bytes(node_hash)) for node_id, node_hash in session.execute(statement, facts)]


def gone_nodes(
    session: Session, graph_id: int, profile_id: int, generation: int, *, limit: int
) -> list[int]:
    """Return scored rows that have left a graph."""
    statement = text("""
        SELECT s.node_id FROM anomaly_scores s
        LEFT JOIN neighbor_lists l ON l.graph_id = :graph_id AND l.node_id = s.node_id
        WHERE s.profile_id = :profile_id AND s.generation = :generation
          AND s.node_hash IS NOT NULL AND l.node_id IS NULL
        LIMIT :limit
    """)
    facts = {
        "graph_id": graph_id, "profile_id": profile_id, "generation": generation, "limit": limit
    }  # fmt: skip
    return list(session.execute(statement, facts).scalars())


ARRIVALS = {
    "document": "SELECT id, created_at FROM documents WHERE id = ANY(:ids)",
    "chunk": """
        SELECT c.id, d.created_at FROM chunks c JOIN documents d ON d.id = c.document_id
        WHERE c.id = ANY(:ids)
    """,
    "item": "SELECT id, created_at FROM items WHERE id = ANY(:ids)",
}


def arrivals_of(session: Session, level: str, ids: Sequence[int]) -> dict[int, float]:
    """Return when these rows came, in seconds."""
    rows = session.execute(text(ARRIVALS[level]), {"ids": list(ids)})
    return {node_id: created_at.timestamp() for node_id, created_at in rows}


def delete_scores(session: Session, profile_id: int, generation: int, ids: Sequence[int]) -> None:
    """Delete the scores of rows."""
    statement = text("""
        DELETE FROM anomaly_scores WHERE profile_id = :profile_id AND generation = :generation
          AND node_id = ANY(:ids)
    """)
    facts = {"profile_id": profile_id, "generation": generation, "ids": list(ids)}
    session.execute(statement, facts)


def delete_other_scores(session: Session, profile_id: int, *, kept: int, limit: int) -> int:
    """Delete some scores of scans other than the one that counts; return how many."""
    statement = text("""
        DELETE FROM anomaly_scores WHERE ctid = ANY(ARRAY(
          SELECT ctid FROM anomaly_scores WHERE profile_id = :profile_id AND generation <> :kept
          LIMIT :limit))
        RETURNING 1
    """)
    facts = {"profile_id": profile_id, "kept": kept, "limit": limit}
    return len(session.execute(statement, facts).all())


def delete_some(
    session: Session, *, collection_id: int | None, catalog_id: int | None, limit: int
) -> int:
    """Delete some scores of a collection or catalog that is being removed; return how many."""
    statement = text("""
        DELETE FROM anomaly_scores WHERE ctid = ANY(ARRAY(
          SELECT s.ctid FROM anomaly_scores s JOIN anomaly_profiles p ON p.id = s.profile_id
          WHERE p.collection_id = :collection_id OR p.catalog_id = :catalog_id LIMIT :limit))
        RETURNING 1
    """)
    facts = {"collection_id": collection_id, "catalog_id": catalog_id, "limit": limit}
    return len(session.execute(statement, facts).all())
