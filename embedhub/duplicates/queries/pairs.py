"""The SQL of pairs: stored as they are found, listed by who may see both rows, counted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.duplicates.judging import Judged, Kind
from embedhub.tables import DuplicatePair, DuplicateSet

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Edge:
    """A stored pair as clusters are made of it."""

    left_id: int
    right_id: int
    score: float
    kind: str
    status: str
    is_automatic: bool
    is_contradicted: bool


def upsert(
    session: Session, found: DuplicateSet, pairs: Mapping[Pair, Judged]
) -> list[tuple[int, int, int]]:
    """Store pairs in place of what was known of them; what was decided stays.

    Returns (id, left, right) of those that nobody had found before.
    """
    statement = insert(DuplicatePair)
    sent = statement.excluded
    names = ("kind", "score", "is_automatic", "contradictions", "parts")
    stored = statement.on_conflict_do_update(
        index_elements=["set_id", "left_id", "right_id"],
        set_={**{name: sent[name] for name in names}, "seen_at": func.clock_timestamp()},
    ).returning(
        DuplicatePair.id,
        DuplicatePair.left_id,
        DuplicatePair.right_id,
        text("xmax = 0 AS is_new"),
    )
    rows = [
        {
            "workspace_id": found.workspace_id,
            "set_id": found.id,
            "left_id": left,
            "right_id": right,
            "kind": judged.kind.value,
            "score": judged.score,
            "is_automatic": judged.is_automatic,
            "contradictions": list(judged.contradictions),
            "parts": judged.parts,
        }
        for (left, right), judged in sorted(pairs.items())
    ]
    if not rows:
        return []
    found_rows = session.execute(stored, rows).all()
    return [(one, left, right) for one, left, right, is_new in found_rows if is_new]


def star_copies(
    session: Session, found: DuplicateSet, judged: Judged, hashes: Sequence[bytes] | None = None
) -> int:
    """Store each copy of a text as a pair with the first row that has it; return how many.

    Many copies are so many pairs, not the square of it. `hashes` are the texts to look at, None
    for all.
    """
    statement = text(f"""
        INSERT INTO duplicate_pairs AS stored (workspace_id, set_id, left_id, right_id, kind, score,
                                     is_automatic, contradictions, parts, seen_at)
        SELECT :workspace_id, :set_id, first, node_id, 'exact', 1, true, '{{}}',
               CAST(:parts AS jsonb), clock_timestamp()
        FROM (SELECT node_id, min(node_id) OVER (PARTITION BY text_hash) AS first
              FROM fingerprints WHERE set_id = :set_id AND text_hash IS NOT NULL
              {"" if hashes is None else "AND text_hash = ANY(:hashes)"}) AS copies
        WHERE node_id <> first
        ON CONFLICT (set_id, left_id, right_id) DO UPDATE SET kind = 'exact', score = 1,
          is_automatic = true, contradictions = '{{}}', parts = excluded.parts,
          seen_at = clock_timestamp()
        RETURNING 1
    """)
    parameters: dict[str, Any] = {
        "workspace_id": found.workspace_id,
        "set_id": found.id,
        "parts": _json(judged.parts),
    }
    if hashes is not None:
        parameters["hashes"] = list(hashes)
    return len(session.execute(statement, parameters).all())


def star_across(
    session: Session, found: DuplicateSet, ours: int, theirs: int, judged: Judged
) -> int:
    """Store each row of one set whose text another set has as a pair with the first of these."""
    statement = text("""
        INSERT INTO duplicate_pairs (workspace_id, set_id, left_id, right_id, kind, score,
                                     is_automatic, contradictions, parts, seen_at)
        SELECT :workspace_id, :set_id, f.node_id, o.first, 'exact', 1, true, '{}',
               CAST(:parts AS jsonb), clock_timestamp()
        FROM fingerprints f
        JOIN (SELECT text_hash, min(node_id) AS first FROM fingerprints
              WHERE set_id = :theirs AND text_hash IS NOT NULL GROUP BY text_hash) AS o
          ON o.text_hash = f.text_hash
        WHERE f.set_id = :ours
        ON CONFLICT (set_id, left_id, right_id) DO UPDATE SET kind = 'exact', score = 1,
          is_automatic = true, contradictions = '{}', parts = excluded.parts,
          seen_at = clock_timestamp()
        RETURNING 1
    """)
    parameters = {
        "workspace_id": found.workspace_id,
        "set_id": found.id,
        "ours": ours,
        "theirs": theirs,
        "parts": _json(judged.parts),
    }
    return len(session.execute(statement, parameters).all())


def _json(value: Any) -> str:
    import orjson

    return orjson.dumps(value).decode()


def now(session: Session) -> Any:
    """Return the database's time: pairs seen since are seen in what began then."""
    return session.execute(select(func.clock_timestamp())).scalar_one()


def delete_unseen(session: Session, set_id: int, before: Any, *, limit: int) -> int:
    """Delete some open pairs that were last seen before; return how many."""
    old = (
        select(DuplicatePair.id)
        .where(
            DuplicatePair.set_id == set_id,
            DuplicatePair.status == "open",
            DuplicatePair.seen_at < before,
        )
        .limit(limit)
    )
    statement = delete(DuplicatePair).where(DuplicatePair.id.in_(old)).returning(DuplicatePair.id)
    return len(session.execute(statement).all())


def delete_open_of(session: Session, set_id: int, ids: Sequence[int], before: Any) -> None:
    """Delete the open pairs of these rows that were last seen before."""
    session.execute(
        delete(DuplicatePair).where(
            _of_rows(set_id, ids),
            DuplicatePair.status == "open",
            DuplicatePair.seen_at < before,
        )
    )


def demote_copies(
    session: Session, set_id: int, before: Any, ids: Sequence[int] | None = None
) -> None:
    """Call decided pairs nearly the same that were last seen as equal before, and now are not."""
    statement = update(DuplicatePair).where(
        DuplicatePair.set_id == set_id if ids is None else _of_rows(set_id, ids),
        DuplicatePair.kind == Kind.EXACT.value,
        DuplicatePair.status != "open",
        DuplicatePair.seen_at < before,
    )
    session.execute(statement.values(kind=Kind.NEAR_COPY.value, is_automatic=False))


def delete_of(session: Session, set_id: int, ids: Sequence[int]) -> None:
    """Delete all pairs of these rows, which are gone; decisions about them are kept elsewhere."""
    session.execute(delete(DuplicatePair).where(_of_rows(set_id, ids)))


def delete_some(session: Session, set_id: int, *, limit: int) -> int:
    """Delete some pairs of a set that is being removed; return how many."""
    some = select(DuplicatePair.id).where(DuplicatePair.set_id == set_id).limit(limit)
    statement = delete(DuplicatePair).where(DuplicatePair.id.in_(some)).returning(DuplicatePair.id)
    return len(session.execute(statement).all())


def _of_rows(set_id: int, ids: Sequence[int]) -> ColumnElement[bool]:
    wanted = list(ids)
    return and_(
        DuplicatePair.set_id == set_id,
        or_(DuplicatePair.left_id.in_(wanted), DuplicatePair.right_id.in_(wanted)),
    )


def partners_of(session: Session, set_id: int, ids: Sequence[int]) -> set[int]:
    """Return the rows that stand in a pair with one of these."""
    statement = select(DuplicatePair.left_id, DuplicatePair.right_id).where(_of_rows(set_id, ids))
    return {one for pair in session.execute(statement) for one in pair}


def edges(session: Session, set_id: int, ids: Sequence[int] | None = None) -> Iterator[Edge]:
    """Yield all pairs of a set, or those between two of these rows."""
    statement = select(
        DuplicatePair.left_id,
        DuplicatePair.right_id,
        DuplicatePair.score,
        DuplicatePair.kind,
        DuplicatePair.status,
        DuplicatePair.is_automatic,
        func.cardinality(DuplicatePair.contradictions) > 0,
    ).where(DuplicatePair.set_id == set_id)
    if ids is not None:
        wanted = list(ids)
        statement = statement.where(
            DuplicatePair.left_id.in_(wanted), DuplicatePair.right_id.in_(wanted)
        )
    for row in session.execute(statement.execution_options(yield_per=10_000)):
        yield Edge(*row)


def find_pair(
    session: Session,
    set_ids: Sequence[int],
    pair_id: int,
) -> DuplicatePair | None:
    """Return a pair of one of these sets."""
    statement = select(DuplicatePair).where(
        DuplicatePair.id == pair_id, DuplicatePair.set_id.in_(list(set_ids))
    )
    return session.scalars(statement).one_or_none()


def set_status(session: Session, set_id: int, pairs: Sequence[Pair], status: str) -> None:
    """Write what was decided about pairs."""
    session.execute(
        update(DuplicatePair)
        .where(
            DuplicatePair.set_id == set_id,
            tuple_(DuplicatePair.left_id, DuplicatePair.right_id).in_(list(pairs)),
        )
        .values(status=status)
    )
