"""What rules do to a list, before they hold: the list without them beside the list with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.service import find_catalog
from embedhub.recommend.placements import Decision, stored_rules
from embedhub.recommend.queries import placements as queries
from embedhub.recommend.request import RecommendationRequest, Recommendations, Recommended
from embedhub.recommend.rules.rule import Rules, read_rules
from embedhub.recommend.service import recommend


@dataclass(frozen=True, slots=True)
class PreviewedHit:
    """A place of a list; `was` is the item's place without the rules, None for none."""

    position: int
    was: int | None
    external_id: str
    fields: dict[str, Any]
    score: float
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """The first places of a list without rules and with them; `notes` say what to know of it."""

    before: tuple[PreviewedHit, ...]
    after: tuple[PreviewedHit, ...]
    notes: tuple[str, ...]


def preview_rules(
    caller: Caller,
    slug: str,
    name: str,
    rules: Sequence[Mapping[str, Any]] | None,
    request: RecommendationRequest,
) -> Preview:
    """Return what rules would do to a list of a placement; None: those that hold there.

    Nothing is stored or counted as shown. Raises InvalidInput or TooLarge naming the part.
    """
    caller.require("read")
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        if rules is None:
            held = queries.find_holding(session, catalog_id=catalog.id, name=name).rules
            wanted, _ = stored_rules(held, catalog.filterable)
        else:
            wanted = read_rules(rules, catalog.filterable)
    asked = replace(request, placement=name, is_recorded=False)
    before = recommend(caller, slug, asked, decision=Decision())
    # The same request in every respect, so that what differs is what the rules did.
    after = recommend(caller, slug, asked, decision=Decision(wanted)) if wanted else before
    return Preview(_hits(before, {}), _hits(after, _places(before)), _notes(after, wanted))


def _hits(found: Recommendations, was: Mapping[str, int]) -> tuple[PreviewedHit, ...]:
    return tuple(_hit(hit, was) for hit in found.hits)


def _hit(hit: Recommended, was: Mapping[str, int]) -> PreviewedHit:
    return PreviewedHit(
        position=hit.position,
        was=was.get(hit.item.external_id),
        external_id=hit.item.external_id,
        fields=hit.item.fields,
        score=hit.score,
        rules=hit.rules,
    )


def _places(found: Recommendations) -> dict[str, int]:
    return {hit.item.external_id: hit.position for hit in found.hits}


def _notes(after: Recommendations, rules: Rules) -> tuple[str, ...]:
    shown = {hit.item.external_id for hit in after.hits}
    missing = [name for name in rules.pinned if name not in shown]
    notes = [note.message for note in after.notes]
    if missing:
        names = ", ".join(missing[:5])
        notes.append(
            f"pinned but not on this page: {names}: pinned further down, unknown, hidden, not"
            " available, seen or filtered"
        )
    return tuple(notes)
