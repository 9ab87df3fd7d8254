"""The SQL of items and users: whom and what a catalog knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from embedhub.tables import HeldInteraction, Impression, Interaction, Item, User

Member = TypeVar("Member", Item, User)

ITEM_COLUMNS = (
    "fields",
    "content",
    "categories",
    "labels",
    "attributes",
    "index_attributes",
    "is_hidden",
    "available_from",
    "available_until",
)
# In id order, so that two batches never wait for each other; who sends an older version, or the
# same again, changes nothing.
UPSERT_ITEMS = text(f"""
    INSERT INTO items AS stored (workspace_id, catalog_id, external_id, source_version, input_hash,
                                 {", ".join(ITEM_COLUMNS)})
    SELECT :workspace_id, :catalog_id, external_id, source_version, decode(input_hash, 'hex'),
           {", ".join(ITEM_COLUMNS)}
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS sent(
      external_id text, source_version bigint, input_hash text, fields jsonb, content text,
      categories text[], labels text[], attributes jsonb, index_attributes jsonb, is_hidden boolean,
      available_from timestamptz, available_until timestamptz)
    ORDER BY external_id
    ON CONFLICT (catalog_id, external_id) DO UPDATE SET
      {", ".join(f"{name} = excluded.{name}" for name in ITEM_COLUMNS)},
      source_version = coalesce(excluded.source_version, stored.source_version),
      input_hash = excluded.input_hash, updated_at = now()
    WHERE coalesce(excluded.source_version >= stored.source_version, true)
      AND ({", ".join(f"stored.{name}" for name in ITEM_COLUMNS)},
           coalesce(excluded.source_version, stored.source_version))
        IS DISTINCT FROM
          ({", ".join(f"excluded.{name}" for name in ITEM_COLUMNS)}, stored.source_version)
    RETURNING id, external_id, xmax = 0 AS is_new
""")
UPSERT_USERS = text("""
    INSERT INTO users AS stored (workspace_id, catalog_id, external_id, attributes, content,
                                 input_hash)
    SELECT :workspace_id, :catalog_id, external_id, attributes, content, decode(input_hash, 'hex')
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS sent(
      external_id text, attributes jsonb, content text, input_hash text)
    ORDER BY external_id
    ON CONFLICT (catalog_id, external_id) DO UPDATE SET attributes = excluded.attributes,
      content = excluded.content, input_hash = excluded.input_hash, updated_at = now()
    WHERE (stored.attributes, stored.content) IS DISTINCT FROM
          (excluded.attributes, excluded.content)
    RETURNING id, external_id, xmax = 0 AS is_new
""")


@dataclass(frozen=True, slots=True)
class Changed:
    """An item or user that was stored, and whether there was none of its id before."""

    id: int
    is_new: bool


def held_hashes(
    session: Session, table: type[Item] | type[User], *, workspace_id: int, catalog_id: int,
    external_ids: Sequence[str],
) -> dict[str, bytes | None]:  # fmt: skip
    """Return the hash of what is encoded of each that is there, held until the transaction ends."""
    statement = (
        select(table.external_id, table.input_hash)
        .where(
            table.workspace_id == workspace_id,
            table.catalog_id == catalog_id,
            table.external_id.in_(external_ids),
        )
        .order_by(table.id)
        .with_for_update(key_share=True)
    )
    return {
        row.external_id: None if row.input_hash is None else bytes(row.input_hash)
        for row in session.execute(statement)
    }


def upsert(
    session: Session, table: type[Item] | type[User], *, workspace_id: int, catalog_id: int,
    rows: str,
) -> dict[str, Changed]:  # fmt: skip
    """Store items or users, a JSON list; return those that changed."""
    statement = UPSERT_ITEMS if table is Item else UPSERT_USERS
    found = session.execute(
        statement, {"workspace_id": workspace_id, "catalog_id": catalog_id, "rows": rows}
    )
    return {row.external_id: Changed(row.id, row.is_new) for row in found}


def source_versions(
    session: Session, *, workspace_id: int, catalog_id: int, external_ids: Sequence[str]
) -> dict[str, int | None]:
    """Return the version that is stored of each of these items."""
    statement = select(Item.external_id, Item.source_version).where(
        Item.workspace_id == workspace_id,
        Item.catalog_id == catalog_id,
        Item.external_id.in_(external_ids),
    )
    return {row.external_id: row.source_version for row in session.execute(statement)}


def find(
    session: Session, table: type[Member], *, workspace_id: int, catalog_id: int, external_id: str
) -> Member | None:
    """Return the item or user of this id, if there is one."""
    statement = select(table).where(
        table.workspace_id == workspace_id,
        table.catalog_id == catalog_id,
        table.external_id == external_id,
    )
    return session.scalars(statement).one_or_none()


def item_batch(session: Session, *, catalog_id: int, after: int, limit: int) -> Sequence[Item]:
    """Return items of a catalog by id, from the one behind `after` on, held until the end."""
    statement = select(Item).where(Item.catalog_id == catalog_id, Item.id > after)
    statement = statement.order_by(Item.id).limit(limit).with_for_update(key_share=True)
    return session.scalars(statement).all()


def list_after(
    session: Session,
    table: type[Member],
    *,
    workspace_id: int,
    catalog_id: int,
    after: str,
    limit: int,
) -> Sequence[Member]:
    """Return items or users by external_id, from the one behind `after` on."""
    statement = select(table).where(
        table.workspace_id == workspace_id,
        table.catalog_id == catalog_id,
        table.external_id > after,
    )
    return session.scalars(statement.order_by(table.external_id).limit(limit)).all()


def hold(
    session: Session,
    table: type[Item] | type[User],
    *,
    workspace_id: int,
    catalog_id: int,
    external_id: str,
) -> int | None:
    """Lock an item or user that is to be deleted and return its id; nothing can be added to it."""
    statement = select(table.id).where(
        table.workspace_id == workspace_id,
        table.catalog_id == catalog_id,
        table.external_id == external_id,
    )
    return session.scalars(statement.with_for_update()).one_or_none()


def delete_traces(
    session: Session, table: type[Item] | type[User], *, catalog_id: int, ident: int,
    external_id: str,
) -> dict[str, int]:  # fmt: skip
    """Delete what was done by a user, or with an item, what was shown, and what waits."""
    name = "item" if table is Item else "user"
    done: dict[str, int] = {}
    for counted, traces, where in (
        ("n_interactions", Interaction, getattr(Interaction, f"{name}_id") == ident),
        ("n_impressions", Impression, getattr(Impression, f"{name}_id") == ident),
        (
            "n_held",
            HeldInteraction,
            getattr(HeldInteraction, f"{name}_external_id") == external_id,
        ),
    ):
        statement = delete(traces).where(traces.catalog_id == catalog_id, where)
        result: Any = session.execute(statement)
        done[counted] = result.rowcount
    session.execute(delete(table).where(table.id == ident))
    return done
