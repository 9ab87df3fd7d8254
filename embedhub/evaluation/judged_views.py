"""The REST of judged queries and of feedback."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.errors import InvalidInput
from embedhub.evaluation import feedback, service
from embedhub.evaluation.feedback import FeedbackKind
from embedhub.evaluation.judged_schemas import (
    FeedbackIn,
    FeedbackOut,
    HarvestIn,
    HarvestOut,
    JudgedDeletionIn,
    JudgedDeletionOut,
    JudgedImportIn,
    JudgedImportOut,
    JudgedOutcomesOut,
    JudgedQueriesIn,
    JudgedQueryDetailsOut,
    JudgedQueryIn,
    JudgedQueryPage,
    JudgmentsIn,
)
from embedhub.evaluation.service import JudgedInput
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_cursor, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["evaluation"])
JUDGED = "/collections/{slug}/judged-queries"


@router.post(JUDGED, response=JudgedOutcomesOut, summary="Create or change judged queries")
@idempotent()
def put_judged_queries(request: HttpRequest, slug: str, body: JudgedQueriesIn) -> HttpResponse:
    """Store queries with how relevant documents are to them: all of them, or none."""
    inputs = [input_of(one, f"queries.{place}") for place, one in enumerate(body.queries)]
    items = service.put_judged(caller_of(request, Scope.WRITE), slug, inputs)
    return respond({"items": items})


@router.get(JUDGED, response=JudgedQueryPage, summary="List judged queries")
def list_judged_queries(
    request: HttpRequest,
    slug: str,
    cursor: str | None = None,
    limit: int | None = None,
    split: str | None = None,
) -> HttpResponse:
    """Judged queries of a collection, oldest first; a key bound to principals gets 403."""
    size = page_limit(limit)
    after = decode_cursor("judged", cursor) or 0
    caller = caller_of(request, Scope.READ)
    rows = service.list_judged(caller, slug, after=after, limit=size + 1, split=split)
    return respond(page("judged", rows, size, lambda row: row.id))


@router.post(JUDGED + "/import", response=JudgedImportOut, summary="Import judged queries")
@idempotent()
def import_judged_queries(request: HttpRequest, slug: str, body: JudgedImportIn) -> HttpResponse:
    """Store a set as BEIR or TREC publish it, as a whole or not at all.

    Judgments take the place of those that a query of the same id has.
    """
    tally = service.import_judged(
        caller_of(request, Scope.WRITE),
        slug,
        queries_text=body.queries,
        qrels_text=body.qrels,
        split=body.split,
    )
    return respond(tally)


@router.post(JUDGED + "/harvest", response=HarvestOut, summary="Judge by feedback")
@idempotent()
def harvest_judged_queries(request: HttpRequest, slug: str, body: HarvestIn) -> HttpResponse:
    """Turn feedback on searches into judged queries; what people judged stays as it is."""
    tally = feedback.harvest(
        caller_of(request, Scope.WRITE),
        slug,
        min_clicks=body.min_clicks,
        days=body.days,
        split=body.split,
    )
    return respond(tally)


@router.post(JUDGED + "/delete", response=JudgedDeletionOut, summary="Delete judged queries")
@idempotent()
def delete_judged_queries(request: HttpRequest, slug: str, body: JudgedDeletionIn) -> HttpResponse:
    """Delete judged queries with their judgments: those named, or all of the collection."""
    if (body.ids is None) is not body.all:
        raise InvalidInput("give either ids or all", "ids")
    deleted = service.delete_judged(caller_of(request, Scope.WRITE), slug, body.ids)
    return respond({"deleted": deleted})


@router.get(
    JUDGED + "/{int:query_id}", response=JudgedQueryDetailsOut, summary="Get a judged query"
)
def get_judged_query(request: HttpRequest, slug: str, query_id: int) -> HttpResponse:
    """One judged query with its judgments; a key bound to principals gets 403."""
    return respond(service.get_judged(caller_of(request, Scope.READ), slug, query_id))


@router.delete(
    JUDGED + "/{int:query_id}", response=JudgedDeletionOut, summary="Delete a judged query"
)
def delete_judged_query(request: HttpRequest, slug: str, query_id: int) -> HttpResponse:
    """Delete one judged query with its judgments."""
    caller = caller_of(request, Scope.WRITE)
    service.get_judged(caller, slug, query_id)
    return respond({"deleted": service.delete_judged(caller, slug, [query_id])})


@router.post(
    JUDGED + "/{int:query_id}/judgments", response=JudgedQueryDetailsOut, summary="Judge documents"
)
@idempotent()
def set_judgments(
    request: HttpRequest, slug: str, query_id: int, body: JudgmentsIn
) -> HttpResponse:
    """Set or take back how relevant documents are to one query; other judgments stay."""
    relevance = {one.external_id: one.relevance for one in body.judgments}
    view = service.set_judgments(caller_of(request, Scope.WRITE), slug, query_id, relevance)
    return respond(view)


@router.post("/feedback", response={201: FeedbackOut}, summary="Say what was useful")
@idempotent()
def give_feedback(request: HttpRequest, body: FeedbackIn) -> HttpResponse:
    """Note what somebody did with a hit of a search; the same said twice counts once."""
    caller = caller_of(request, Scope.READ)
    kind = FeedbackKind(body.kind)
    feedback.record_feedback(caller, body.request_id, body.external_id, kind)
    return respond(body.model_dump(), status=201)


def input_of(body: JudgedQueryIn, path: str) -> JudgedInput:
    """Return the query as the service takes it; raises InvalidInput for a document named twice."""
    relevance = None
    if body.judgments is not None:
        relevance = {one.external_id: one.relevance for one in body.judgments}
        if len(relevance) < len(body.judgments):
            raise InvalidInput("a document is judged twice", f"{path}.judgments")
    return JudgedInput(body.query, body.external_id, body.split, relevance)
