"""The SQL that reads items of lists: their facts, what matches a rule, what is popular or new."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.orm import Session

from embedhub.arrays import array, ids_of
from embedhub.direct import Question, ask, written
from embedhub.recommend.queries.permits import Permit
from embedhub.recommend.rules.rule import Match
from embedhub.tables import Interaction, Item, ItemPrior

IDS = ids_of("item_ids")
BRIEF = written(
    select(Item.id, Item.external_id, Item.index_attributes, Item.categories).where(
        Item.id == any_(IDS)
    )
)
FULL = written(
    select(
        Item.id, Item.external_id, Item.fields, Item.categories, Item.labels, Item.attributes
    ).where(Item.id == any_(IDS))
)
NAMES = written(select(Item.id, Item.external_id).where(Item.id == any_(IDS)))
NEWEST_EVENT = (
    select(Interaction.happened_at)
    .where(
        Interaction.catalog_id == bindparam("catalog_id"),
        Interaction.happened_at <= bindparam("now"),
    )
    .order_by(Interaction.happened_at.desc())
    .limit(1)
)
# Each user counts once an item: one who comes back a hundred times is no trend.
TRENDING = text("""
    SELECT item_id, sum(recent) AS score FROM (
      SELECT item_id, user_id, max(power(2.0, least(0, extract(epoch FROM happened_at
                                                   - CAST(:now AS timestamptz)))
                                              / CAST(:half_life_s AS float8))) AS recent
      FROM (SELECT item_id, user_id, happened_at FROM interactions
            WHERE catalog_id = :catalog_id AND type = ANY(:types)
              AND happened_at <= CAST(:now AS timestamptz)
              AND happened_at > CAST(:since AS timestamptz)
            ORDER BY happened_at DESC LIMIT :most_events) AS latest
      GROUP BY item_id, user_id) AS of_users
    GROUP BY item_id
""").columns(item_id=BigInteger)
TOGETHER = text("""
    SELECT theirs.item_id, count(DISTINCT theirs.user_id) AS score
    FROM unnest(CAST(:item_ids AS bigint[])) AS basket(item_id)
    CROSS JOIN LATERAL (
      SELECT DISTINCT user_id FROM (
        SELECT user_id FROM interactions
        WHERE item_id = basket.item_id AND catalog_id = :catalog_id AND type = ANY(:types)
        LIMIT :per_item) AS had) AS buyers
    JOIN LATERAL (
      SELECT item_id, user_id FROM interactions
      WHERE user_id = buyers.user_id AND catalog_id = :catalog_id AND type = ANY(:types)
      LIMIT :per_item) AS theirs ON true
    GROUP BY theirs.item_id
""").columns(item_id=BigInteger)


class BriefItem(NamedTuple):
    """What rules look at."""

    id: int
    external_id: str
    attributes: dict[str, Any]
    categories: list[str]


class FullItem(NamedTuple):
    """What a hit shows."""

    id: int
    external_id: str
    fields: dict[str, Any]
    categories: list[str]
    labels: list[str]
    attributes: dict[str, Any]


class Scored(NamedTuple):
    """An item and a score; `n_events` are those a version was trained on."""

    item_id: int
    score: float
    n_events: int = 0


@dataclass(frozen=True, slots=True)
class Counting:
    """Which events count: of these types, up to now, so many at most."""

    types: Sequence[str]
    most_events: int


def brief_items(item_ids: Sequence[int]) -> Question[dict[int, BriefItem]]:
    """Ask for what rules look at, of items that were permitted in this snapshot."""
    facts = {"item_ids": array(item_ids)}
    return Question(BRIEF, facts, lambda rows: {row[0]: BriefItem(*row) for row in rows})


def full_items(session: Session, item_ids: Sequence[int]) -> dict[int, FullItem]:
    """Return what hits show, of items that were permitted in this snapshot."""
    facts = {"item_ids": array(item_ids)}
    return ask(
        session, Question(FULL, facts, lambda rows: {row[0]: FullItem(*row) for row in rows})
    )


def external_ids(session: Session, item_ids: Sequence[int]) -> dict[int, str]:
    """Return the caller's ids of these items."""
    if not item_ids:
        return {}
    return ask(session, Question(NAMES, {"item_ids": array(item_ids)}, dict))


def has_items(session: Session, *, workspace_id: int, catalog_id: int) -> bool:
    """Say whether a catalog holds an item."""
    statement = select(Item.id).where(
        Item.workspace_id == workspace_id, Item.catalog_id == catalog_id
    )
    return session.execute(statement.limit(1)).first() is not None


def matching(
    session: Session, permit: Permit, match: Match, *, version_id: int | None, most: int
) -> list[int]:
    """Return permitted items that fulfil a match, the most popular first."""
    statement = _by_popularity(permit, version_id).where(_fulfils(match)).limit(most)
    return [row.id for row in session.execute(statement)]


def popular(session: Session, permit: Permit, *, version_id: int, most: int) -> list[Scored]:
    """Return permitted items by a version's popularity; those that it does not know come last."""
    statement = (
        select(Item.id, ItemPrior.popularity, ItemPrior.n_events)
        .join(ItemPrior, and_(ItemPrior.version_id == version_id, ItemPrior.item_id == Item.id))
        .where(permit.predicate)
        .order_by(ItemPrior.popularity.desc(), Item.id)
        .limit(most)
    )
    found = [Scored(*row) for row in session.execute(statement)]
    if len(found) < most:
        statement = _by_popularity(permit, version_id).limit(most)
        found = [Scored(*row) for row in session.execute(statement)]
    return found


def counted(session: Session, permit: Permit, counting: Counting, *, most: int) -> list[Scored]:
    """Return permitted items by the users who had them, counted now, on a logarithmic scale."""
    events = (
        select(Interaction.item_id, Interaction.user_id)
        .where(
            Interaction.catalog_id == permit.catalog_id,
            Interaction.type == any_(cast(list(counting.types), ARRAY(Text))),
        )
        .limit(counting.most_events)
        .subquery()
    )
    users = (
        select(events.c.item_id, func.count(events.c.user_id.distinct()).label("n"))
        .group_by(events.c.item_id)
        .subquery()
    )
    score = func.ln(1 + func.coalesce(users.c.n, 0))
    statement = (
        select(Item.id, score)
        .outerjoin(users, users.c.item_id == Item.id)
        .where(permit.predicate)
        .order_by(score.desc(), Item.id)
        .limit(most)
    )
    return [Scored(item_id, float(value)) for item_id, value in session.execute(statement)]


def newest_event(session: Session, *, catalog_id: int, now: datetime) -> datetime | None:
    """Return when something happened last."""
    return session.execute(NEWEST_EVENT, {"catalog_id": catalog_id, "now": now}).scalar()


def trending(
    session: Session,
    permit: Permit,
    counting: Counting,
    *,
    now: datetime,
    half_life: timedelta,
    window: timedelta,
    most: int,
) -> list[Scored]:
    """Return permitted items by the users who had them lately, each counted 2^(-age/half-life)."""
    latest = TRENDING.bindparams(
        catalog_id=permit.catalog_id, types=list(counting.types), now=now, since=now - window,
        half_life_s=half_life.total_seconds(), most_events=counting.most_events,
    ).subquery()  # fmt: skip
    statement = (
        select(Item.id, text("score"))
        .join(latest, latest.c.item_id == Item.id)
        .where(permit.predicate)
        .order_by(text("score DESC"), Item.id)
        .limit(most)
    )
    return [Scored(item_id, float(value)) for item_id, value in session.execute(statement)]


def taken_together(
    session: Session,
    permit: Permit,
    item_ids: Sequence[int],
    *,
    types: Sequence[str],
    per_item: int,
    most: int,
) -> list[Scored]:
    """Return permitted items by how many users of these items had them, too.

    Of each item, and of each user, so many events are looked at.
    """
    together = TOGETHER.bindparams(
        catalog_id=permit.catalog_id, item_ids=list(item_ids), types=list(types), per_item=per_item
    ).subquery()
    statement = (
        select(Item.id, text("score"))
        .join(together, together.c.item_id == Item.id)
        .where(permit.predicate)
        .order_by(text("score DESC"), Item.id)
        .limit(most)
    )
    return [Scored(item_id, float(value)) for item_id, value in session.execute(statement)]


def latest(session: Session, permit: Permit, *, most: int) -> list[Scored]:
    """Return permitted items, the newest first; the score is 1 / (1 + age in days)."""
    since = func.greatest(Item.created_at, func.coalesce(Item.available_from, Item.created_at))
    age_days = func.greatest(func.extract("epoch", literal(permit.now) - since), 0) / 86_400.0
    statement = (
        select(Item.id, 1.0 / (1.0 + age_days))
        .where(permit.predicate)
        .order_by(since.desc(), Item.id.desc())
        .limit(most)
    )
    return [Scored(item_id, float(value)) for item_id, value in session.execute(statement)]


def _by_popularity(permit: Permit, version_id: int | None) -> Any:
    popularity = func.coalesce(ItemPrior.popularity, 0.0)
    return (
        select(Item.id, popularity, func.coalesce(ItemPrior.n_events, 0))
        .outerjoin(
            ItemPrior,
            and_(ItemPrior.version_id == (version_id or 0), ItemPrior.item_id == Item.id),
        )
        .where(permit.predicate)
        .order_by(popularity.desc(), Item.id)
    )


def _fulfils(match: Match) -> Any:
    conditions = [match.filter.predicate(Item.index_attributes)]
    if match.categories:
        conditions.append(
            Item.categories.op("&&", return_type=Boolean())(
                cast(list(match.categories), ARRAY(Text))
            )
        )
    return and_(*conditions)
