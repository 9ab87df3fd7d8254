"""Duplicates: what a caller may rely on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from embedhub import db
from embedhub.access.caller import Caller, Scope
from embedhub.config import get_config
from embedhub.duplicates.checking import Checked, Match, Verdict, check
from embedhub.duplicates.deciding import Action, DecisionView, Wanted, decide, place_of, view_of
from embedhub.duplicates.places import (
    Where,
    find_set,
    held_set,
    print_sets,
    two_subjects,
    visible_pair,
    who_decides,
)
from embedhub.duplicates.queries import decisions, listing, sets
from embedhub.duplicates.queries.listing import PairFilter
from embedhub.duplicates.reading import (
    ClusterView,
    PairView,
    ThresholdView,
    pair_views,
    threshold_view,
)
from embedhub.duplicates.settings import Settings, changed_settings, read_settings
from embedhub.duplicates.standing import choose_canonical, get_cluster, list_clusters
from embedhub.duplicates.subjects import name_of, subjects_of
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.graph import service as graphs
from embedhub.runs.service import RunKind, start_run

__all__ = [
    "Action",
    "Checked",
    "ClusterView",
    "DecisionView",
    "Match",
    "PairFilter",
    "PairView",
    "Settings",
    "ThresholdView",
    "Verdict",
    "Wanted",
    "Where",
    "check",
    "choose_canonical",
    "decide_band",
    "decide_pair",
    "get_cluster",
    "get_pair",
    "list_clusters",
    "list_decisions",
    "list_pairs",
    "start_comparison",
    "start_scan",
    "thresholds",
]


def start_scan(caller: Caller, where: Where, wanted: Mapping[str, Any] | None = None) -> int:
    """Have all rows compared, with other settings if some are wanted; return the run.

    Raises InvalidInput naming the setting, NotFound, Forbidden for a key that may not write.
    """
    caller.require_writing()
    with db.writing() as session:
        subject = graphs.subject_of(session, caller, where.owner, where.slug, where.level)
        found = sets.make_set(session, subject)
        settings = changed_settings(read_settings(found.settings), wanted or {})
        sets.update_set(session, found.id, {"settings": settings.as_mapping()})
        return start_run(
            session,
            workspace_id=subject.workspace_id,
            kind=RunKind.SCAN_DUPLICATES,
            subject=subject.name,
            arguments=subject.arguments,
        )


def start_comparison(caller: Caller, where: Where, wanted: Mapping[str, Any] | None = None) -> int:
    """Have the rows of a collection looked for in another one, `where.within`; return the run."""
    caller.require_writing()
    with db.writing() as session:
        subject, other = two_subjects(session, caller, where)
        found = sets.make_set(session, subject, other_collection_id=other.collection_id)
        settings = changed_settings(read_settings(found.settings), wanted or {})
        sets.update_set(session, found.id, {"settings": settings.as_mapping()})
        return start_run(
            session,
            workspace_id=subject.workspace_id,
            kind=RunKind.COMPARE_COLLECTIONS,
            subject=name_of(found),
            arguments=subject.arguments | {"other_collection_id": other.collection_id},
        )


def list_pairs(
    caller: Caller,
    where: Where,
    wanted: PairFilter,
    *,
    principals: Sequence[str] | None = None,
    after: tuple[float, int] | None = None,
    limit: int = 50,
) -> list[PairView]:
    """Return pairs both of whose rows somebody may see, the highest score first.

    Without a least score, those from the set's `review` threshold on, and whatever is flagged.
    Empty before the first scan; raises NotFound.
    """
    caller.require(Scope.READ)
    caller = caller.narrowed(principals)
    with db.reading() as session:
        found = find_set(session, caller, where)
        if found is None:
            return []
        if wanted.least is None:
            review = read_settings(found.settings).review
            wanted = replace(wanted, least=review, with_flagged=True)
        rows = listing.list_pairs(
            session,
            found,
            subjects_of(found),
            wanted,
            principals=caller.principals,
            after=after,
            limit=limit,
        )
        return pair_views(session, found, rows, print_sets(session, found))


def get_pair(
    caller: Caller, where: Where, pair_id: int, *, principals: Sequence[str] | None = None
) -> PairView:
    """Return a pair; NotFound for one of which a row may not be seen."""
    caller.require(Scope.READ)
    caller = caller.narrowed(principals)
    with db.reading() as session:
        found, pair = visible_pair(session, caller, where, pair_id)
        views = pair_views(session, found, [pair], print_sets(session, found))
    if not views:
        raise NotFound("duplicate pair", pair_id)
    return views[0]


def decide_pair(
    caller: Caller, where: Where, pair_id: int, wanted: Wanted, *, by: str | None = None
) -> DecisionView:
    """Decide about a pair, or take back what holds; `by` names who, the caller's key by default.

    Raises NotFound, InvalidInput, and Conflict for a pair that somebody decided about, unless the
    decision is named as seen.
    """
    caller.require_writing()
    with db.writing() as session:
        found, pair = visible_pair(session, caller, where, pair_id)
        held = held_set(session, found)
        place = place_of(session, held, pair, print_sets(session, held))
        return decide(session, place, wanted, by=who_decides(caller, by))


def decide_band(
    caller: Caller,
    where: Where,
    wanted: Wanted,
    *,
    least: float,
    most: float,
    by: str | None = None,
) -> tuple[int, int]:
    """Decide about the open pairs of a band of scores that differ in no fact.

    Returns how many were decided, at most `duplicates_decided_at_once`, and how many could not be,
    such as those of rows that are pinned.
    """
    caller.require_writing()
    if not 0 <= least < most:
        raise InvalidInput("must be below `most`", "least")
    at_once = get_config().duplicates_decided_at_once
    asked = PairFilter(status="open", least=least, most=most)
    views = list_pairs(caller, where, asked, limit=at_once)
    done = refused = 0
    for view in views:
        if view.contradictions:
            continue
        try:
            decide_pair(caller, where, view.id, wanted, by=by)
            done += 1
        except (Conflict, NotFound):
            refused += 1
    return done, refused


def list_decisions(
    caller: Caller, where: Where, *, before: int | None = None, limit: int = 50
) -> list[DecisionView]:
    """Return decisions, newest first, with those that take others back.

    Raises Forbidden for a caller bound to principals: they name rows that it may not see.
    """
    caller.require(Scope.READ)
    caller.require_every_document()
    with db.reading() as session:
        found = find_set(session, caller, where)
        if found is None:
            return []
        rows = decisions.list_decisions(session, found.id, before=before, limit=limit)
        return [view_of(row) for row in rows]


def thresholds(caller: Caller, where: Where, threshold: float | None = None) -> ThresholdView:
    """Return what a threshold would take of the stored pairs, and how precise it would be.

    Raises NotFound before the first scan, Forbidden for a caller bound to principals.
    """
    caller.require(Scope.READ)
    caller.require_every_document()
    if threshold is not None and not 0 <= threshold <= 1:
        raise InvalidInput("must be from 0 to 1", "threshold")
    with db.reading() as session:
        found = find_set(session, caller, where)
        if found is None:
            raise NotFound("duplicates of", where.slug)
        return threshold_view(session, found, threshold)
