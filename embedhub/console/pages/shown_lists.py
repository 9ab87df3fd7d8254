"""Lists of recommendations as the console shows them: titles, places, reasons in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from embedhub.console import models, words
from embedhub.recommend.request import Reason, ReasonKind, Recommended

# Fields of items that people know them by, the first that is there.
TITLE_FIELDS = ("title", "name", "label", "headline")
MAX_TITLE_CHARS = 90
TONES = {
    ReasonKind.HISTORY: "info",
    ReasonKind.PROFILE: "info",
    ReasonKind.CONTENT: "good",
    ReasonKind.POPULARITY: "quiet",
    ReasonKind.RULE: "warn",
}
KIND_WORDS = {
    ReasonKind.HISTORY: "history",
    ReasonKind.PROFILE: "user's vector",
    ReasonKind.CONTENT: "content",
    ReasonKind.POPULARITY: "popularity",
    ReasonKind.NEWNESS: "newness",
    ReasonKind.SEEN: "seen before",
    ReasonKind.RULE: "rules",
}


@dataclass(frozen=True, slots=True)
class ShownReason:
    """One part of a score: `width` is its part of the largest one in percent."""

    text: str
    amount: str
    width: int
    is_negative: bool
    tone: str


@dataclass(frozen=True, slots=True)
class ShownItem:
    """One place of a list.

    `moved` says how it stands against the list beside: "new here", "up 3", "" for the same place.
    """

    position: int
    external_id: str
    title: str
    url: str | None
    score: str = ""
    by_kind: tuple[tuple[str, str], ...] = ()
    reasons: tuple[ShownReason, ...] = ()
    rules: tuple[str, ...] = ()
    collapsed: tuple[str, ...] = ()
    is_new: bool = False
    moved: str = ""
    moved_tone: str = "quiet"


def title_of(fields: Mapping[str, Any], external_id: str) -> str:
    """Return what people know an item by."""
    found = next((fields[name] for name in TITLE_FIELDS if fields.get(name)), external_id)
    return words.first_line(str(found), MAX_TITLE_CHARS) or external_id


def titles_of(catalog_id: int, external_ids: Iterable[str]) -> dict[str, str]:
    """Return what people know these items by, those of them that there are."""
    wanted = sorted({name for name in external_ids if name})
    rows: Any = models.Item.objects.filter(catalog_id=catalog_id, external_id__in=wanted)
    return {row.external_id: title_of(row.fields, row.external_id) for row in rows}


def shown_hits(
    catalog_id: int, hits: Sequence[Recommended], beside: Sequence[Recommended] | None = None
) -> list[ShownItem]:
    """Return the hits of a list, against another one if there is one."""
    titles = titles_of(catalog_id, (why.item or "" for hit in hits for why in hit.reasons))
    was = {hit.item.external_id: hit.position for hit in beside or ()}
    return [_shown(hit, titles, was if beside is not None else None) for hit in hits]


def moved(position: int, was: int | None) -> tuple[str, str]:
    """Return how an item stands against another list, in words and as a tone."""
    if was is None:
        return "new here", "info"
    if was == position:
        return "", "quiet"
    steps = abs(was - position)
    return (f"up {steps}", "good") if position < was else (f"down {steps}", "warn")


def _shown(hit: Recommended, titles: Mapping[str, str], was: Mapping[str, int] | None) -> ShownItem:
    external_id = hit.item.external_id
    shift = ("", "quiet") if was is None else moved(hit.position, was.get(external_id))
    return ShownItem(
        position=hit.position,
        external_id=external_id,
        title=title_of(hit.item.fields, external_id),
        url=reverse("admin:console_item_change", args=[hit.item.id]),
        score=f"{hit.score:.3f}",
        by_kind=_by_kind(hit.reasons),
        reasons=shown_reasons(hit.reasons, titles),
        rules=hit.rules,
        collapsed=hit.collapsed,
        is_new=hit.is_new,
        moved=shift[0],
        moved_tone=shift[1],
    )


def shown_reasons(reasons: Sequence[Reason], titles: Mapping[str, str]) -> tuple[ShownReason, ...]:
    """Return the parts of a score, the strongest first."""
    largest = max((abs(one.score) for one in reasons), default=0.0) or 1.0
    return tuple(
        ShownReason(
            text=_words(one, titles),
            amount=f"{one.score:+.3f}",
            width=round(100 * abs(one.score) / largest),
            is_negative=one.score < 0,
            tone=TONES.get(one.kind, "quiet"),
        )
        for one in reasons
    )


def _words(reason: Reason, titles: Mapping[str, str]) -> str:
    if reason.item is None:
        return reason.text
    return reason.text.replace(reason.item, f"“{titles.get(reason.item, reason.item)}”", 1)


def _by_kind(reasons: Sequence[Reason]) -> tuple[tuple[str, str], ...]:
    """Return what each kind of part adds up to: all of them are the score."""
    sums: dict[ReasonKind, float] = {}
    for reason in reasons:
        sums[reason.kind] = sums.get(reason.kind, 0.0) + reason.score
    return tuple((KIND_WORDS[kind], f"{sums[kind]:+.3f}") for kind in KIND_WORDS if kind in sums)
