"""Why an item is not in a list: for whoever is asked by a customer, within a snapshot."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from embedhub.recommend.candidates import Candidate
from embedhub.recommend.listing import Listed, explained, list_items
from embedhub.recommend.opening import Opened
from embedhub.recommend.queries import histories, permits
from embedhub.recommend.request import Obstacle, WhyNot
from embedhub.recommend.rules.applying import Placed

MESSAGES = {
    Obstacle.UNKNOWN: "the catalog does not know the item",
    Obstacle.HIDDEN: "the item is hidden",
    Obstacle.NOT_AVAILABLE: "the item is not available now",
    Obstacle.NO_ACCESS: "the principals may not see the item",
    Obstacle.FILTERED: "the request's filter does not let the item pass",
    Obstacle.CATEGORY: "the item is in none of the categories asked for",
    Obstacle.NOT_A_CANDIDATE: "the item is not among the candidates of the request",
    Obstacle.SEEN: "the user has seen the item",
    Obstacle.DISLIKED: "the user did not want the item",
    Obstacle.EXAMPLE: "the item is an example, in the basket or in the session",
    Obstacle.BELOW_CUT: "others score higher",
    Obstacle.CAPPED: "a rule's cap keeps the item out",
    Obstacle.BURIED: "a rule lowers the item's score",
    Obstacle.DIVERSITY: "others that resemble the list less took its place",
    Obstacle.DUPLICATE: "a near-duplicate that scores higher stands for the item",
}


def examine(session: Session, opened: Opened, external_id: str) -> WhyNot:
    """Return what keeps an item out of the first places of a list, or at which place it is."""
    catalog = opened.catalog
    ids = histories.ids_of_items(
        session,
        workspace_id=catalog.workspace_id,
        catalog_id=catalog.id,
        external_ids=[external_id],
    )
    item_id = ids.get(external_id)
    if item_id is None:
        return _refused(external_id, [Obstacle.UNKNOWN])
    refused = permits.obstacles(session, opened.permit, item_id)
    if refused:
        return _refused(external_id, refused)
    k = opened.place.n_shown + opened.request.limit
    # Permitted: it is scored beside all others, however low.
    listed = list_items(session, opened, k, also=item_id)
    ordered = [one.candidate.item_id for one in listed.ordered.placing.placed[:k]]
    ranked = listed.scored.pool.ids[listed.scored.order()].tolist()
    cut = listed.ordered.placing.placed[len(ordered) - 1].candidate.score if ordered else None
    rank = ranked.index(item_id) + 1 if item_id in ranked else None
    told = WhyNot(external_id, (), "", None, rank, None, cut)
    placed = _placed(listed, item_id)
    if placed is not None:
        told = replace(
            told,
            score=placed.candidate.score,
            reasons=tuple(explained(session, opened, listed, [placed], is_whole=True)[0]),
        )
    if item_id in ordered:
        position = ordered.index(item_id) + 1
        message = f"the item is in the list, at place {position}"
        return replace(told, position=position, message=message)
    obstacles = _after_scoring(listed, item_id, k)
    message = "; ".join(MESSAGES[one] for one in obstacles)
    if rank is not None:
        message += f" (rank {rank} of {len(ranked)} by score)"
    return replace(told, obstacles=obstacles, message=message)


def _refused(external_id: str, obstacles: list[Obstacle]) -> WhyNot:
    message = "; ".join(MESSAGES[one] for one in obstacles)
    return WhyNot(external_id, tuple(obstacles), message, None, None, None, None)


def _placed(listed: Listed, item_id: int) -> Placed | None:
    """Return the item as it came out of the rules, whether or not it has a place."""
    everyone = [*listed.ordered.placing.placed, *map(Placed, listed.ordered.adjusted)]
    return next((one for one in everyone if one.candidate.item_id == item_id), None)


def _after_scoring(listed: Listed, item_id: int, k: int) -> tuple[Obstacle, ...]:
    """Return what kept a scored item out, in the order in which lists are made."""
    ordered, found = listed.ordered, []
    before: list[Candidate] = sorted(listed.ranked, key=lambda one: -one.score)
    was, became = _rank(before, item_id), _rank(ordered.adjusted, item_id)
    if became is None or became > k:
        found.append(Obstacle.BURIED if was is not None and was <= k else Obstacle.BELOW_CUT)
    if any(one.item_id == item_id for group in ordered.collapsed.values() for one in group):
        found.append(Obstacle.DUPLICATE)
    if item_id in ordered.placing.held_back:
        found.append(Obstacle.CAPPED)
    return tuple(found) or (Obstacle.DIVERSITY,)


def _rank(candidates: Sequence[Candidate], item_id: int) -> int | None:
    return next((at for at, one in enumerate(candidates, 1) if one.item_id == item_id), None)
