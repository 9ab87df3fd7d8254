"""The SQL of labels that people gave, and of those that metadata holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session, aliased

from embedhub.graph.subject import Level, Subject
from embedhub.tables import Document, GivenLabel, Item

# Of each row the latest label that was not undone. A passage has the label of what it says: of
# another generation of its document the same words have it too.
STANDING = """
    SELECT DISTINCT ON (g.node_id) g.node_id, g.label, g.id, g.given_by, g.given_at
    FROM given_labels g
    WHERE g.set_id = :set_id AND g.undone_at IS NULL {among}
    ORDER BY g.node_id, g.id DESC
"""
STANDING_OF_PASSAGES = """
    SELECT DISTINCT ON (c.id) c.id AS node_id, g.label, g.id, g.given_by, g.given_at
    FROM given_labels g
    JOIN documents d ON d.id = g.document_id
    JOIN chunks c ON c.document_id = g.document_id AND c.input_hash = g.input_hash
      AND c.generation = d.live_generation
    WHERE g.set_id = :set_id AND g.undone_at IS NULL {among}
    ORDER BY c.id, g.id DESC
"""
FIELDS = {
    Level.DOCUMENT: "SELECT id, metadata -> :field FROM documents WHERE id = ANY(:ids)",
    Level.CHUNK: """
        SELECT c.id, d.metadata -> :field FROM chunks c JOIN documents d ON d.id = c.document_id
        WHERE c.id = ANY(:ids)
    """,
    Level.ITEM: """
        SELECT id, CASE :field WHEN 'categories' THEN to_jsonb(categories)
                   WHEN 'labels' THEN to_jsonb(labels)
                   ELSE coalesce(attributes -> :field, fields -> :field) END
        FROM items WHERE id = ANY(:ids)
    """,
}
ROWS = {
    Level.DOCUMENT: """
        SELECT external_id, 0 AS position, id, id AS document_id, NULL::bytea AS input_hash
        FROM documents WHERE workspace_id = :workspace_id AND collection_id = :owner_id
          AND external_id = ANY(:external_ids) FOR KEY SHARE
    """,
    Level.CHUNK: """
        SELECT d.external_id, c.position, c.id, d.id AS document_id, c.input_hash
        FROM documents d
        JOIN chunks c ON c.document_id = d.id AND c.generation = d.live_generation
        WHERE d.workspace_id = :workspace_id AND d.collection_id = :owner_id
          AND d.external_id = ANY(:external_ids) FOR KEY SHARE OF d
    """,
    Level.ITEM: """
        SELECT external_id, 0 AS position, id, NULL::bigint AS document_id,
               NULL::bytea AS input_hash
        FROM items WHERE workspace_id = :workspace_id AND catalog_id = :owner_id
          AND external_id = ANY(:external_ids) FOR KEY SHARE
    """,
}

HELD = {
    Level.DOCUMENT: """
        SELECT id, id AS document_id, NULL::bytea AS input_hash FROM documents
        WHERE id = ANY(:ids) FOR KEY SHARE
    """,
    Level.CHUNK: """
        SELECT c.id, d.id AS document_id, c.input_hash
        FROM documents d JOIN chunks c ON c.document_id = d.id
        WHERE c.id = ANY(:ids) FOR KEY SHARE OF d
    """,
    Level.ITEM: """
        SELECT id, NULL::bigint AS document_id, NULL::bytea AS input_hash FROM items
        WHERE id = ANY(:ids) FOR KEY SHARE
    """,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """The label that holds of a row: None fits none. `id` is of the row that somebody wrote."""

    node_id: int
    label: str | None
    id: int
    given_by: str
    given_at: datetime


@dataclass(frozen=True, slots=True)
class Target:
    """A row that a label can be given: its ids, and of a passage what it says, hashed."""

    node_id: int
    document_id: int | None
    item_id: int | None
    input_hash: bytes | None


@dataclass(frozen=True, slots=True)
class GivenRow:
    """One act of labelling, as it is listed."""

    id: int
    node_id: int
    external_id: str
    label: str | None
    given_by: str
    given_at: datetime
    undone_by: str | None
    undone_at: datetime | None


def standing_labels(
    session: Session, *, set_id: int, level: Level, ids: Sequence[int] | None = None
) -> dict[int, Standing]:
    """Return the labels that people gave these rows, or all rows; by row."""
    is_passage = level is Level.CHUNK
    among = "" if ids is None else f"AND {'c.id' if is_passage else 'g.node_id'} = ANY(:ids)"
    template = STANDING_OF_PASSAGES if is_passage else STANDING
    facts: dict[str, Any] = {"set_id": set_id} | ({} if ids is None else {"ids": list(ids)})
    found = session.execute(text(template.format(among=among)), facts)
    return {row.node_id: Standing(**row._mapping) for row in found}


def field_values(
    session: Session, *, level: Level, field: str, ids: Sequence[int]
) -> list[tuple[int, Any]]:
    """Return what a field of the metadata holds for each of these rows; None for nothing."""
    facts = {"field": field, "ids": list(ids)}
    return [(row[0], row[1]) for row in session.execute(text(FIELDS[level]), facts)]


def targets(
    session: Session, subject: Subject, external_ids: Sequence[str]
) -> dict[tuple[str, int], Target]:
    """Return the rows of these external ids, held, by external id and position (else 0)."""
    facts = {
        "workspace_id": subject.workspace_id,
        "owner_id": subject.collection_id or subject.catalog_id,
        "external_ids": list(external_ids),
    }
    return {
        (row.external_id, row.position): _target(row, subject.level)
        for row in session.execute(text(ROWS[subject.level]), facts)
    }


def held_targets(session: Session, level: Level, ids: Sequence[int]) -> dict[int, Target]:
    """Return these rows by id, as far as they are there; they stay until the transaction ends."""
    found = session.execute(text(HELD[level]), {"ids": list(ids)})
    return {row.id: _target(row, level) for row in found}


def _target(row: Any, level: Level) -> Target:
    is_item = level is Level.ITEM
    return Target(
        row.id,
        None if is_item else row.document_id,
        row.id if is_item else None,
        None if row.input_hash is None else bytes(row.input_hash),
    )


def insert_given(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert labels and return their ids in order."""
    statement = insert(GivenLabel).returning(GivenLabel.id, sort_by_parameter_order=True)
    return list(session.scalars(statement, list(rows))) if rows else []


def find_given(session: Session, *, set_id: int, ids: Sequence[int]) -> dict[int, GivenLabel]:
    """Return these acts of a set by id."""
    statement = select(GivenLabel).where(GivenLabel.set_id == set_id, GivenLabel.id.in_(ids))
    return {row.id: row for row in session.scalars(statement)}


def undo_given(session: Session, *, ids: Sequence[int], by: str) -> list[int]:
    """Take labels back, as far as nobody has; return which."""
    statement = (
        update(GivenLabel)
        .where(GivenLabel.id.in_(ids), GivenLabel.undone_at.is_(None))
        .values(undone_at=func.now(), undone_by=by)
        .returning(GivenLabel.id)
    )
    return sorted(session.scalars(statement))


def list_given(
    session: Session, *, set_id: int, before: int | None, limit: int, visible: Any
) -> list[GivenRow]:
    """Return acts of labelling, the latest first, of rows that `visible` allows."""
    # Under other names than the ones that `visible` asks about.
    document, item = aliased(Document), aliased(Item)
    statement = (
        select(
            GivenLabel.id,
            GivenLabel.node_id,
            func.coalesce(document.external_id, item.external_id).label("external_id"),
            GivenLabel.label,
            GivenLabel.given_by,
            GivenLabel.given_at,
            GivenLabel.undone_by,
            GivenLabel.undone_at,
        )
        .outerjoin(document, document.id == GivenLabel.document_id)
        .outerjoin(item, item.id == GivenLabel.item_id)
        .where(GivenLabel.set_id == set_id, visible)
        .order_by(GivenLabel.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(GivenLabel.id < before)
    return [GivenRow(**row._mapping) for row in session.execute(statement)]


def count_given(session: Session, *, set_id: int, level: Level) -> dict[str | None, int]:
    """Return how many rows have each label from people."""
    template = STANDING_OF_PASSAGES if level is Level.CHUNK else STANDING
    statement = text(
        f"SELECT label, count(*) AS n FROM ({template.format(among='')}) s GROUP BY label"
    )
    found = session.execute(statement, {"set_id": set_id})
    return {row.label: row.n for row in found}
