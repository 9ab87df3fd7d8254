"""The SQL that gives items and users of catalogs their places in the spaces of these.

An item changes under the same id, unlike a chunk: until the vector of its new content is there, the
old one answers, and the ledger holds a row for the new one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.spaces.queries.copies import NUMBERED, UNNUMBERED, is_numbered
from embedhub.spaces.queries.generations import delete_pending, delete_vectors
from embedhub.spaces.queries.shelves import TABLES
from embedhub.tables import Space

# By the subject of a space: whose vectors it holds, and what index rows repeat of them.
OWNERS = {"item": "items", "user": "users"}
REPEATED = {
    "item": ("m.access", "m.index_attributes"),
    "user": ("CAST(NULL AS text[])", "m.attributes"),
}
# Asked by every list: made once.
OF_CATALOG = (
    select(Space)
    .where(
        Space.workspace_id == bindparam("workspace_id"), Space.catalog_id == bindparam("catalog_id")
    )
    .order_by(Space.id)
)


@dataclass(frozen=True, slots=True)
class MemberInput:
    """What is encoded of an item or user, and its hash; None: there is nothing."""

    id: int
    content: str
    input_hash: bytes | None


@dataclass(frozen=True, slots=True)
class WordedItem:
    """An item as it is found by its words."""

    id: int
    content: str
    language: str
    access: list[str] | None
    attributes: dict[str, Any]


def subjects_of(session: Session, space_ids: Sequence[int]) -> dict[int, str]:
    """Return whose vectors each of these spaces holds, as far as they are there."""
    statement = select(Space.id, Space.subject).where(Space.id.in_(sorted(set(space_ids))))
    return {row.id: row.subject for row in session.execute(statement)}


def spaces_of_catalog(session: Session, *, workspace_id: int, catalog_id: int) -> list[Space]:
    """Return the spaces of a catalog, whatever their status."""
    facts = {"workspace_id": workspace_id, "catalog_id": catalog_id}
    return list(session.execute(OF_CATALOG, facts).scalars())


def hold_spaces_of_catalog(session: Session, *, catalog_id: int) -> list[Space]:
    """Return the spaces of a catalog, held on their shelves until the transaction ends."""
    chosen = Space.catalog_id == catalog_id
    ids = session.execute(select(Space.id).where(chosen)).scalars().all()
    db.share_turn(session, db.Turn.SPACE, ids)
    statement = select(Space).where(chosen).order_by(Space.id).with_for_update(read=True)
    found = session.execute(statement.execution_options(populate_existing=True))
    return list(found.scalars())


def inputs(session: Session, *, subject: str, ids: Sequence[int]) -> list[MemberInput]:
    """Return what is to encode for each of these that still exists."""
    statement = text(f"""
        SELECT m.id, m.content, m.input_hash FROM {OWNERS[subject]} m WHERE m.id = ANY(:ids)
    """)
    return [
        MemberInput(row.id, row.content, None if row.input_hash is None else bytes(row.input_hash))
        for row in session.execute(statement, {"ids": list(ids)})
    ]


def hold(session: Session, *, subject: str, ids: Sequence[int]) -> None:
    """Hold these, in id order: neither their content nor what filters see changes meanwhile."""
    statement = text(f"""
        SELECT m.id FROM {OWNERS[subject]} m WHERE m.id = ANY(:ids) ORDER BY m.id
        FOR NO KEY UPDATE
    """)
    session.execute(statement, {"ids": list(ids)})


def store_cached(session: Session, *, subject: str, space_id: int, ids: Sequence[int]) -> list[int]:
    """Give these their vectors from the cache, in place of older ones; return who got one.

    Who is deleted meanwhile, or of another content, gets none. The caller holds them, and the
    space on its shelf.
    """
    shelf_id = session.execute(
        text("SELECT shelf_id FROM spaces WHERE id = :space_id"), {"space_id": space_id}
    ).scalar_one_or_none()
    if shelf_id is None:
        return []
    ready = f"""
        SELECT m.id, {", ".join(REPEATED[subject])}, v.vector, m.input_hash
        FROM {OWNERS[subject]} m
        JOIN spaces s ON s.id = :space_id AND s.workspace_id = m.workspace_id
        JOIN vector_cache v ON v.workspace_id = m.workspace_id
         AND v.encoder = s.encoder || '@' || s.revision AND v.input_hash = m.input_hash
        WHERE m.id = ANY(:ids)
    """
    facts = {"shelf_id": shelf_id, "space_id": space_id, "ids": list(ids)}
    outdated = text(f"""
        SELECT e.owner_id FROM embeddings e JOIN ({ready}) r ON r.id = e.owner_id
        WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id AND e.owner_id = ANY(:ids)
          AND e.input_hash <> r.input_hash
    """)
    # Not changed in place: others may rely on the row to stand for copies of its old content.
    old = list(session.execute(outdated, facts).scalars())
    if old:
        delete_vectors(session, shelf_id=shelf_id, space_id=space_id, owner_ids=sorted(old))
    numbered = NUMBERED if is_numbered(session, shelf_id) else UNNUMBERED
    statement = text(f"""
        WITH ready (id, access, attributes, vector, input_hash) AS MATERIALIZED (
          {ready} ORDER BY m.id),
        {numbered.format(rows="ready")}
        INSERT INTO embeddings (shelf_id, space_id, owner_id, access, attributes, vector,
                                input_hash, copy)
        SELECT :shelf_id, :space_id, ready.*, copy FROM ready JOIN numbered USING (id)
        ON CONFLICT (shelf_id, space_id, owner_id) DO NOTHING
        RETURNING owner_id
    """)
    return list(session.execute(statement, facts).scalars())


def add_pending(
    session: Session, *, subject: str, space: Space, ids: Sequence[int], priority: int
) -> list[int]:
    """Enter those that lack the vector of their content; a changed content starts over.

    Returns those that wait. Who has nothing to encode never waits. The caller holds the space on
    its shelf.
    """
    statement = text(f"""
        INSERT INTO pending (space_id, owner_id, workspace_id, encoder, input_hash, priority)
        SELECT s.id, m.id, m.workspace_id, s.encoder || '@' || s.revision, m.input_hash, :priority
        FROM {OWNERS[subject]} m JOIN spaces s ON s.id = :space_id
         AND s.workspace_id = m.workspace_id
        WHERE m.id = ANY(:ids) AND m.input_hash IS NOT NULL AND NOT EXISTS (
          SELECT FROM embeddings e WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id
            AND e.owner_id = m.id AND e.input_hash = m.input_hash)
        ORDER BY m.id
        ON CONFLICT (space_id, owner_id) DO UPDATE
          SET input_hash = excluded.input_hash, priority = excluded.priority, attempts = 0,
              not_before = now(), lease_token = NULL, leased_until = NULL, last_error = NULL,
              dead_at = NULL
          WHERE pending.input_hash <> excluded.input_hash
        RETURNING owner_id
    """)
    # The shelf by number: joined to the space's row, every partition there is would be locked.
    facts = {
        "space_id": space.id,
        "shelf_id": space.shelf_id,
        "ids": list(ids),
        "priority": priority,
    }
    return list(session.execute(statement, facts).scalars())


def forget_needless(session: Session, *, subject: str, space: Space, ids: Sequence[int]) -> None:
    """Delete the vectors and pending rows of those with nothing to encode any more.

    And the pending rows of those whose vector is there again: of a change that was taken back.
    """
    place = {"shelf_id": space.shelf_id, "space_id": space.id, "ids": list(ids)}
    emptied = session.execute(
        text(f"SELECT m.id FROM {OWNERS[subject]} m WHERE m.id = ANY(:ids)"
             " AND m.input_hash IS NULL ORDER BY m.id"),
        {"ids": list(ids)},
    ).scalars().all()  # fmt: skip
    if emptied:
        delete_vectors(session, shelf_id=space.shelf_id, space_id=space.id, owner_ids=emptied)
        delete_pending(session, space_ids=[space.id], owner_ids=emptied)
    session.execute(
        text(f"""
            DELETE FROM pending p USING {OWNERS[subject]} m
            WHERE p.space_id = :space_id AND p.owner_id = ANY(:ids) AND m.id = p.owner_id
              AND EXISTS (
                SELECT FROM embeddings e WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id
                  AND e.owner_id = m.id AND e.input_hash = m.input_hash)
        """),
        place,
    )


def worded_items(session: Session, ids: Sequence[int]) -> list[WordedItem]:
    """Return those of these items that hold words."""
    statement = text("""
        SELECT m.id, m.content, c.language, m.access, m.index_attributes
        FROM items m JOIN catalogs c ON c.id = m.catalog_id
        WHERE m.id = ANY(:ids) AND m.input_hash IS NOT NULL ORDER BY m.id
    """)
    return [WordedItem(*row) for row in session.execute(statement, {"ids": list(ids)})]


def repeat_filter_columns(
    session: Session, *, subject: str, space: Space, ids: Sequence[int]
) -> None:
    """Repeat what filters see of these in their index rows, where they differ."""
    access, attributes = REPEATED[subject]
    statement = text(f"""
        UPDATE {TABLES[space.kind]} e SET access = {access}, attributes = {attributes}
        FROM {OWNERS[subject]} m
        WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id AND e.owner_id = m.id
          AND e.owner_id = ANY(:ids)
          AND (e.access IS DISTINCT FROM {access} OR e.attributes <> {attributes})
    """)
    facts = {"shelf_id": space.shelf_id, "space_id": space.id, "ids": list(ids)}
    session.execute(statement, facts)


def delete_counts(session: Session, space_ids: Sequence[int], *, limit: int) -> int:
    """Delete some of the counts kept about these spaces; return how many."""
    n_deleted = 0
    for table in ("term_deltas", "size_deltas"):
        statement = text(f"""
            DELETE FROM {table} WHERE id IN (
              SELECT id FROM {table} WHERE space_id = ANY(:spaces) LIMIT :limit) RETURNING id
        """)
        found = session.execute(statement, {"spaces": list(space_ids), "limit": limit})
        n_deleted += len(found.all())
    return n_deleted
