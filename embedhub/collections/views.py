"""The REST of collections."""

from dataclasses import asdict
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Body, Router

from embedhub.access.caller import Scope
from embedhub.collections import details, service
from embedhub.collections.schemas import (
    ChangedCollectionOut,
    CollectionDetailsOut,
    CollectionIn,
    CollectionOut,
    CollectionPage,
    CollectionPatch,
    DeadPage,
    RemovalOut,
    RetryIn,
    RetryOut,
    StatusOut,
)
from embedhub.collections.service import CollectionChanges, CollectionInput
from embedhub.web.authentication import Principals, caller_of, from_query, narrowed_caller
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_cursor, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["collections"])


@router.post("/collections", response={201: CollectionOut}, summary="Create a collection")
@idempotent()
def create_collection(request: HttpRequest, body: CollectionIn) -> HttpResponse:
    """Create a collection. Its slug is 1 to 63 lower-case letters, digits, - and _."""
    wanted = CollectionInput(
        slug=body.slug,
        name=body.name,
        language=body.language,
        encoder=body.encoder,
        dimension=body.dimension,
        metric=body.metric,
        chunking=None if body.chunking is None else body.chunking.model_dump(exclude_none=True),
        filterable=body.filterable,
        ranking=body.ranking,
    )
    view = service.create_collection(caller_of(request, Scope.WRITE), wanted)
    return respond(view, status=201)


@router.get("/collections", response=CollectionPage, summary="List collections")
def list_collections(
    request: HttpRequest, cursor: str | None = None, limit: int | None = None
) -> HttpResponse:
    """The collections this key may open, oldest first."""
    size = page_limit(limit)
    after = decode_cursor("collections", cursor) or 0
    caller = caller_of(request, Scope.READ)
    views = service.list_collections(caller, after=after, limit=size + 1)
    return respond(page("collections", views, size, lambda view: view.id))


@router.get("/collections/{slug}", response=CollectionDetailsOut, summary="Get a collection")
def get_collection(request: HttpRequest, slug: str) -> HttpResponse:
    """One collection, with how much its index finds and advice on what would serve it better."""
    return respond(details.describe_collection(caller_of(request, Scope.READ), slug))


@router.patch("/collections/{slug}", response=ChangedCollectionOut, summary="Change a collection")
def update_collection(request: HttpRequest, slug: str, body: CollectionPatch) -> HttpResponse:
    """Change name, ranking, chunking or filterable fields.

    Changed filterable fields and another chunking start a run over the documents, `run_id`.
    """
    given = body.model_dump(exclude_unset=True)
    service.refuse_fixed(given)
    if body.chunking is not None:
        given["chunking"] = body.chunking.model_dump(exclude_none=True)
    view, run_id = service.update_collection(
        caller_of(request, Scope.WRITE), slug, CollectionChanges(**given)
    )
    return respond({**asdict(view), "run_id": run_id})


@router.delete("/collections/{slug}", response={202: RemovalOut}, summary="Delete a collection")
def delete_collection(request: HttpRequest, slug: str) -> HttpResponse:
    """Hide a collection at once, and start the run that removes everything of it."""
    run_id = service.delete_collection(caller_of(request, Scope.WRITE), slug)
    return respond({"run_id": run_id}, status=202)


@router.get("/collections/{slug}/status", response=StatusOut, summary="How far the embedding is")
def collection_status(request: HttpRequest, slug: str) -> HttpResponse:
    """Counts of documents, of passages that answer, of their vectors, and of what is missing.

    A key bound to principals gets 403: the counts would tell of documents it may not see.
    """
    counts = service.collection_status(caller_of(request, Scope.READ), slug)
    is_indexed = not (counts.n_pending or counts.n_dead or counts.n_waiting_updates)
    return respond({**asdict(counts), "is_indexed": is_indexed})


@router.get("/collections/{slug}/dead", response=DeadPage, summary="What could not be embedded")
def list_dead(
    request: HttpRequest,
    slug: str,
    cursor: str | None = None,
    limit: int | None = None,
    principals: Principals = None,
) -> HttpResponse:
    """Passages whose vector could not be made, with the reasons."""
    caller = narrowed_caller(request, Scope.READ, from_query(principals))
    size = page_limit(limit)
    after = decode_cursor("dead", cursor) or 0
    rows = service.list_dead(caller, slug, after=after, limit=size + 1)
    return respond(page("dead", rows, size, lambda row: row.chunk_id))


@router.post("/collections/{slug}/dead/retry", response=RetryOut, summary="Try the dead again")
@idempotent()
def retry_dead(
    request: HttpRequest, slug: str, body: Annotated[RetryIn | None, Body()] = None
) -> HttpResponse:
    """Give dead passages a fresh start: those named, or all of the collection."""
    caller = caller_of(request, Scope.WRITE)
    chunk_ids = body.chunk_ids if body else None
    return respond({"retried": service.retry_dead(caller, slug, chunk_ids)})
