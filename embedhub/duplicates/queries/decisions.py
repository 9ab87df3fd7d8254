"""The SQL of decisions: what holds between two rows, and what was taken back."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.graph.subject import Level, Subject
from embedhub.tables import DuplicateCluster, DuplicateDecision, DuplicateSet

# How rows are named in decisions, by level: (id, key) of all rows of a subject.
DOCUMENTS = """
    SELECT id, external_id AS key FROM documents WHERE collection_id = :{owner}
"""
CHUNKS = """
    SELECT c.id, d.external_id || ' ' || substr(encode(f.text_hash, 'hex'), 1, 16) AS key
    FROM chunks c JOIN documents d ON d.id = c.document_id
    JOIN fingerprints f ON f.node_id = c.id AND f.set_id = :{owner}_set
    WHERE c.collection_id = :{owner} AND f.text_hash IS NOT NULL
"""
ITEMS = """
    SELECT id, external_id AS key FROM items WHERE catalog_id = :{owner}
"""
KEYS = {Level.DOCUMENT: DOCUMENTS, Level.CHUNK: CHUNKS, Level.ITEM: ITEMS}


def in_force(
    session: Session, set_id: int, left_key: str, right_key: str
) -> DuplicateDecision | None:
    """Return what holds between two rows, by their keys as they are stored."""
    statement = select(DuplicateDecision).where(
        DuplicateDecision.set_id == set_id,
        DuplicateDecision.left_key == left_key,
        DuplicateDecision.right_key == right_key,
        DuplicateDecision.undone_at.is_(None),
        DuplicateDecision.action != "undo",
    )
    return session.scalars(statement).one_or_none()


def all_in_force(
    session: Session, set_id: int, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], DuplicateDecision]:
    """Return what holds between pairs of keys."""
    if not keys:
        return {}
    lefts = [left for left, _ in keys]
    statement = select(DuplicateDecision).where(
        DuplicateDecision.set_id == set_id,
        DuplicateDecision.left_key.in_(lefts),
        DuplicateDecision.undone_at.is_(None),
        DuplicateDecision.action != "undo",
    )
    wanted = set(keys)
    return {
        (row.left_key, row.right_key): row
        for row in session.scalars(statement)
        if (row.left_key, row.right_key) in wanted
    }


def insert_decision(session: Session, **columns: Any) -> DuplicateDecision | None:
    """Insert a decision; None if another one about the same was made at this moment."""
    statement = (
        insert(DuplicateDecision)
        .values(**columns)
        .on_conflict_do_nothing()
        .returning(DuplicateDecision)
    )
    return session.scalars(statement).one_or_none()


def mark_undone(session: Session, decision_id: int, *, by: str) -> None:
    """Write that a decision was taken back."""
    session.execute(
        update(DuplicateDecision)
        .where(DuplicateDecision.id == decision_id)
        .values(undone_at=func.now(), undone_by=by)
    )


def is_hidden_by_others(session: Session, set_id: int, external_id: str, *, besides: int) -> bool:
    """Say whether another decision that holds keeps this row out of searches."""
    statement = select(DuplicateDecision.id).where(
        DuplicateDecision.set_id == set_id,
        DuplicateDecision.hidden_external_id == external_id,
        DuplicateDecision.undone_at.is_(None),
        DuplicateDecision.id != besides,
    )
    return session.scalars(statement.limit(1)).one_or_none() is not None


def hiding_of(session: Session, set_id: int, external_id: str) -> int | None:
    """Return what a decision that holds took this row out of searches with, if one did."""
    statement = select(DuplicateDecision.hiding_id).where(
        DuplicateDecision.set_id == set_id,
        DuplicateDecision.hidden_external_id == external_id,
        DuplicateDecision.hiding_id.is_not(None),
        DuplicateDecision.undone_at.is_(None),
    )
    return session.scalars(statement.limit(1)).one_or_none()


def canonical_among(session: Session, set_id: int, ids: Sequence[int]) -> int | None:
    """Return which of these rows stands for a cluster, if one does."""
    statement = select(DuplicateCluster.canonical_id).where(
        DuplicateCluster.set_id == set_id, DuplicateCluster.canonical_id.in_(list(ids))
    )
    return session.scalars(statement.order_by(DuplicateCluster.id).limit(1)).one_or_none()


def kept_keys(session: Session, set_id: int, keys: Sequence[str]) -> list[str]:
    """Return the rows of these that people chose to stay, the latest choice first."""
    statement = (
        select(DuplicateDecision.keep_key)
        .where(
            DuplicateDecision.set_id == set_id,
            DuplicateDecision.keep_key.in_(list(keys)),
            DuplicateDecision.undone_at.is_(None),
        )
        .order_by(DuplicateDecision.id.desc())
    )
    return [key for key in session.scalars(statement) if key is not None]


def list_decisions(
    session: Session, set_id: int, *, before: int | None, limit: int
) -> Sequence[DuplicateDecision]:
    """Return decisions of a set, newest first, with those that take others back."""
    statement = select(DuplicateDecision).where(DuplicateDecision.set_id == set_id)
    if before is not None:
        statement = statement.where(DuplicateDecision.id < before)
    return session.scalars(statement.order_by(DuplicateDecision.id.desc()).limit(limit)).all()


def decided_by_score(session: Session, set_id: int, n_bins: int) -> list[tuple[int, bool, int]]:
    """Return (bin, were they duplicates, decisions) of what holds, over scores from 0 to 1."""
    place = func.least(func.floor(DuplicateDecision.score * n_bins), n_bins - 1)
    is_duplicate = DuplicateDecision.action != "not_duplicate"
    statement = (
        select(place, is_duplicate, func.count())
        .where(
            DuplicateDecision.set_id == set_id,
            DuplicateDecision.score.is_not(None),
            DuplicateDecision.undone_at.is_(None),
            DuplicateDecision.action.in_(("link", "hide", "merge", "not_duplicate")),
        )
        .group_by(place, is_duplicate)
    )
    return [(int(where), said, int(n)) for where, said, n in session.execute(statement)]


def apply_to_pairs(
    session: Session,
    found: DuplicateSet,
    subjects: tuple[Subject, Subject],
    sets: tuple[int, int],
) -> int:
    """Write the decisions that hold into the open pairs of their rows; return how many.

    Rows are found by their keys, so that what was decided holds for rows sent, parted or encoded
    again. `sets` are those that have the rows' fingerprints.
    """
    left, right = (
        KEYS[subject.level].format(owner=name)
        for subject, name in zip(subjects, ("ours", "theirs"), strict=True)
    )
    either = (
        ""
        if found.other_collection_id is not None
        else "OR (l.key = d.right_key AND r.key = d.left_key)"
    )
    statement = text(f"""
        UPDATE duplicate_pairs p
        SET status = CASE WHEN d.action = 'not_duplicate' THEN 'dismissed' ELSE 'confirmed' END
        FROM duplicate_decisions d, ({left}) AS l, ({right}) AS r
        WHERE d.set_id = :set_id AND d.undone_at IS NULL
          AND d.action IN ('link', 'hide', 'merge', 'not_duplicate')
          AND p.set_id = :set_id AND p.status = 'open'
          AND p.left_id = l.id AND p.right_id = r.id
          AND ((l.key = d.left_key AND r.key = d.right_key) {either})
        RETURNING p.id
    """)
    parameters = {
        "set_id": found.id,
        "ours": subjects[0].collection_id or subjects[0].catalog_id,
        "theirs": subjects[1].collection_id or subjects[1].catalog_id,
        "ours_set": sets[0],
        "theirs_set": sets[1],
    }
    used = {name: value for name, value in parameters.items() if f":{name}" in str(statement)}
    return len(session.execute(statement, used).all())


def keys_of(session: Session, subject: Subject, set_id: int, ids: Sequence[int]) -> dict[int, str]:
    """Return how these rows are named in decisions."""
    rows = KEYS[subject.level].format(owner="ours")
    statement = text(f"SELECT id, key FROM ({rows}) AS named WHERE id = ANY(:ids)")
    parameters: dict[str, Any] = {
        "ours": subject.collection_id or subject.catalog_id,
        "ids": [int(one) for one in ids],
    }
    if subject.level is Level.CHUNK:
        parameters["ours_set"] = set_id
    return {int(one): key for one, key in session.execute(statement, parameters)}
