"""The REST of lists: recommendations, similar items and users, why not."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.documents.inputs import parse_principals
from embedhub.recommend import service
from embedhub.recommend.request import (
    By,
    Kind,
    RecommendationRequest,
    Recommendations,
    Recommended,
    Seen,
)
from embedhub.recommend.schemas import By as ByIn
from embedhub.recommend.schemas import (
    ListIn,
    RecommendationsIn,
    RecommendationsOut,
    SimilarIn,
    SimilarUsersOut,
    WhyNotIn,
    WhyNotOut,
)
from embedhub.web.authentication import caller_of
from embedhub.web.responses import respond

router = Router(tags=["recommendations"])
LISTS = "/catalogs/{slug}/recommendations"
ITEMS = "/catalogs/{slug}/items"
USERS = "/catalogs/{slug}/users"


@router.post(LISTS, response=RecommendationsOut, summary="Recommend items")
def recommend(request: HttpRequest, slug: str, body: RecommendationsIn) -> HttpResponse:
    """Items for a user, a session, examples or a basket, each with its reasons, best first.

    Every interaction that was stored before is known. Without anything to go by the list is what is
    popular; `notes` say so.
    """
    caller = caller_of(request, Scope.READ)
    return respond(page_of(service.recommend(caller, slug, request_of(body))))


@router.post(LISTS + "/why-not", response=WhyNotOut, summary="Explain an item's absence")
def why_not(request: HttpRequest, slug: str, body: WhyNotIn) -> HttpResponse:
    """Why an item is not in the list that the rest of the body asks for, or where it is."""
    caller = caller_of(request, Scope.READ)
    return respond(service.why_not(caller, slug, request_of(body), body.item))


@router.post(LISTS + "/similar", response=RecommendationsOut, summary="Recommend similar items")
def similar_items(request: HttpRequest, slug: str, body: SimilarIn) -> HttpResponse:
    """Items like one item, by what users do, by content, or both; filters as of every list."""
    caller = caller_of(request, Scope.READ)
    wanted = RecommendationRequest(by=By(body.by), **common(body))
    return respond(page_of(service.similar(caller, slug, body.external_id, wanted)))


@router.get(
    ITEMS + "/{external_id}/similar", response=RecommendationsOut, summary="List similar items"
)
def similar_items_by_path(
    request: HttpRequest, slug: str, external_id: str, by: ByIn = "both", limit: int = 10
) -> HttpResponse:
    """Items like one item. Ids with slashes, and filters, go with POST."""
    caller = caller_of(request, Scope.READ)
    wanted = RecommendationRequest(by=By(by), limit=limit)
    return respond(page_of(service.similar(caller, slug, external_id, wanted)))


@router.get(
    USERS + "/{external_id}/similar", response=SimilarUsersOut, summary="List similar users"
)
def similar_users(
    request: HttpRequest, slug: str, external_id: str, by: ByIn = "behavior", limit: int = 10
) -> HttpResponse:
    """Users like one user, by the items they had, by their texts, or both."""
    caller = caller_of(request, Scope.READ)
    users = service.similar_users(caller, slug, external_id, by=By(by), limit=limit)
    return respond({"users": users})


def request_of(body: RecommendationsIn) -> RecommendationRequest:
    """Return what a body asks."""
    return RecommendationRequest(
        user=body.user,
        session=tuple(body.session),
        like=tuple(body.like),
        unlike=tuple(body.unlike),
        like_text=body.like_text,
        unlike_text=body.unlike_text,
        by=By(body.by),
        basket=tuple(body.basket),
        kind=Kind(body.kind),
        **common(body),
    )


def common(body: ListIn) -> dict[str, Any]:
    """Return what every list may ask."""
    within, types = body.seen_within_days, body.seen_types
    return {
        "candidates": None if body.candidates is None else tuple(body.candidates),
        "limit": body.limit,
        "filter": body.filter,
        "categories": tuple(body.categories),
        "seen": Seen(
            is_excluded=body.exclude_seen,
            types=None if types is None else tuple(types),
            within=None if within is None else timedelta(days=within),
            decay=body.seen_decay,
        ),
        "principals": parse_principals(body.principals, "principals"),
        "placement": body.placement,
        "variant": body.variant,
        "visitor": body.visitor,
        "relevance": body.relevance,
        "collapse_duplicates": body.collapse_duplicates,
        "explain": body.explain,
        "is_recorded": body.record,
        "cursor": body.cursor,
    }


def page_of(found: Recommendations) -> dict[str, Any]:
    """Return a list as its JSON."""
    return {
        "request_id": found.request_id,
        "hits": [hit_of(hit) for hit in found.hits],
        "version": found.version,
        "kind": found.kind,
        "placement": found.placement,
        "variant": found.variant,
        "weights": found.weights,
        "n_history": found.n_history,
        "plan": found.plan,
        "complete": found.complete,
        "cursor": found.cursor,
        "notes": found.notes,
        "diversity": found.diversity,
        "took_ms": found.took_ms,
    }


def hit_of(hit: Recommended) -> dict[str, Any]:
    """Return a hit as its JSON: the caller's ids, not ours."""
    item = hit.item
    return {
        "position": hit.position,
        "score": hit.score,
        "item": {
            "external_id": item.external_id,
            "fields": item.fields,
            "categories": item.categories,
            "labels": item.labels,
            "attributes": item.attributes,
        },
        "reasons": hit.reasons,
        "rules": hit.rules,
        "collapsed": hit.collapsed,
        "is_new": hit.is_new,
    }
