"""The REST of searching items."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.catalog.search import ItemHit, ItemSearchResult, search_items
from embedhub.catalog.search_schemas import ItemSearchIn, ItemSearchOut
from embedhub.documents.inputs import parse_vector
from embedhub.replica.position import parse_position
from embedhub.search.request import Mode, SearchRequest
from embedhub.search.views import Seen, leg_of, span_of
from embedhub.web.authentication import caller_of
from embedhub.web.responses import respond

router = Router(tags=["catalogs"])


@router.post("/catalogs/{slug}/search", response=ItemSearchOut, summary="Search items")
def search_catalog(
    request: HttpRequest, slug: str, body: ItemSearchIn, consistency_token: Seen = None
) -> HttpResponse:
    """Find items by words and by meaning, best first; hidden ones and those out of their time
    are left out.
    """
    after = None if consistency_token is None else parse_position(consistency_token)
    caller = caller_of(request, Scope.READ)
    result = search_items(caller, slug, request_of(body), after=after)
    return respond(page_of(result, is_explained=body.explain))


def request_of(body: ItemSearchIn) -> SearchRequest:
    """Return what a body asks; of several queries without a first one, the first of them is it."""
    query, queries = body.query, tuple(body.queries)
    if query is None and queries:
        query, queries = queries[0], queries[1:]
    return SearchRequest(
        query=query,
        queries=queries,
        operators=body.operators,
        vector=parse_vector(body.vector, "vector"),
        mode=Mode(body.mode),
        limit=body.limit,
        filter=body.filter,
        explain=body.explain,
        highlight=body.highlight,
        language=body.language,
        weights=None if body.weights is None else {"dense": body.weights.dense},
        cursor=body.cursor,
    )


def page_of(result: ItemSearchResult, *, is_explained: bool) -> dict[str, Any]:
    """Return a result as its JSON."""
    return {
        "request_id": result.request_id,
        "hits": [hit_of(hit, is_explained=is_explained) for hit in result.hits],
        "plan": result.plan,
        "complete": result.complete,
        "cursor": result.cursor,
        "notes": result.notes,
        "legs": [leg_of(leg, is_bound=False) for leg in result.legs] if is_explained else None,
        "took": result.took,
    }


def hit_of(hit: ItemHit, *, is_explained: bool) -> dict[str, Any]:
    """Return a hit as its JSON: the caller's id, not ours."""
    item = hit.item
    return {
        "score": hit.score,
        "item": {
            "external_id": item.external_id,
            "fields": item.fields,
            "content": item.content,
            "categories": item.categories,
            "labels": item.labels,
            "attributes": item.attributes,
        },
        "highlights": [span_of(span, item.content) for span in hit.highlights],
        "sentence": None if hit.sentence is None else span_of(hit.sentence, item.content),
        "explain": hit.explain if is_explained else None,
    }
