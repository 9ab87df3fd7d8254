"""The SQL of fingerprints: what rows are compared by, and who shares a band or a text with whom."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ARRAY, Integer, cast, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.graph.subject import Subject
from embedhub.graph.visibility import visible
from embedhub.tables import Fingerprint, NeighborList

# Rows looked at for each one wanted: many may have one text.
CROWDED = 20


@dataclass(frozen=True, slots=True)
class FingerprintRow:
    """A row's fingerprint as it is stored; `text_hash` is None for nothing to compare."""

    node_id: int
    node_hash: bytes
    text_hash: bytes | None
    bands: list[int]
    n_words: int


@dataclass(frozen=True, slots=True)
class Prints:
    """All fingerprints of a set by id: hashes, and bands of those that have any."""

    ids: NDArray[np.int64]
    text_hashes: list[bytes | None]
    bands: NDArray[np.int32]
    has_bands: NDArray[np.bool_]


def stored_hashes(session: Session, set_id: int, ids: Sequence[int]) -> dict[int, bytes]:
    """Return what the stored fingerprints of these rows were made of."""
    statement = select(Fingerprint.node_id, Fingerprint.node_hash).where(
        Fingerprint.set_id == set_id, Fingerprint.node_id.in_(list(ids))
    )
    return {node_id: bytes(found) for node_id, found in session.execute(statement)}


def listed_hashes(session: Session, graph_id: int, ids: Sequence[int]) -> dict[int, bytes]:
    """Return what the neighbor lists of these rows were made of."""
    statement = select(NeighborList.node_id, NeighborList.node_hash).where(
        NeighborList.graph_id == graph_id, NeighborList.node_id.in_(list(ids))
    )
    return {node_id: bytes(found) for node_id, found in session.execute(statement)}


def upsert(session: Session, set_id: int, rows: Sequence[FingerprintRow]) -> None:
    """Store fingerprints in place of what was there."""
    statement = insert(Fingerprint)
    new = statement.excluded
    stored = statement.on_conflict_do_update(
        index_elements=["set_id", "node_id"],
        set_={
            "node_hash": new.node_hash,
            "text_hash": new.text_hash,
            "bands": new.bands,
            "n_words": new.n_words,
            "updated_at": func.now(),
        },
    )
    sent = [
        {
            "set_id": set_id,
            "node_id": row.node_id,
            "node_hash": row.node_hash,
            "text_hash": row.text_hash,
            "bands": row.bands,
            "n_words": row.n_words,
        }
        for row in sorted(rows, key=lambda row: row.node_id)
    ]
    if sent:
        # Not compiled anew for every number of rows.
        session.execute(stored, sent)


def read_prints(session: Session, set_id: int, n_bands: int) -> Prints:
    """Return all fingerprints of a set that have something to compare."""
    statement = (
        select(Fingerprint.node_id, Fingerprint.text_hash, Fingerprint.bands)
        .where(Fingerprint.set_id == set_id, Fingerprint.text_hash.is_not(None))
        .order_by(Fingerprint.node_id)
        .execution_options(yield_per=5_000)
    )
    ids: list[int] = []
    hashes: list[bytes | None] = []
    blocks: list[NDArray[np.int32]] = []
    for part in session.execute(statement).partitions():
        ids += [row[0] for row in part]
        hashes += [bytes(row[1]) for row in part]
        blocks.append(
            np.array([row[2] or [0] * n_bands for row in part], np.int32).reshape(-1, n_bands)
        )
    bands = np.concatenate(blocks) if blocks else np.empty((0, n_bands), np.int32)
    return Prints(np.array(ids, np.int64), hashes, bands, np.asarray(bands.any(axis=1)))


def first_of_texts(
    session: Session, set_id: int, hashes: Sequence[bytes], *, besides: Sequence[int] = ()
) -> dict[bytes, int]:
    """Return the lowest id that has each of these texts."""
    statement = (
        select(Fingerprint.text_hash, func.min(Fingerprint.node_id))
        .where(Fingerprint.set_id == set_id, Fingerprint.text_hash.in_(list(hashes)))
        .group_by(Fingerprint.text_hash)
    )
    if besides:
        statement = statement.where(Fingerprint.node_id.not_in(list(besides)))
    return {bytes(found): node_id for found, node_id in session.execute(statement) if found}


def hashes_of(session: Session, set_id: int, ids: Sequence[int]) -> dict[int, bytes]:
    """Return the hashes of the texts of these rows, as far as they have one."""
    statement = select(Fingerprint.node_id, Fingerprint.text_hash).where(
        Fingerprint.set_id == set_id,
        Fingerprint.node_id.in_(list(ids)),
        Fingerprint.text_hash.is_not(None),
    )
    return {node_id: bytes(found) for node_id, found in session.execute(statement)}


def words_of(session: Session, set_id: int, ids: Sequence[int]) -> dict[int, int]:
    """Return how many words these rows have."""
    statement = select(Fingerprint.node_id, Fingerprint.n_words).where(
        Fingerprint.set_id == set_id, Fingerprint.node_id.in_(list(ids))
    )
    return {row.node_id: row.n_words for row in session.execute(statement)}


def with_text(
    session: Session,
    set_id: int,
    subject: Subject,
    text_hash: bytes,
    *,
    principals: Sequence[str] | None,
    limit: int,
) -> list[int]:
    """Return rows of exactly this text that somebody may see, the oldest first."""
    statement = (
        select(Fingerprint.node_id)
        .where(
            Fingerprint.set_id == set_id,
            Fingerprint.text_hash == text_hash,
            visible(subject, principals, Fingerprint.node_id),
        )
        .order_by(Fingerprint.node_id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def sharing_bands(
    session: Session, set_id: int, bands: Sequence[int], *, limit: int
) -> list[tuple[int, bytes]]:
    """Return rows that share a band, one of each text, those that share most first, with hashes.

    Of a crowd that shares one, the first few are looked at.
    """
    if not bands:
        return []
    # In a query of its own the planner cannot see them: it would guess that each is in half a
    # percent of all rows, and read those one by one where the index knows the few there are.
    wanted = select(cast(list(bands), ARRAY(Integer))).scalar_subquery()
    statement = (
        select(Fingerprint.node_id, Fingerprint.text_hash, Fingerprint.bands)
        .where(
            Fingerprint.set_id == set_id,
            Fingerprint.bands.op("&&")(wanted),
            Fingerprint.text_hash.is_not(None),
        )
        .limit(limit * CROWDED)
    )
    rows = session.execute(statement).all()
    own = set(bands)
    best: dict[bytes, tuple[int, int]] = {}
    for node_id, found, theirs in rows:
        key = (-len(own.intersection(theirs)), node_id)
        text_hash = bytes(found)
        if text_hash not in best or key < best[text_hash]:
            best[text_hash] = key
    ordered = sorted((key, text_hash) for text_hash, key in best.items())
    return [(key[1], text_hash) for key, text_hash in ordered[:limit]]


def stale_rows(session: Session, set_id: int, graph_id: int, *, limit: int) -> list[int]:
    """Return rows whose fingerprint is missing or was made of something else, in id order."""
    statement = text("""
        SELECT l.node_id FROM neighbor_lists l
        LEFT JOIN fingerprints f ON f.set_id = :set_id AND f.node_id = l.node_id
        WHERE l.graph_id = :graph_id AND f.node_hash IS DISTINCT FROM l.node_hash
        ORDER BY l.node_id LIMIT :limit
    """)
    found = session.execute(
        statement, {"set_id": set_id, "graph_id": graph_id, "limit": limit}
    ).scalars()
    return list(found)


def gone_rows(session: Session, set_id: int, subject: Subject, *, limit: int) -> list[int]:
    """Return rows with a fingerprint that are no longer there, in id order."""
    statement = (
        select(Fingerprint.node_id)
        .where(Fingerprint.set_id == set_id, ~visible(subject, None, Fingerprint.node_id))
        .order_by(Fingerprint.node_id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def mark_stale(session: Session, set_id: int, ids: Sequence[int]) -> None:
    """Have these rows compared again."""
    session.execute(
        update(Fingerprint)
        .where(Fingerprint.set_id == set_id, Fingerprint.node_id.in_(list(ids)))
        .values(node_hash=b"")
    )


def delete_rows(session: Session, set_id: int, ids: Sequence[int]) -> None:
    """Delete the fingerprints of these rows."""
    session.execute(
        delete(Fingerprint).where(Fingerprint.set_id == set_id, Fingerprint.node_id.in_(list(ids)))
    )


def delete_some(session: Session, set_id: int, *, limit: int) -> int:
    """Delete some fingerprints of a set that is being removed; return how many."""
    statement = text("""
        DELETE FROM fingerprints WHERE (set_id, node_id) IN (
          SELECT set_id, node_id FROM fingerprints WHERE set_id = :set_id
          ORDER BY node_id LIMIT :limit)
        RETURNING node_id
    """)
    return len(session.execute(statement, {"set_id": set_id, "limit": limit}).all())
