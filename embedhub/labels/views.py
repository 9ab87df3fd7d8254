"""The REST of label sets, of their trainings and of classifiers."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.graph.service import Owner
from embedhub.labels import service
from embedhub.labels.schemas import (
    ClassifierOut,
    ClassifierPage,
    LabelRunOut,
    LabelSetIn,
    LabelSetOut,
    LabelSetPage,
    LabelSetPatch,
    LabelTrainingIn,
    SetStateOut,
)
from embedhub.labels.service import SetInput
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.owners import for_owners
from embedhub.web.paging import decode_cursor, encode_cursor, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["labels"])
SETS = "/labels"
SET = "/labels/{label_set}"


@for_owners(router, "POST", SETS, response={201: LabelSetOut}, summary="Create a label set")
@idempotent()
def create_label_set(
    request: HttpRequest, owner: Owner, slug: str, body: LabelSetIn
) -> HttpResponse:
    """Make a label set: a question with one answer a row.

    Its labels are read from a field of the metadata, or given by people.
    """
    wanted = SetInput(
        name=body.name,
        source=body.source,
        field=body.field,
        level=body.level,
        labels=[one.model_dump() for one in body.labels],
        setting=body.setting.model_dump(exclude_unset=True),
    )
    view = service.create_set(caller_of(request, Scope.WRITE), owner, slug, wanted)
    return respond(view, status=201)


@for_owners(router, "GET", SETS, response=LabelSetPage, summary="List label sets")
def list_label_sets(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponse:
    """The label sets, oldest first."""
    size = page_limit(limit)
    after = decode_cursor("label-sets", cursor) or 0
    caller = caller_of(request, Scope.READ)
    rows = service.list_sets(caller, owner, slug, after=after, limit=size + 1)
    shown = rows[:size]
    following = encode_cursor("label-sets", shown[-1][0]) if len(rows) > size else None
    return respond({"items": [view for _, view in shown], "cursor": following})


@for_owners(router, "GET", SET, response=SetStateOut, summary="How a label set stands")
def describe_label_set(
    request: HttpRequest, owner: Owner, slug: str, label_set: str
) -> HttpResponse:
    """A label set with its counts, the classifier that predicts and the training under way.

    A key bound to principals gets 403: it counts rows that the key may not see.
    """
    return respond(service.describe_set(caller_of(request, Scope.READ), owner, slug, label_set))


@for_owners(router, "PATCH", SET, response=LabelSetOut, summary="Change a label set")
def update_label_set(
    request: HttpRequest, owner: Owner, slug: str, label_set: str, body: LabelSetPatch
) -> HttpResponse:
    """Change labels, field or setting; the next training goes by it."""
    wished = {
        part: value
        for part, value in body.model_dump(exclude_unset=True).items()
        if part == "field" or value is not None
    }
    caller = caller_of(request, Scope.WRITE)
    return respond(service.update_set(caller, owner, slug, label_set, wished))


@for_owners(router, "DELETE", SET, response=LabelSetOut, summary="Delete a label set")
def delete_label_set(request: HttpRequest, owner: Owner, slug: str, label_set: str) -> HttpResponse:
    """Delete a label set with the labels given in it, its classifiers and predictions."""
    return respond(service.delete_set(caller_of(request, Scope.WRITE), owner, slug, label_set))


@for_owners(
    router, "POST", SET + "/train", response={202: LabelRunOut}, summary="Train a classifier"
)
@idempotent()
def train_label_set(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    label_set: str,
    body: LabelTrainingIn | None = None,
) -> HttpResponse:
    """Start the run that trains the classifier of a set and predicts every row.

    While one is under way, that run is the answer.
    """
    wanted = body or LabelTrainingIn()
    caller = caller_of(request, Scope.WRITE)
    run_id = service.start_training(
        caller, owner, slug, label_set, method=wanted.method, publish=wanted.publish
    )
    return respond({"run_id": run_id}, status=202)


@for_owners(router, "GET", SET + "/versions", response=ClassifierPage, summary="List classifiers")
def list_classifiers(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    label_set: str,
    *,
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponse:
    """The classifiers of a set with their figures, newest first; 403 for keys with principals."""
    size = page_limit(limit)
    before = decode_cursor("classifiers", cursor)
    caller = caller_of(request, Scope.READ)
    rows = service.list_versions(caller, owner, slug, label_set, before=before, limit=size + 1)
    return respond(page("classifiers", rows, size, lambda row: row.number))


@for_owners(
    router,
    "GET",
    SET + "/versions/{int:version}",
    response=ClassifierOut,
    summary="Get a classifier",
)
def get_classifier(
    request: HttpRequest, owner: Owner, slug: str, label_set: str, version: int
) -> HttpResponse:
    """One classifier of a set; a key bound to principals gets 403."""
    caller = caller_of(request, Scope.READ)
    return respond(service.get_version(caller, owner, slug, label_set, version))


@for_owners(
    router,
    "POST",
    SET + "/versions/{int:version}/publish",
    response=ClassifierOut,
    summary="Let a classifier predict",
)
@idempotent()
def publish_classifier(
    request: HttpRequest, owner: Owner, slug: str, label_set: str, version: int
) -> HttpResponse:
    """Let a classifier predict from now on; the way back is the same call.

    Rows are predicted anew behind it, block by block.
    """
    caller = caller_of(request, Scope.WRITE)
    return respond(service.publish_version(caller, owner, slug, label_set, version))
