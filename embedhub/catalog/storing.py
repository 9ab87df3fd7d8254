"""Storing items and users in the caller's transaction, with all that makes them answer."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy.orm import Session

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.catalog.events import release_held
from embedhub.catalog.inputs import ItemInput, UserInput, content_of, hash_of
from embedhub.catalog.queries import members as queries
from embedhub.catalog.queries.members import Changed
from embedhub.catalog.service import find_catalog
from embedhub.catalog.visibility import index_attributes
from embedhub.jobs import Job
from embedhub.search.attributes import check_attributes
from embedhub.spaces.members import (
    Subject,
    answer_anew,
    hold_catalog_spaces,
    repeat_attributes,
)
from embedhub.tables import Catalog, Item, User

# Of the ledger: few rows are somebody's click, many are a load.
INTERACTIVE, BULK = 0, 5
INTERACTIVE_ROWS = 32

Member = type[Item] | type[User]


class Outcome(StrEnum):
    """What became of an item or user that was sent."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    STALE = "stale"  # older than what is stored, by source_version


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch, in its order, and how many interactions had waited for it."""

    outcomes: list[tuple[str, Outcome]]
    n_released: int


def subject_of(table: Member) -> Subject:
    """Return whose spaces these have."""
    return Subject.ITEM if table is Item else Subject.USER


def open_catalog(session: Session, caller: Caller, slug: str) -> Catalog:
    """Return the catalog to add to: neither its template nor who waits changes meanwhile."""
    caller.require_writing()
    catalog = find_catalog(session, caller, slug)
    db.share_turn(session, db.Turn.CATALOG, [catalog.id])
    return find_catalog(session, caller, slug)


def store_items(
    session: Session,
    catalog: Catalog,
    items: Sequence[ItemInput],
    *,
    contents: Sequence[str] | None = None,
    priority: int | None = None,
) -> Stored:
    """Store items of an opened catalog, no id twice.

    `contents` are the texts of items that were checked. Raises TooLarge for a content too long and
    InvalidInput for an attribute of another type than declared.
    """
    if contents is None:
        for place, item in enumerate(items):
            check_attributes(item.attributes, catalog.filterable, f"items.{place}.attributes")
        contents = [
            content_of(catalog.content_template, item, f"items.{place}")
            for place, item in enumerate(items)
        ]
    rows = [
        {
            **asdict(item),
            "content": content,
            "input_hash": hash_of(content),
            "index_attributes": index_attributes(item, catalog.filterable),
        }
        for item, content in zip(items, contents, strict=True)
    ]
    changed = _store(session, Item, catalog, rows, priority)
    sent = {
        item.external_id: item.source_version
        for item in items
        if item.external_id not in changed and item.source_version is not None
    }
    kept = queries.source_versions(session, **place_of(catalog), external_ids=list(sent))
    stale = {key for key, version in kept.items() if version and version > sent[key]}
    return _stored(session, catalog, [item.external_id for item in items], changed, stale)


def store_users(
    session: Session,
    catalog: Catalog,
    users: Sequence[UserInput],
    *,
    priority: int | None = None,
) -> Stored:
    """Store users of an opened catalog, no id twice."""
    rows = [
        {
            "external_id": user.external_id,
            "attributes": user.attributes,
            "content": user.text,
            "input_hash": hash_of(user.text),
        }
        for user in users
    ]
    changed = _store(session, User, catalog, rows, priority)
    return _stored(session, catalog, [user.external_id for user in users], changed, set())


def place_of(catalog: Catalog) -> dict[str, int]:
    """Return where rows of a catalog are, as queries ask for them."""
    return {"workspace_id": catalog.workspace_id, "catalog_id": catalog.id}


def _store(
    session: Session,
    table: Member,
    catalog: Catalog,
    rows: list[dict[str, Any]],
    priority: int | None,
) -> dict[str, Changed]:
    """Store rows and let what changed answer anew; return it."""
    if priority is None:
        priority = INTERACTIVE if len(rows) <= INTERACTIVE_ROWS else BULK
    # In the order of the workers that store vectors: spaces before their owners.
    spaces = hold_catalog_spaces(session, catalog)
    hashes = queries.held_hashes(
        session, table, **place_of(catalog), external_ids=[row["external_id"] for row in rows]
    )
    sent = orjson.dumps(rows).decode()
    changed = queries.upsert(session, table, **place_of(catalog), rows=sent)
    if changed:
        wanted = {row["external_id"]: row["input_hash"] for row in rows}
        change = _Change(changed, hashes, wanted)
        subject = subject_of(table)
        repeat_attributes(session, spaces, subject, change.kept)
        if answer_anew(
            session,
            spaces,
            catalog,
            subject,
            [*change.new, *change.reworded],
            new_ids=change.new,
            priority=priority,
        ):
            jobs.enqueue(session, Job.EMBED)
    return changed


@dataclass(frozen=True, slots=True)
class _Change:
    """What was stored: the hashes before, of those that were there, and those wanted, in hex."""

    changed: Mapping[str, Changed]
    hashes: Mapping[str, bytes | None]
    wanted: Mapping[str, str | None]

    @property
    def new(self) -> list[int]:
        """Return those that nobody had stored before."""
        return [one.id for key, one in self.changed.items() if self._is_new(key)]

    @property
    def reworded(self) -> list[int]:
        """Return those of another content than before."""
        return [
            one.id
            for key, one in self.changed.items()
            if not self._is_new(key) and self._hash(key) != self.wanted[key]
        ]

    @property
    def kept(self) -> list[int]:
        """Return those that were there, whatever changed of them."""
        return [one.id for key, one in self.changed.items() if not self._is_new(key)]

    def _is_new(self, key: str) -> bool:
        # Somebody else may have added it since it was looked for.
        return self.changed[key].is_new and key not in self.hashes

    def _hash(self, key: str) -> str | None:
        if key not in self.hashes:
            return ""
        found = self.hashes[key]
        return None if found is None else found.hex()


def _stored(
    session: Session,
    catalog: Catalog,
    external_ids: list[str],
    changed: Mapping[str, Changed],
    stale: set[str],
) -> Stored:
    new = [external_id for external_id, one in changed.items() if one.is_new]
    n_released = release_held(session, catalog, new) if new else 0
    outcomes = []
    for external_id in external_ids:
        if external_id in changed:
            outcome = Outcome.CREATED if changed[external_id].is_new else Outcome.UPDATED
        else:
            outcome = Outcome.STALE if external_id in stale else Outcome.UNCHANGED
        outcomes.append((external_id, outcome))
    return Stored(outcomes, n_released)
