"""The REST of trainings and versions."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.recommend.training_run import evaluating, service, supplied
from embedhub.recommend.training_run.schemas import (
    OfflineIn,
    RecommenderOut,
    RecommenderPage,
    SuppliedVersionIn,
    TrainingIn,
    TrainingOut,
    TrainingPatch,
    TrainingRunOut,
    VectorsIn,
    VectorsOut,
)
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_cursor, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["recommendations"])
TRAINING = "/catalogs/{slug}/training"
VERSIONS = "/catalogs/{slug}/versions"


@router.post(TRAINING, response={202: TrainingRunOut}, summary="Train a recommender")
@idempotent()
def start_training(request: HttpRequest, slug: str, body: TrainingIn | None = None) -> HttpResponse:
    """Start the run that trains a catalog's recommender on its interactions.

    The new version answers if it beats popularity and the one that answers on the same hold-out.
    While one is under way, that run is the answer.
    """
    caller = caller_of(request, Scope.WRITE)
    publish = True if body is None else body.publish
    return respond({"run_id": service.start_training(caller, slug, publish=publish)}, status=202)


@router.get(TRAINING, response=TrainingOut, summary="How a recommender stands")
def describe_training(request: HttpRequest, slug: str) -> HttpResponse:
    """When a catalog is trained by itself, the version that answers, the training under way."""
    return respond(service.describe_training(caller_of(request, Scope.READ), slug))


@router.patch(TRAINING, response=TrainingOut, summary="When to train by itself")
def change_training(request: HttpRequest, slug: str, body: TrainingPatch) -> HttpResponse:
    """Change when a catalog is trained by itself."""
    wished = body.model_dump(exclude_unset=True)
    return respond(service.change_training(caller_of(request, Scope.WRITE), slug, wished))


@router.post(
    "/catalogs/{slug}/evaluations", response={202: TrainingRunOut}, summary="Evaluate offline"
)
@idempotent()
def evaluate_recommender(
    request: HttpRequest, slug: str, body: OfflineIn | None = None
) -> HttpResponse:
    """Start the run that hides a fifth of each user's interactions and looks for it in lists.

    Its result holds nDCG, recall, precision, MAP, coverage, novelty and diversity of each source,
    of their blend, and of the blend by length of history. All items are ranked.
    """
    wanted = body or OfflineIn()
    caller = caller_of(request, Scope.WRITE)
    run_id = evaluating.start_evaluation(caller, slug, order=wanted.order, k=wanted.k)
    return respond({"run_id": run_id}, status=202)


@router.get(VERSIONS, response=RecommenderPage, summary="List versions")
def list_versions(
    request: HttpRequest, slug: str, cursor: str | None = None, limit: int | None = None
) -> HttpResponse:
    """The versions of a catalog's recommender with their figures, newest first."""
    size = page_limit(limit)
    before = decode_cursor("versions", cursor)
    rows = service.list_versions(
        caller_of(request, Scope.READ), slug, before=before, limit=size + 1
    )
    return respond(page("versions", rows, size, lambda row: row.number))


@router.post(VERSIONS, response={201: RecommenderOut}, summary="Open a version for your vectors")
@idempotent()
def open_version(request: HttpRequest, slug: str, body: SuppliedVersionIn) -> HttpResponse:
    """Begin a version of vectors of items, and of users if you like, that a trainer elsewhere made.

    Then send them, then finish.

    What is not finished within a day is removed.
    """
    caller = caller_of(request, Scope.WRITE)
    view = supplied.open_version(caller, slug, name=body.name, dimension=body.dimension)
    return respond(view, status=201)


@router.post(VERSIONS + "/{int:open_number}/vectors", response=VectorsOut, summary="Send vectors")
@idempotent()
def add_vectors(request: HttpRequest, slug: str, open_number: int, body: VectorsIn) -> HttpResponse:
    """Store vectors of items and users in an open version; one sent again replaces the older one.

    A batch with a fault is refused as a whole.
    """
    caller = caller_of(request, Scope.WRITE)
    items, users = ([one.model_dump() for one in some] for some in (body.items, body.users))
    return respond(supplied.add_vectors(caller, slug, open_number, items, users))


@router.post(
    VERSIONS + "/{int:open_number}/finish",
    response={202: TrainingRunOut},
    summary="Judge your vectors",
)
@idempotent()
def finish_version(
    request: HttpRequest, slug: str, open_number: int, body: TrainingIn | None = None
) -> HttpResponse:
    """Start the run that learns how much the vectors count beside neighbours and popularity.

    The version answers, or waits to be published, if it beats popularity and the one that answers.
    """
    caller = caller_of(request, Scope.WRITE)
    publish = True if body is None else body.publish
    run_id = supplied.finish_version(caller, slug, open_number, publish=publish)
    return respond({"run_id": run_id}, status=202)


@router.get(VERSIONS + "/{int:number}", response=RecommenderOut, summary="Get a version")
def get_version(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One version of a catalog's recommender."""
    return respond(service.get_version(caller_of(request, Scope.READ), slug, number))


@router.post(
    VERSIONS + "/{int:number}/publish", response=RecommenderOut, summary="Let a version answer"
)
@idempotent()
def publish_version(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Let a version answer from the next request on; the way back is the same call."""
    caller = caller_of(request, Scope.WRITE)
    return respond(service.publish_version(caller, slug, number))
