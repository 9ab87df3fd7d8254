"""One page of a list within its snapshot: scored, ordered, explained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from sqlalchemy.orm import Session

from embedhub.config import get_config
from embedhub.direct import conversation
from embedhub.recommend import lists, placements
from embedhub.recommend.candidates import Candidate, Parts
from embedhub.recommend.interactions import Floats
from embedhub.recommend.opening import Opened
from embedhub.recommend.ordering import Manner, Ordered, order
from embedhub.recommend.queries import items as queries
from embedhub.recommend.queries import pools
from embedhub.recommend.reasons import FEW, reasons_of, strongest
from embedhub.recommend.request import Kind, Reason, Recommended, RecommendedItem
from embedhub.recommend.rules.applying import Placed
from embedhub.recommend.scoring import Scored, parts_of

# Of a list of three pages' length rules, diversity and duplicates choose.
WINDOW_PAGES = 3
# So many candidates are enough to choose from, if not all that are permitted were looked at.
LEAST = 40
# A window that near-duplicates leave too little of is so many times wider when tried again, at most
# so many items.
WIDER, WIDEST = 5, 5_000


@dataclass(frozen=True)
class Listed:
    """A list of candidates in its order; `places` lead from items to the scored pool."""

    scored: Scored
    ordered: Ordered
    places: dict[int, int]
    # the window of candidates, before rules and diversity
    ranked: Sequence[Candidate]


def list_items(session: Session, opened: Opened, k: int, *, also: int | None = None) -> Listed:
    """Return at least k places of a list, if there are as many items.

    The item `also` is scored, too, if it is permitted. Where near-duplicates and caps leave too few
    of the window, it is widened.
    """
    window = max(get_config().list_window, WINDOW_PAGES * k)
    while True:
        least = min(window, max(LEAST, 2 * k))
        scored = lists.make(
            session, opened, window, least=least, also=() if also is None else (also,)
        )
        listed = _ordered(
            session, opened, scored, k, _window(session, opened, scored, window, also)
        )
        is_short = len(listed.ordered.placing.placed) < k
        if not is_short or (scored.is_exact and len(scored.pool) < window) or window >= WIDEST:
            return listed
        window = min(WIDEST, WIDER * window)


def _ordered(
    session: Session, opened: Opened, scored: Scored, k: int, best: Sequence[int]
) -> Listed:
    ids = [int(scored.pool.ids[at]) for at in best]
    seen = _read(session, opened, ids)
    ranked = _candidates(scored, seen.brief, best)
    manner = _manner(session, opened, seen, ids)
    places = {int(scored.pool.ids[at]): int(at) for at in best}
    return Listed(scored, order(ranked, manner, k), places, ranked)


def page_of(listed: Listed, opened: Opened) -> tuple[list[Placed], bool]:
    """Return the next places that no page has shown, and whether more follow."""
    shown = frozenset(opened.shown)
    left = [one for one in listed.ordered.placing.placed if one.candidate.item_id not in shown]
    limit = opened.request.limit
    has_more = len(left) > limit or len(listed.ranked) < len(listed.scored.pool)
    return left[:limit], has_more


def hits_of(
    session: Session, opened: Opened, listed: Listed, placed: Sequence[Placed]
) -> list[Recommended]:
    """Return places as hits with their items and reasons."""
    if not placed:
        return []
    ids = [one.candidate.item_id for one in placed]
    full = queries.full_items(session, ids)
    reasons = explained(session, opened, listed, placed, is_whole=opened.request.explain)
    hits = []
    for position, (one, why) in enumerate(
        zip(placed, reasons, strict=True), start=opened.place.n_shown + 1
    ):
        item = full[one.candidate.item_id]
        collapsed = listed.ordered.collapsed.get(item.id, ())
        hits.append(
            Recommended(
                position=position,
                score=one.candidate.score,
                item=RecommendedItem(
                    id=item.id,
                    external_id=item.external_id,
                    fields=item.fields,
                    categories=tuple(item.categories),
                    labels=tuple(item.labels),
                    attributes=item.attributes,
                ),
                reasons=tuple(why if opened.request.explain else strongest(why)),
                rules=tuple(effect.text for effect in one.effects),
                collapsed=tuple(other.external_id for other in collapsed),
                is_new=opened.version is not None
                and opened.request.kind is Kind.PERSONAL
                and one.candidate.n_events == 0,
            )
        )
    return hits


def explained(
    session: Session,
    opened: Opened,
    listed: Listed,
    placed: Sequence[Placed],
    *,
    is_whole: bool,
) -> list[list[Reason]]:
    """Return the parts of the scores of these places, of the history the strongest or all."""
    at = np.array([listed.places[one.candidate.item_id] for one in placed], dtype=np.int64)
    most = None if is_whole else FEW
    parts = parts_of(session, listed.scored, at, most=most)
    names = queries.external_ids(session, _history(parts))
    return [
        reasons_of(of_item, one.effects, names, opened.request.kind)
        for of_item, one in zip(parts, placed, strict=True)
    ]


def _history(parts: Sequence[Parts]) -> list[int]:
    return sorted({item for of_item in parts for item in of_item.history})


def _window(
    session: Session, opened: Opened, scored: Scored, window: int, also: int | None
) -> list[int]:
    """Return the places of the best items, and of those that the rules want besides."""
    ranked = scored.order()
    best: list[int] = ranked[:window].tolist()
    rules = opened.decision.rules
    wanted = {*opened.known(rules.pinned)} | ({also} if also is not None else set())
    if rules.wanted and len(ranked) > window:
        matches = placements.matches(
            session, opened.catalog, rules, [int(one) for one in scored.pool.ids]
        )
        for rule in rules.wanted:
            of_rule = matches.get(rule.number, frozenset())
            found = (int(scored.pool.ids[at]) for at in ranked)
            wanted |= set(islice((item for item in found if item in of_rule), window))
    if wanted:
        rest = (at for at in ranked[window:].tolist() if int(scored.pool.ids[at]) in wanted)
        best += rest
    return best


@dataclass(frozen=True)
class _Seen:
    """What is stored of a window's items; `looks` say what is alike."""

    brief: Mapping[int, queries.BriefItem]
    contents: Mapping[int, Floats]
    looks: Mapping[int, Floats]
    relevance: float
    is_collapsing: bool


def _read(session: Session, opened: Opened, ids: Sequence[int]) -> _Seen:
    """Read what ordering a window needs."""
    request = opened.request
    relevance = get_config().list_relevance if request.relevance is None else request.relevance
    if request.relevance is None and request.kind is Kind.LATEST:
        relevance = 1.0
    is_collapsing = request.collapse_duplicates and opened.contents is not None
    # Factors are the looks by which lists lose least.
    space = None
    if relevance < 1 and opened.version is not None:
        space = opened.spaces.get(opened.version.factor_space_id or 0)
    with conversation(session) as send:
        brief = send(queries.brief_items(ids))
        asked = [
            None if one is None else send(pools.vectors_of(one, ids))
            for one in (opened.contents if is_collapsing else None, space)
        ]
    contents, looks = ({} if read is None else read() for read in asked)
    return _Seen(brief(), contents, looks, relevance, is_collapsing)


def _candidates(
    scored: Scored, brief: Mapping[int, queries.BriefItem], best: Sequence[int]
) -> list[Candidate]:
    ids = (int(scored.pool.ids[at]) for at in best)
    return [
        Candidate(
            item_id=item,
            external_id=brief[item].external_id,
            score=float(scored.scores[at]),
            attributes=brief[item].attributes,
            categories=tuple(brief[item].categories),
            n_events=int(scored.pool.n_events[at]),
        )
        for item, at in zip(ids, best, strict=True)
    ]


def _manner(session: Session, opened: Opened, seen: _Seen, ids: Sequence[int]) -> Manner:
    rules = opened.decision.rules
    return Manner(
        rules=rules,
        matches=placements.matches(session, opened.catalog, rules, ids) if rules else {},
        relevance=seen.relevance,
        likeness=get_config().duplicate_likeness if seen.is_collapsing else None,
        looks=(seen.looks or seen.contents) if seen.relevance < 1 else {},
        contents=seen.contents,
        seed=opened.place.request_id.int,
    )
