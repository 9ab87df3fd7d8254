"""The REST of searches."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Header, Router

from embedhub.access.caller import Scope
from embedhub.documents.inputs import parse_vector
from embedhub.replica.position import TOKEN_HEADER, parse_position
from embedhub.search.request import (
    Group,
    Hit,
    HitContext,
    LegReport,
    Mode,
    SearchRequest,
    SearchResult,
    Span,
)
from embedhub.search.schemas import CollectionsSearchIn, SearchIn, SearchOut
from embedhub.search.service import search_collections
from embedhub.web.authentication import narrowed_caller
from embedhub.web.responses import respond

router = Router(tags=["search"])
# Plans follow from how many rows there are, hold a word or lie near a vector: whoever is bound to
# principals would learn of documents that are closed to them.
UNTOLD: dict[str, Any] = {
    "plan": None,
    "reason": "",
    "estimated_rows": None,
    "scanned_rows": None,
    "ef_search": None,
    "terms": {},
}
Seen = Annotated[
    str | None,
    Header(
        alias=TOKEN_HEADER,
        description="Of an answer to a request that wrote: what that wrote is searched, too,"
        " although a read replica may be behind.",
    ),
]


@router.post("/collections/{slug}/search", response=SearchOut, summary="Search a collection")
def search_collection(
    request: HttpRequest, slug: str, body: SearchIn, consistency_token: Seen = None
) -> HttpResponse:
    """Find passages by words and by meaning, best first, one for each document or all of them."""
    return answer_search(request, [slug], body, consistency_token)


@router.post("/search", response=SearchOut, summary="Search several collections")
def search_several(
    request: HttpRequest, body: CollectionsSearchIn, consistency_token: Seen = None
) -> HttpResponse:
    """Find passages of several collections as if they were one, best first."""
    return answer_search(request, body.collections, body, consistency_token)


def answer_search(
    request: HttpRequest, slugs: Sequence[str], body: SearchIn, consistency_token: str | None
) -> HttpResponse:
    """Return the answer to a search of one collection or several."""
    caller = narrowed_caller(request, Scope.READ, body.principals)
    after = None if consistency_token is None else parse_position(consistency_token)
    result = search_collections(caller, slugs, request_of(body), after=after)
    is_bound = caller.principals is not None
    return respond(page_of(result, is_explained=body.explain, is_bound=is_bound))


def request_of(body: SearchIn) -> SearchRequest:
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
        group=Group(body.group),
        explain=body.explain,
        highlight=body.highlight,
        weights=None if body.weights is None else {"dense": body.weights.dense},
        like=tuple(body.like),
        unlike=tuple(body.unlike),
        ranking=body.ranking,
        cursor=body.cursor,
        context=None if body.context is None else HitContext(body.context),
    )


def page_of(result: SearchResult, *, is_explained: bool, is_bound: bool) -> dict[str, Any]:
    """Return a result as its JSON; without what tells somebody with principals of closed rows."""
    return {
        "request_id": result.request_id,
        "hits": [hit_of(hit, is_explained=is_explained) for hit in result.hits],
        "plan": None if is_bound else result.plan,
        "complete": result.complete,
        "cursor": result.cursor,
        "notes": result.notes,
        "legs": [leg_of(leg, is_bound=is_bound) for leg in result.legs] if is_explained else None,
        "took": result.took,
    }


def leg_of(leg: LegReport, *, is_bound: bool) -> dict[str, Any]:
    """Return how a leg ran as its JSON, as far as the caller may know."""
    return asdict(leg) | (UNTOLD if is_bound else {})


def hit_of(hit: Hit, *, is_explained: bool) -> dict[str, Any]:
    """Return a hit as its JSON: the caller's ids, not ours."""
    document, chunk = hit.document, hit.chunk
    return {
        "score": hit.score,
        "document": {
            "external_id": document.external_id,
            "title": document.title,
            "url": document.url,
            "metadata": document.metadata,
            "collection": document.collection,
        },
        "chunk": {
            "text": chunk.text,
            "start": chunk.start,
            "end": chunk.end,
            "position": chunk.position,
            "page": chunk.page,
        },
        "highlights": [span_of(span, chunk.text) for span in hit.highlights],
        "sentence": None if hit.sentence is None else span_of(hit.sentence, chunk.text),
        "explain": hit.explain if is_explained else None,
        "collapsed": hit.collapsed,
        "parent": hit.parent,
    }


def span_of(span: Span, text: str) -> dict[str, Any]:
    """Return a span with the characters it covers."""
    return {"start": span.start, "end": span.end, "text": text[span.start : span.end]}
