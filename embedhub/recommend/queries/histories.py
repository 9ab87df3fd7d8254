"""The SQL of what users did, as lists are made of it."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ARRAY, BigInteger, Text, any_, bindparam, cast, select, text
from sqlalchemy.orm import Session

from embedhub.direct import Question, ask, written
from embedhub.recommend.history import Event
from embedhub.tables import Interaction, Item, User

USER = written(
    select(User.id).where(
        User.workspace_id == bindparam("workspace_id"),
        User.catalog_id == bindparam("catalog_id"),
        User.external_id == bindparam("external_id"),
    )
)
LATEST = written(
    select(Interaction.item_id, Interaction.type, Interaction.value, Interaction.happened_at)
    .where(
        Interaction.user_id == bindparam("user_id"),
        Interaction.catalog_id == bindparam("catalog_id"),
    )
    .order_by(Interaction.happened_at.desc(), Interaction.id.desc())
    .limit(bindparam("most", type_=BigInteger))
)
SIMILAR_USERS = text("""
    WITH own AS (SELECT unnest(CAST(:item_ids AS bigint[])) AS item_id),
    others AS (
      SELECT DISTINCT near.user_id, own.item_id
      FROM own CROSS JOIN LATERAL (
        SELECT user_id FROM interactions
        WHERE item_id = own.item_id AND catalog_id = :catalog_id AND type = ANY(:types)
        LIMIT :per_item) AS near
      WHERE near.user_id <> :user_id),
    common AS (
      SELECT user_id, count(*) AS n_common FROM others GROUP BY user_id
      ORDER BY n_common DESC, user_id LIMIT :most)
    SELECT users.external_id, common.n_common,
           (SELECT count(DISTINCT item_id) FROM (
              SELECT item_id FROM interactions
              WHERE user_id = common.user_id AND catalog_id = :catalog_id AND type = ANY(:types)
              LIMIT :per_user) AS of_user) AS n_items
    FROM common JOIN users ON users.id = common.user_id
    WHERE users.workspace_id = :workspace_id AND users.catalog_id = :catalog_id
""")


class OtherUser(NamedTuple):
    """Another user, how many items both had, how many the other one had."""

    external_id: str
    n_common: int
    n_items: int


def find_user(
    session: Session, *, workspace_id: int, catalog_id: int, external_id: str
) -> int | None:
    """Return the id of a user, if there is one."""
    facts = {
        "workspace_id": workspace_id, "catalog_id": catalog_id, "external_id": external_id,
    }  # fmt: skip
    return ask(session, Question(USER, facts, lambda rows: rows[0][0] if rows else None))


def names_of_users(session: Session, user_ids: Sequence[int]) -> dict[int, str]:
    """Return the caller's ids of these users."""
    statement = select(User.id, User.external_id).where(User.id.in_(user_ids))
    return {row.id: row.external_id for row in session.execute(statement)}


def latest_events(session: Session, *, catalog_id: int, user_id: int, most: int) -> list[Event]:
    """Return what a user did last, the latest first."""
    facts = {"catalog_id": catalog_id, "user_id": user_id, "most": most}
    return ask(session, Question(LATEST, facts, lambda rows: [Event(*row) for row in rows]))


def ids_of_items(
    session: Session, *, workspace_id: int, catalog_id: int, external_ids: Sequence[str]
) -> dict[str, int]:
    """Return the ids of those items that the catalog knows."""
    statement = select(Item.external_id, Item.id).where(
        Item.workspace_id == workspace_id,
        Item.catalog_id == catalog_id,
        Item.external_id == any_(cast(list(external_ids), ARRAY(Text))),
    )
    return {row.external_id: row.id for row in session.execute(statement)}


def similar_users(
    session: Session, *, workspace_id: int, catalog_id: int, user_id: int,
    item_ids: Sequence[int], types: Sequence[str], per_item: int, per_user: int, most: int,
) -> list[OtherUser]:  # fmt: skip
    """Return users who had some of these items, those with most in common first.

    Of an item so many events are looked at, of another user likewise.
    """
    facts = {
        "workspace_id": workspace_id, "catalog_id": catalog_id, "user_id": user_id,
        "item_ids": list(item_ids), "types": list(types), "per_item": per_item,
        "per_user": per_user, "most": most,
    }  # fmt: skip
    return [OtherUser(*row) for row in session.execute(SIMILAR_USERS, facts)]
