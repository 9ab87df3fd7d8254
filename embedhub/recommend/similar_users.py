"""Users whose histories or texts resemble another's, within a snapshot."""

from math import sqrt

from sqlalchemy.orm import Session

from embedhub.catalog.service import content_space
from embedhub.config import get_config
from embedhub.errors import NotFound
from embedhub.recommend.history import past_of
from embedhub.recommend.queries import histories, pools, proposals
from embedhub.recommend.request import By, SimilarUser
from embedhub.spaces.members import Subject
from embedhub.tables import Catalog

# Items of the user that are looked at, users of each of them, and items of each such user.
ITEMS, USERS_EACH, ITEMS_EACH = 200, 500, 1_000


def like_user(
    session: Session, catalog: Catalog, external_id: str, *, by: By, limit: int
) -> list[SimilarUser]:
    """Return the users most like one: by shared items (cosine), by texts, or the mean of both.

    Raises NotFound for a user that the catalog does not know.
    """
    where = {"workspace_id": catalog.workspace_id, "catalog_id": catalog.id}
    user_id = histories.find_user(session, **where, external_id=external_id)
    if user_id is None:
        raise NotFound("user", external_id)
    found: dict[str, tuple[float, int]] = {}
    if by is not By.CONTENT:
        found = _by_behavior(session, catalog, user_id, limit)
    if by is not By.BEHAVIOR:
        texts = _by_content(session, catalog, user_id, limit)
        share = 0.5 if by is By.BOTH else 1.0
        both = found.keys() | texts.keys()
        found = {
            name: (
                (1 - share) * found.get(name, (0.0, 0))[0] + share * texts.get(name, 0.0),
                found.get(name, (0.0, 0))[1],
            )
            for name in both
        }
    ranked = sorted(found.items(), key=lambda one: (-one[1][0], one[0]))
    return [SimilarUser(name, score, n_common) for name, (score, n_common) in ranked[:limit]]


def _by_behavior(
    session: Session, catalog: Catalog, user_id: int, limit: int
) -> dict[str, tuple[float, int]]:
    most = get_config().max_history
    events = histories.latest_events(session, catalog_id=catalog.id, user_id=user_id, most=most)
    items = list(dict.fromkeys(past_of(events, catalog.interaction_weights, most).events))
    others = histories.similar_users(
        session,
        workspace_id=catalog.workspace_id,
        catalog_id=catalog.id,
        user_id=user_id,
        item_ids=items[:ITEMS],
        types=[name for name, weight in catalog.interaction_weights.items() if weight > 0],
        per_item=USERS_EACH,
        per_user=ITEMS_EACH,
        # By common items those with long histories come first; by cosine others may.
        most=10 * limit,
    )
    n_own = max(len(items[:ITEMS]), 1)
    return {
        other.external_id: (
            min(1.0, other.n_common / sqrt(n_own * max(other.n_items, other.n_common))),
            other.n_common,
        )
        for other in others
    }


def _by_content(session: Session, catalog: Catalog, user_id: int, limit: int) -> dict[str, float]:
    space = content_space(session, catalog, Subject.USER)
    own = {} if space is None else pools.vectors(session, space, [user_id])
    if space is None or user_id not in own:
        return {}
    near = proposals.nearest(session, pools.Leg(space, own[user_id]), most=limit + 1)
    vectors = pools.vectors(session, space, near)
    names = histories.names_of_users(session, [one for one in near if one != user_id])
    return {name: max(0.0, float(vectors[one] @ own[user_id])) for one, name in names.items()}
