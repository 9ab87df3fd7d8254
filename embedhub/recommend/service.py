"""Recommendations: what a caller may rely on.

Texts are encoded before the transaction is open; history, scores, rules and hits then see one
snapshot. What was shown is written behind it, in a transaction of its own.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller, Scope
from embedhub.catalog.service import content_space, find_catalog
from embedhub.config import get_config
from embedhub.documents.inputs import parse_external_id
from embedhub.encoders import SUPPLIED, encode_query
from embedhub.recommend.cursor import Place, write_cursor
from embedhub.recommend.demands import check_limit, check_request
from embedhub.recommend.listing import hits_of, list_items, page_of
from embedhub.recommend.opening import Opened, Texts, get_item_id, open_request
from embedhub.recommend.placements import Decision
from embedhub.recommend.queries import impressions
from embedhub.recommend.request import (
    By,
    RecommendationRequest,
    Recommendations,
    Recommended,
    SimilarUser,
    WhyNot,
)
from embedhub.recommend.rules.telling import notes_of
from embedhub.recommend.similar_users import like_user
from embedhub.recommend.why_not import examine
from embedhub.search.question import ensure_loaded
from embedhub.stopwatch import Stopwatch

__all__ = ["forget_old_impressions", "recommend", "similar", "similar_users", "why_not"]


def recommend(
    caller: Caller,
    slug: str,
    request: RecommendationRequest,
    *,
    decision: Decision | None = None,
) -> Recommendations:
    """Return one page of a list.

    The list knows every interaction that was stored before the request. What could not be had is
    told in `notes`: an empty catalog, nothing trained, an unknown user. Raises NotFound for a
    catalog that the caller may not know of, InvalidInput and TooLarge naming the part. `decision`
    takes the place of what holds in the placement, to try it.
    """
    caller.require(Scope.READ)
    check_request(request)
    watch = Stopwatch()
    texts = encode_texts(caller, slug, request)
    with db.reading() as session:
        opened = open_request(session, caller, slug, request, texts, decision=decision)
        depth = min(opened.place.n_shown + opened.request.limit, get_config().list_depth)
        listed = list_items(session, opened, depth + 1)
        placed, has_more = page_of(listed, opened)
        placed = placed[: max(0, depth - opened.place.n_shown)]
        n_lacking = opened.request.limit - len(placed)
        for note in notes_of(opened.decision.broken, listed.ordered.placing, n_lacking=n_lacking):
            opened.note(note.code, note.message)
        hits = hits_of(session, opened, listed, placed)
    if request.is_recorded and hits:
        record(opened, hits)
    n_shown = opened.place.n_shown + len(hits)
    is_end = not (has_more and hits and request.is_recorded) or n_shown >= get_config().list_depth
    version = opened.version
    weights = listed.scored.foldings[0].weights if listed.scored.foldings else {}
    return Recommendations(
        request_id=opened.place.request_id,
        hits=tuple(hits),
        version=None if version is None else version.number,
        kind=opened.request.kind,
        placement=opened.request.placement,
        variant=opened.decision.variant,
        weights=dict(weights),
        n_history=sum(len(one.history.items) for one in listed.scored.foldings),
        plan="exact" if listed.scored.is_exact else "proposed",
        complete=True,
        notes=tuple(opened.notes),
        diversity=listed.ordered.diversity,
        cursor=None
        if is_end
        else write_cursor(opened.mark, Place(opened.place.request_id, n_shown)),
        took_ms=watch.total,
    )


def similar(
    caller: Caller, slug: str, external_id: str, request: RecommendationRequest
) -> Recommendations:
    """Return one page of items like one item, as the rest of `request` asks.

    Raises NotFound for an item that the catalog does not know, and what `recommend` raises.
    """
    caller.require(Scope.READ)
    parse_external_id(external_id, "external_id")
    with db.reading() as session:
        get_item_id(session, find_catalog(session, caller, slug), external_id)
    return recommend(caller, slug, replace(request, like=(external_id,)))


def why_not(
    caller: Caller,
    slug: str,
    request: RecommendationRequest,
    external_id: str,
    *,
    decision: Decision | None = None,
) -> WhyNot:
    """Return why an item is not in a list, or where it stands in it; nothing is recorded.

    Raises what `recommend` raises.
    """
    caller.require(Scope.READ)
    check_request(request)
    parse_external_id(external_id, "item")
    texts = encode_texts(caller, slug, request)
    with db.reading() as session:
        opened = open_request(session, caller, slug, request, texts, decision=decision)
        return examine(session, opened, external_id)


def similar_users(
    caller: Caller, slug: str, external_id: str, *, by: By = By.BEHAVIOR, limit: int = 10
) -> list[SimilarUser]:
    """Return the users whose histories, or texts, are most like one user's, from 0 to 1.

    Raises NotFound for the catalog and the user, InvalidInput for the limit.
    """
    caller.require(Scope.READ)
    check_limit(limit)
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        return like_user(session, catalog, external_id, by=by, limit=limit)


def encode_texts(caller: Caller, slug: str, request: RecommendationRequest) -> Texts | None:
    """Return the vectors of a request's texts by the catalog's encoder; None if it has none."""
    if request.like_text is None and request.unlike_text is None:
        return None
    with db.reading() as session:
        space = content_space(session, find_catalog(session, caller, slug))
    if space is None or space.encoder == SUPPLIED or not ensure_loaded(space.encoder):
        return None
    like, unlike = (
        None if text is None else np.asarray(encode_query(space.encoder, text), dtype=np.float64)
        for text in (request.like_text, request.unlike_text)
    )
    return Texts(space.encoder, space.revision, like, unlike)


def record(opened: Opened, hits: list[Recommended]) -> None:
    """Keep what a page shows: pages to come leave it out, and clicks are counted against it."""
    show = impressions.Show(
        request_id=opened.place.request_id,
        workspace_id=opened.catalog.workspace_id,
        catalog_id=opened.catalog.id,
        user_id=opened.user_id,
        placement=opened.request.placement,
        variant=opened.decision.variant,
        items=[(hit.position, hit.item.id, hit.score) for hit in hits],
    )

    def store() -> None:
        with db.writing() as session:
            impressions.insert(session, show)

    db.retry_deadlocks(store)


def forget_old_impressions() -> int:
    """Delete impressions older than `impression_days`, in batches; return how many."""
    days = get_config().impression_days
    return db.in_batches(partial(_forget, days=days))


def _forget(session: Session, size: int, *, days: int) -> int:
    return impressions.delete_old(session, days=days, limit=size)
