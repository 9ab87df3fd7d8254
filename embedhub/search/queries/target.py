"""The SQL that finds what is searched: a collection, the spaces that answer for it, their state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Table,
    Text,
    and_,
    bindparam,
    literal_column,
    select,
    text,
)
from sqlalchemy.orm import Session

from embedhub.direct import Question, ask, written
from embedhub.tables import Collection, Space

# More expired documents than these are not named to the legs.
MAX_NAMED_EXPIRED = 500
EXPIRED = f"""
    ARRAY(SELECT id FROM documents
          WHERE collection_id = {{collection}} AND expires_at <= now()
          LIMIT {MAX_NAMED_EXPIRED + 1})
"""
# A standby's snapshot names no transactions under way: it sees the same while nothing is replayed.
SNAPSHOT = "concat(pg_current_snapshot(), pg_last_wal_replay_lsn())"
STATE: tuple[ColumnElement[Any], ...] = (
    literal_column(EXPIRED.format(collection="collections.id"), ARRAY(BigInteger)),
    literal_column(
        """
        EXISTS (SELECT FROM pending
                WHERE space_id = spaces.id AND spaces.kind = 'dense' AND dead_at IS NULL)
        """,
        Boolean,
    ),
    literal_column(
        """
        EXISTS (SELECT FROM runs
                WHERE kind IN ('relabel_documents', 'update_attributes')
                  AND status IN ('queued', 'running')
                  AND CAST(arguments ->> 'collection_id' AS bigint) = collections.id)
        """,
        Boolean,
    ),
    literal_column(
        "EXISTS (SELECT FROM curations"
        " WHERE collection_id = collections.id AND removed_at IS NULL)",
        Boolean,
    ),
    literal_column(SNAPSHOT, Text),
    literal_column("now()", DateTime(timezone=True)),
)
# The tables and not the mapped classes: the ORM would take longer than the statement.
COLLECTIONS, SPACES = cast("Table", Collection.__table__), cast("Table", Space.__table__)
OF_COLLECTION, OF_SPACE = list(COLLECTIONS.c.keys()), list(SPACES.c.keys())
# Run by every search: made once, and one statement for all of it.
FIND = written(
    select(*COLLECTIONS.c, *SPACES.c, *STATE)
    .select_from(COLLECTIONS)
    .outerjoin(
        SPACES,
        and_(
            SPACES.c.collection_id == COLLECTIONS.c.id,
            SPACES.c.workspace_id == COLLECTIONS.c.workspace_id,
            SPACES.c.subject == literal_column("'chunk'"),
            SPACES.c.status == literal_column("'live'"),
        ),
    )
    .where(
        COLLECTIONS.c.workspace_id == bindparam("workspace_id"),
        COLLECTIONS.c.slug == bindparam("slug"),
        COLLECTIONS.c.deleted_at.is_(None),
    )
)
EXPIRED_DOCUMENTS = text(f"SELECT {EXPIRED.format(collection=':collection_id')}")
UNCHANGED = text(f"""
    SELECT {SNAPSHOT} = :snapshot
           AND NOT EXISTS (SELECT FROM documents
                           WHERE collection_id = ANY(:collection_ids)
                             AND expires_at > :time AND expires_at <= now())
""")


@dataclass(frozen=True, slots=True)
class Moment:
    """What a transaction sees, and its time: with the same of both all reads give the same."""

    snapshot: str
    time: datetime


@dataclass(frozen=True, slots=True)
class CollectionState:
    """What keeps a collection's index from saying all by itself, and when it was so."""

    # past their time, although nobody has removed them yet; None: too many to name
    expired_documents: list[int] | None
    # rows of the dense space still wait for their vector; dead ones are not waited for
    has_pending: bool
    # a run still repeats changed metadata or access in the index
    has_stale_filters: bool
    # people pinned or hid documents
    has_curations: bool
    moment: Moment


@dataclass(frozen=True, slots=True)
class Target:
    """A collection with its live chunk spaces by their kind; copies that no session knows."""

    collection: Collection
    spaces: dict[str, Space]
    state: CollectionState


def find_target(session: Session, *, workspace_id: int, slug: str) -> Target | None:
    """Return a workspace's collection of this slug, its live chunk spaces and their state."""
    return ask(session, Question(FIND, {"workspace_id": workspace_id, "slug": slug}, _read))


def _read(rows: Sequence[Any]) -> Target | None:
    if not rows:
        return None
    first, after = len(OF_COLLECTION), len(OF_COLLECTION) + len(OF_SPACE)
    expired, _, has_stale_filters, has_curations, snapshot, time = rows[0][after:]
    state = CollectionState(
        expired_documents=_named(expired),
        has_pending=any(row[after + 1] for row in rows),
        has_stale_filters=has_stale_filters,
        has_curations=has_curations,
        moment=Moment(snapshot, time),
    )
    found = (dict(zip(OF_SPACE, row[first:after], strict=True)) for row in rows)
    return Target(
        collection=Collection(**dict(zip(OF_COLLECTION, rows[0][:first], strict=True))),
        spaces={one["kind"]: Space(**one) for one in found if one["id"] is not None},
        state=state,
    )


def expired_documents(session: Session, *, collection_id: int) -> list[int] | None:
    """Return which documents are past their time; None if these are too many to name."""
    return _named(session.execute(EXPIRED_DOCUMENTS, {"collection_id": collection_id}).scalar_one())


def is_unchanged(session: Session, *, since: Moment, collection_ids: Sequence[int]) -> bool:
    """Return whether nothing was committed anywhere, and nothing of these expired, in between."""
    facts = {
        "snapshot": since.snapshot,
        "time": since.time,
        "collection_ids": list(collection_ids),
    }
    return bool(session.execute(UNCHANGED, facts).scalar_one())


def _named(expired: list[int]) -> list[int] | None:
    return None if len(expired) > MAX_NAMED_EXPIRED else expired
