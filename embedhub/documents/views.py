"""The REST of documents."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from django.http import HttpRequest, HttpResponse
from django.urls import register_converter
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.config import get_config
from embedhub.documents import service, waiting
from embedhub.documents.inputs import parse_document
from embedhub.documents.schemas import (
    BatchIn,
    BatchOut,
    DeletedOut,
    DeleteIn,
    DocumentListPage,
    DocumentOut,
    GetIn,
    GotOut,
    ListIn,
)
from embedhub.documents.service import Deleted, Outcome
from embedhub.errors import NotFound, TooLarge
from embedhub.web.authentication import Principals, caller_of, from_query, narrowed_caller
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_cursor, encode_cursor, page_limit
from embedhub.web.responses import respond

router = Router(tags=["documents"])


class AnyId:
    """An id in a path: slashes and line breaks too, at which Django's own converter stops."""

    regex = "(?s:.+)"

    def to_python(self, value: str) -> str:
        """Return the id."""
        return value

    def to_url(self, value: str) -> str:
        """Return the id, which Django quotes."""
        return value


PLURAL = "/collections/{slug}/documents"
register_converter(AnyId, "any_id")


@router.post(PLURAL, response={200: BatchOut, 202: BatchOut}, summary="Store documents")
@idempotent()
def upsert_documents(
    request: HttpRequest,
    slug: str,
    body: BatchIn,
    wait: Literal["indexed"] | None = None,
    timeout: float | None = None,
) -> HttpResponse:
    """Store a batch, all or nothing. Sending a document again changes only what differs.

    New documents are found by their words at once and by meaning when encoded. With
    `wait=indexed` the answer comes when they are, or after `timeout` seconds as 202 with what is
    still pending and what failed.
    """
    caller = caller_of(request, Scope.WRITE)
    timeout_s = waiting.check_wait(timeout)
    # Before work is done on any of them.
    service.refuse_too_many(len(body.documents))
    inputs = [parse_document(raw, f"documents.{n}") for n, raw in enumerate(body.documents)]
    outcomes = service.upsert_documents(caller, slug, inputs)
    run_id = next((each.relabelling for each in outcomes), None)
    indexing = None
    if wait is not None:
        external_ids = [document.external_id for document in inputs]
        indexing = waiting.wait(caller, slug, external_ids, timeout_s, run_id=run_id)
    answer = {
        "items": [{"external_id": o.external_id, "outcome": o.outcome} for o in outcomes],
        "counts": count(outcomes),
        "run_id": run_id,
        "indexing": indexing,
    }
    return respond(answer, status=202 if indexing and not indexing.is_indexed else 200)


@router.post(PLURAL + "/query", response=DocumentListPage, summary="List documents")
def list_documents(request: HttpRequest, slug: str, body: ListIn) -> HttpResponse:
    """Documents that a filter matches, without their texts, older ones first."""
    listed = service.list_documents(
        narrowed_caller(request, Scope.READ, body.principals),
        slug,
        where=body.filter,
        after=decode_cursor("documents", body.cursor) or 0,
        limit=page_limit(body.limit),
    )
    cursor = None if listed.after is None else encode_cursor("documents", listed.after)
    return respond({"items": listed.documents, "cursor": cursor})


@router.post(PLURAL + "/get", response=GotOut, summary="Get many documents")
def get_documents(request: HttpRequest, slug: str, body: GetIn) -> HttpResponse:
    """Documents in the order asked, null where there is none to be seen."""
    caller = narrowed_caller(request, Scope.READ, body.principals)
    return respond({"items": service.get_documents(caller, slug, body.external_ids)})


@router.post(
    PLURAL + "/delete",
    response={200: DeletedOut, 202: DeletedOut},
    summary="Delete documents",
)
@idempotent()
def delete_documents(request: HttpRequest, slug: str, body: DeleteIn) -> HttpResponse:
    """Delete documents by ids or by a filter. What would take long becomes a run: 202."""
    caller = caller_of(request, Scope.WRITE)
    limit = get_config().max_delete_ids
    if body.external_ids is not None and len(body.external_ids) > limit:
        n = len(body.external_ids)
        raise TooLarge(f"{n:,} ids; at most {limit:,} are accepted", "external_ids")
    deleted = service.delete_documents(
        caller, slug, external_ids=body.external_ids, where=body.filter
    )
    return removed(deleted)


@router.get(PLURAL, response=DocumentOut, summary="Get a document by query parameter")
def get_document(
    request: HttpRequest, slug: str, external_id: str, principals: Principals = None
) -> HttpResponse:
    """One document; this address works for every id."""
    caller = narrowed_caller(request, Scope.READ, from_query(principals))
    return respond(service.get_document(caller, slug, external_id))


@router.delete(PLURAL, response=DeletedOut, summary="Delete a document by query parameter")
def delete_document(request: HttpRequest, slug: str, external_id: str) -> HttpResponse:
    """Delete one document; this address works for every id."""
    return delete_one(request, slug, external_id)


@router.get(PLURAL + "/{any_id:external_id}", response=DocumentOut, summary="Get a document")
def get_document_by_path(
    request: HttpRequest, slug: str, external_id: str, principals: Principals = None
) -> HttpResponse:
    """One document. Ids named like an endpoint (query, get, delete, import) go as a parameter."""
    caller = narrowed_caller(request, Scope.READ, from_query(principals))
    return respond(service.get_document(caller, slug, external_id))


@router.delete(PLURAL + "/{any_id:external_id}", response=DeletedOut, summary="Delete a document")
def delete_document_by_path(request: HttpRequest, slug: str, external_id: str) -> HttpResponse:
    """Delete one document with all that was made of it; 404 if there is none."""
    return delete_one(request, slug, external_id)


def delete_one(request: HttpRequest, slug: str, external_id: str) -> HttpResponse:
    """Delete one document, or say that there is none."""
    caller = caller_of(request, Scope.WRITE)
    deleted = service.delete_documents(caller, slug, external_ids=[external_id])
    if not deleted.n_deleted:
        raise NotFound("document", external_id)
    return removed(deleted)


def removed(deleted: Deleted) -> HttpResponse:
    """Return 202 if a run does the deleting."""
    return respond(deleted, status=200 if deleted.run_id is None else 202)


def count(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Return how many documents came to each outcome."""
    return dict(Counter(str(outcome.outcome) for outcome in outcomes))
