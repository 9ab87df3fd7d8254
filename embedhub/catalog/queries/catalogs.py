"""The SQL of catalogs themselves, and of removing everything of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.runs.kinds import UNFINISHED, RunKind
from embedhub.tables import Catalog, HeldInteraction, Interaction, Item, Run, Space, User

# Before items and users: these would take rows along that were not counted.
PURGED = ("interactions", "impressions", "held_interactions")
MEMBERS = {"item": "items", "user": "users"}
# Run by every request for a list: made once.
OF_SLUG = (
    select(Catalog)
    .where(
        Catalog.workspace_id == bindparam("workspace_id"),
        Catalog.slug == bindparam("slug"),
        Catalog.deleted_at.is_(None),
    )
    .execution_options(populate_existing=True)
)


def insert_catalog(session: Session, **columns: Any) -> Catalog | None:
    """Insert a catalog and return it; None if its slug is taken in its workspace."""
    statement = (
        insert(Catalog)
        .values(**columns)
        .on_conflict_do_nothing(
            index_elements=["workspace_id", "slug"], index_where=text("deleted_at IS NULL")
        )
        .returning(Catalog)
    )
    return session.scalars(statement).one_or_none()


def count_catalogs(session: Session, *, workspace_id: int) -> int:
    """Return how many catalogs a workspace has."""
    statement = select(func.count()).where(
        Catalog.workspace_id == workspace_id, Catalog.deleted_at.is_(None)
    )
    return session.scalars(statement).one()


def find_catalog(session: Session, *, workspace_id: int, slug: str) -> Catalog | None:
    """Return a workspace's catalog of this slug, if there is one that is not being deleted."""
    facts = {"workspace_id": workspace_id, "slug": slug}
    return session.scalars(OF_SLUG, facts).one_or_none()


def list_catalogs(
    session: Session, *, workspace_id: int, after: int, limit: int
) -> Sequence[Catalog]:
    """Return a workspace's catalogs by id, from the one behind `after` on."""
    statement = (
        select(Catalog)
        .where(
            Catalog.workspace_id == workspace_id, Catalog.deleted_at.is_(None), Catalog.id > after
        )
        .order_by(Catalog.id)
        .limit(limit)
    )
    return session.scalars(statement).all()


def update_catalog(
    session: Session, *, workspace_id: int, catalog_id: int, **columns: Any
) -> Catalog:
    """Change columns of a catalog and return it."""
    statement = (
        update(Catalog)
        .where(Catalog.workspace_id == workspace_id, Catalog.id == catalog_id)
        .values(**columns)
        .returning(Catalog)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one()


def mark_deleted(session: Session, *, workspace_id: int, catalog_id: int) -> bool:
    """Hide a catalog, which frees its slug; False if somebody else did."""
    statement = (
        update(Catalog)
        .where(
            Catalog.workspace_id == workspace_id,
            Catalog.id == catalog_id,
            Catalog.deleted_at.is_(None),
        )
        .values(deleted_at=func.now())
        .returning(Catalog.id)
    )
    return session.scalars(statement).one_or_none() is not None


def has_items(session: Session, *, workspace_id: int, catalog_id: int) -> bool:
    """Say whether a catalog holds an item."""
    statement = select(Item.id).where(
        Item.workspace_id == workspace_id, Item.catalog_id == catalog_id
    )
    return session.scalars(statement.limit(1)).one_or_none() is not None


@dataclass(frozen=True, slots=True)
class CatalogCounts:
    """How much a catalog holds; `n_held` interactions wait for their user or item."""

    n_items: int
    n_users: int
    n_interactions: int
    n_held: int


def count_rows(session: Session, *, workspace_id: int, catalog_id: int) -> CatalogCounts:
    """Return how much a catalog holds."""
    counts = [
        session.scalars(
            select(func.count()).where(
                table.workspace_id == workspace_id, table.catalog_id == catalog_id
            )
        ).one()
        for table in (Item, User, Interaction, HeldInteraction)
    ]
    return CatalogCounts(*counts)


def is_deleted(session: Session, catalog_id: int) -> bool:
    """Say whether this catalog exists and is hidden."""
    statement = select(Catalog.id).where(Catalog.id == catalog_id, Catalog.deleted_at.is_not(None))
    return session.scalars(statement).one_or_none() is not None


def deleted_catalogs(session: Session, *, pause: timedelta, limit: int) -> list[tuple[int, int]]:
    """Return (workspace, catalog) of what is hidden, and no run removes or tried to lately."""
    of_kind = (
        Run.kind == RunKind.DELETE_CATALOG.value,
        Run.subject == func.concat("catalog ", Catalog.id),
    )
    tried = exists().where(*of_kind, Run.finished_at > func.now() - pause)
    removed = exists().where(*of_kind, Run.status.in_(UNFINISHED))
    statement = (
        select(Catalog.workspace_id, Catalog.id)
        .where(Catalog.deleted_at.is_not(None), ~tried, ~removed)
        .order_by(Catalog.id)
        .limit(limit)
    )
    return [(row.workspace_id, row.id) for row in session.execute(statement)]


def catalogs_without_spaces(session: Session, *, limit: int) -> list[int]:
    """Return catalogs that have no space at all: made by a release that embedded no items."""
    has_spaces = exists().where(Space.catalog_id == Catalog.id)
    statement = select(Catalog.id).where(Catalog.deleted_at.is_(None), ~has_spaces)
    return list(session.scalars(statement.order_by(Catalog.id).limit(limit)))


def held_without_spaces(session: Session, catalog_id: int) -> Catalog | None:
    """Return such a catalog while nobody adds to it; None if somebody opened or deleted it."""
    db.take_turn(session, db.Turn.CATALOG, catalog_id)
    has_spaces = exists().where(Space.catalog_id == Catalog.id)
    statement = select(Catalog).where(
        Catalog.id == catalog_id, Catalog.deleted_at.is_(None), ~has_spaces
    )
    return session.scalars(statement).one_or_none()


def held_unless_deleted(session: Session, catalog_id: int) -> Catalog | None:
    """Return a catalog while nobody adds to it; None if it is gone or being removed."""
    db.take_turn(session, db.Turn.CATALOG, catalog_id)
    statement = select(Catalog).where(Catalog.id == catalog_id, Catalog.deleted_at.is_(None))
    return session.scalars(statement).one_or_none()


def worded_members(session: Session, subject: str, catalog_id: int) -> list[int]:
    """Return the items, or users, of a catalog that have a text, in order."""
    table = Item if subject == "item" else User
    statement = select(table.id).where(
        table.catalog_id == catalog_id, table.input_hash.is_not(None)
    )
    return list(session.scalars(statement.order_by(table.id)))


def delete_rows(session: Session, table: str, catalog_id: int, *, limit: int) -> int:
    """Delete up to `limit` rows of a deleted catalog from one of PURGED; return how many."""
    if table not in PURGED:
        raise ValueError(table)
    statement = text(f"""
        DELETE FROM {table} WHERE ctid = ANY(ARRAY(
          SELECT ctid FROM {table} WHERE catalog_id = :catalog_id LIMIT :limit FOR UPDATE))
        RETURNING 1
    """)
    parameters = {"catalog_id": catalog_id, "limit": limit}
    return len(session.execute(statement, parameters).all())


def delete_members(session: Session, subject: str, catalog_id: int, *, limit: int) -> list[int]:
    """Delete up to `limit` items or users of a deleted catalog; return which, in order."""
    table = MEMBERS[subject]
    statement = text(f"""
        DELETE FROM {table} WHERE id = ANY(ARRAY(
          SELECT id FROM {table} WHERE catalog_id = :catalog_id
          ORDER BY id LIMIT :limit FOR UPDATE))
        RETURNING id
    """)
    parameters = {"catalog_id": catalog_id, "limit": limit}
    return sorted(session.execute(statement, parameters).scalars())


def hold_catalog(session: Session, catalog_id: int) -> None:
    """Wait for those who are adding to the catalog, and let nobody add more."""
    db.take_turn(session, db.Turn.CATALOG, catalog_id)
    session.execute(select(Catalog.id).where(Catalog.id == catalog_id).with_for_update())


def delete_catalog(session: Session, catalog_id: int) -> None:
    """Delete the row of a hidden catalog, with whatever came in at the last moment."""
    session.execute(
        text("DELETE FROM catalogs WHERE id = :id AND deleted_at IS NOT NULL"), {"id": catalog_id}
    )
