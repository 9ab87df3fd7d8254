"""Rules of placements: what a caller may rely on.

Every change makes the next revision; the ones before are kept and can be put back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.service import find_catalog
from embedhub.config import get_config
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.recommend.queries import placements as queries
from embedhub.recommend.rules.rule import read_rules
from embedhub.search.ranking import values
from embedhub.tables import Catalog, Placement

MAX_NAME_CHARS = 63


@dataclass(frozen=True, slots=True)
class PlacementView:
    """A placement and its rules, as they were sent."""

    name: str
    rules: list[dict[str, Any]]
    revision: int
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class RevisionView:
    """Rules that a placement had before; `changed_at` is when they began to hold."""

    revision: int
    rules: list[dict[str, Any]]
    changed_at: datetime
    changed_by: str


def put_rules(
    caller: Caller,
    slug: str,
    name: str,
    rules: Sequence[Mapping[str, Any]],
    *,
    revision: int | None = None,
    by: str | None = None,
) -> PlacementView:
    """Give a placement these rules, in place of those it had; the same again change nothing.

    With `revision` they are stored only if that one still holds: else Conflict. `by` names who
    decides, the caller's key by default. Raises InvalidInput or TooLarge naming the part.
    """
    caller.require_writing()
    check_name(name)
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        read_rules(rules, catalog.filterable)
        placement = queries.hold_placement(session, catalog_id=catalog.id, name=name)
        _check_revision(placement, revision)
        if placement is None:
            return _view(_create(session, catalog, name, rules, who(caller, by)))
        return _view(_replace(session, placement, rules, who(caller, by)))


def restore_revision(
    caller: Caller, slug: str, name: str, revision: int, *, by: str | None = None
) -> PlacementView:
    """Give a placement rules that it had before, as its next revision; raises NotFound.

    Raises InvalidInput if they cannot be used any more.
    """
    caller.require_writing()
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        placement = queries.hold_placement(session, catalog_id=catalog.id, name=name)
        if placement is None:
            raise NotFound("placement", name)
        if placement.revision == revision:
            return _view(placement)
        kept = queries.find_revision(session, placement_id=placement.id, revision=revision)
        if kept is None:
            raise NotFound("revision", revision)
        read_rules(kept.rules, catalog.filterable)
        return _view(_replace(session, placement, kept.rules, who(caller, by)))


def get_placement(caller: Caller, slug: str, name: str) -> PlacementView:
    """Return a placement; raises NotFound for one that has no rules of its own."""
    with db.reading() as session:
        return _view(_find(session, find_catalog(session, caller, slug), name))


def list_placements(
    caller: Caller, slug: str, *, after: str = "", limit: int = 100
) -> list[PlacementView]:
    """Return placements by name, from the one behind `after` on."""
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        rows = queries.list_placements(session, catalog_id=catalog.id, after=after, limit=limit)
        return [_view(row) for row in rows]


def list_revisions(caller: Caller, slug: str, name: str) -> list[RevisionView]:
    """Return the rules that a placement had before, the latest first; raises NotFound."""
    with db.reading() as session:
        placement = _find(session, find_catalog(session, caller, slug), name)
        rows = queries.list_revisions(session, placement_id=placement.id)
        return [
            RevisionView(row.revision, row.rules, row.changed_at, row.changed_by) for row in rows
        ]


def delete_placement(caller: Caller, slug: str, name: str) -> PlacementView:
    """Delete a placement's rules and revisions, and return what held; raises NotFound."""
    caller.require_writing()
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        placement = queries.delete_placement(session, catalog_id=catalog.id, name=name)
        if placement is None:
            raise NotFound("placement", name)
        return _view(placement)


def check_name(name: str, field: str = "name") -> str:
    """Return the name of a placement; raises InvalidInput."""
    values.text(name, field, MAX_NAME_CHARS)
    if name != name.strip() or not name.isprintable() or "/" in name:
        raise InvalidInput("must be printable, without slashes and spaces around it", field)
    return name


def _create(
    session: Session,
    catalog: Catalog,
    name: str,
    rules: Sequence[Mapping[str, Any]],
    by: str,
) -> Placement:
    limit = get_config().max_placements
    if queries.count_placements(session, catalog.id) >= limit:
        raise Conflict(f"a catalog has at most {limit} placements with rules")
    made = queries.insert_placement(
        session,
        workspace_id=catalog.workspace_id,
        catalog_id=catalog.id,
        name=name,
        rules=list(rules),
        changed_by=by,
    )
    if made is None:
        raise Conflict("somebody else has just made this placement")
    return made


def _replace(
    session: Session, placement: Placement, rules: Sequence[Mapping[str, Any]], by: str
) -> Placement:
    if placement.rules == list(rules):
        return placement
    queries.keep_revision(session, placement)
    changed = queries.replace_rules(session, placement, rules, by=by)
    queries.forget_revisions(session, changed, kept=get_config().kept_revisions)
    return changed


def _check_revision(placement: Placement | None, revision: int | None) -> None:
    now = 0 if placement is None else placement.revision
    if revision is not None and revision != now:
        raise Conflict(f"the rules have changed meanwhile: revision {now} holds, not {revision}")


def _find(session: Session, catalog: Catalog, name: str) -> Placement:
    placement = queries.find_placement(session, catalog_id=catalog.id, name=name)
    if placement is None:
        raise NotFound("placement", name)
    return placement


def who(caller: Caller, by: str | None) -> str:
    """Return who decides, in words: the staff member named, or the key."""
    return by or (f"API key {caller.key_id}" if caller.key_id else "command line")


def _view(row: Placement) -> PlacementView:
    return PlacementView(row.name, row.rules, row.revision, row.changed_at, row.changed_by)
