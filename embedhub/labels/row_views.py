"""The REST of labels of rows: given, asked for, predicted, doubted."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.graph.service import Owner
from embedhub.labels import service
from embedhub.labels.row_schemas import (
    ClassifiedOut,
    ClassifyIn,
    ErrorDecisionIn,
    GivenBatchIn,
    GivenOutcomesOut,
    GivenPage,
    LabelErrorOut,
    LabelErrorPage,
    PredictionPage,
    QueueOut,
    UndoIn,
    UndoneOut,
)
from embedhub.labels.service import GivenInput, Place, Wanted
from embedhub.web.authentication import Principals, caller_of, from_query
from embedhub.web.idempotency import idempotent
from embedhub.web.owners import for_owners
from embedhub.web.paging import decode_cursor, decode_place, encode_place, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["labels"])
SET = "/labels/{label_set}"
DEFAULT_ASKED = 20


@for_owners(router, "POST", SET + "/given", response=GivenOutcomesOut, summary="Give labels")
@idempotent()
def give_labels(
    request: HttpRequest, owner: Owner, slug: str, label_set: str, body: GivenBatchIn
) -> HttpResponse:
    """Give rows a label: all of them, or none.

    Another label that somebody gave is a conflict, unless its id is sent as `seen`.
    """
    inputs = [GivenInput(one.external_id, one.label, one.position, one.seen) for one in body.labels]
    items = service.give(caller_of(request, Scope.WRITE), owner, slug, label_set, inputs)
    return respond({"items": items})


@for_owners(router, "POST", SET + "/given/undo", response=UndoneOut, summary="Take labels back")
@idempotent()
def undo_labels(
    request: HttpRequest, owner: Owner, slug: str, label_set: str, body: UndoIn
) -> HttpResponse:
    """Take labels back: all of them, or none. What a row was given before holds again."""
    caller = caller_of(request, Scope.WRITE)
    return respond({"undone": service.undo(caller, owner, slug, label_set, body.ids)})


@for_owners(router, "GET", SET + "/given", response=GivenPage, summary="Who labelled what")
def list_given_labels(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    label_set: str,
    *,
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponse:
    """Labels that people gave, the latest first, with those taken back."""
    size = page_limit(limit)
    before = decode_cursor("given-labels", cursor)
    caller = caller_of(request, Scope.READ)
    rows = service.list_given(caller, owner, slug, label_set, before=before, limit=size + 1)
    return respond(page("given-labels", rows, size, lambda row: row.id))


@for_owners(router, "GET", SET + "/queue", response=QueueOut, summary="What to label next")
def label_queue(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    label_set: str,
    *,
    limit: int = DEFAULT_ASKED,
    principals: Principals = None,
) -> HttpResponse:
    """Rows without a label that teach most: doubtful, like many others, one of each kind first."""
    items = service.queue(
        caller_of(request, Scope.READ),
        owner,
        slug,
        label_set,
        principals=from_query(principals),
        limit=limit,
    )
    return respond({"items": items})


@for_owners(
    router, "GET", SET + "/predictions", response=PredictionPage, summary="List predictions"
)
def list_predictions(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    label_set: str,
    *,
    label: str | None = None,
    rejected: bool | None = None,
    min_probability: float | None = None,
    max_probability: float | None = None,
    principals: Principals = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponse:
    """What the live classifier says of stored rows, the likeliest first.

    `label` is the likeliest one, `rejected` keeps or leaves out rows that fit none.
    """
    place = decode_place("predictions", cursor, float, int)
    views, following = service.list_predictions(
        caller_of(request, Scope.READ),
        owner,
        slug,
        label_set,
        Wanted(label, rejected, min_probability, max_probability),
        principals=from_query(principals),
        after=None if place is None else Place(*place),
        limit=page_limit(limit),
    )
    cursor = None
    if following is not None:
        cursor = encode_place("predictions", repr(following.probability), str(following.node_id))
    return respond({"items": views, "cursor": cursor})


@for_owners(
    router, "GET", SET + "/errors", response=LabelErrorPage, summary="List likely label errors"
)
def list_label_errors(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    label_set: str,
    *,
    status: str | None = "open",
    principals: Principals = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponse:
    """Rows whose label is likely wrong, as the last training saw them, the most likely first."""
    place = decode_place("label-errors", cursor, float, int)
    views, following = service.list_errors(
        caller_of(request, Scope.READ),
        owner,
        slug,
        label_set,
        status=status or None,
        principals=from_query(principals),
        after=None if place is None else (place[0], place[1]),
        limit=page_limit(limit),
    )
    cursor = None
    if following is not None:
        cursor = encode_place("label-errors", repr(following[0]), str(following[1]))
    return respond({"items": views, "cursor": cursor})


@for_owners(
    router,
    "POST",
    SET + "/errors/{int:error_id}/decision",
    response=LabelErrorOut,
    summary="Decide about a likely label error",
)
@idempotent()
def decide_label_error(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    label_set: str,
    *,
    error_id: int,
    body: ErrorDecisionIn,
) -> HttpResponse:
    """Correct the label, say that it is right, or take such a decision back.

    A second person who decides otherwise is told (409) who decided and when, unless `seen` names
    that decision.
    """
    view = service.decide(
        caller_of(request, Scope.WRITE),
        owner,
        slug,
        label_set,
        error_id,
        decision=body.decision,
        label=body.label,
        seen=body.seen,
    )
    return respond(view)


@for_owners(router, "POST", SET + "/classify", response=ClassifiedOut, summary="Classify texts")
def classify_texts(
    request: HttpRequest, owner: Owner, slug: str, label_set: str, body: ClassifyIn
) -> HttpResponse:
    """What the live classifier says of texts that are not stored; nothing is stored."""
    items = service.classify(caller_of(request, Scope.READ), owner, slug, label_set, body.texts)
    return respond({"items": items})
