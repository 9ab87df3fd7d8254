"""The REST of a collection's index."""

from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Body, Router

from embedhub.access.caller import Scope
from embedhub.spaces import index_life
from embedhub.spaces.schemas import IndexOut, RebuildIn, RebuildOut
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.responses import respond

router = Router(tags=["collections"])


@router.get("/collections/{slug}/index", response=IndexOut, summary="How the index stands")
def get_index(
    request: HttpRequest,
    slug: str,
    precision: Literal["halfvec", "vector", "bit"] | None = None,
) -> HttpResponse:
    """How the vectors are searched, the state of the index, and what a rebuild would take.

    `precision` asks what another one would take. A key bound to principals gets 403: the counts
    would tell of documents it may not see.
    """
    caller = caller_of(request, Scope.READ)
    return respond(index_life.describe_index(caller, slug, precision=precision))


@router.post(
    "/collections/{slug}/index", response={202: RebuildOut}, summary="Build the index anew"
)
@idempotent()
def rebuild_index(
    request: HttpRequest, slug: str, body: Annotated[RebuildIn | None, Body()] = None
) -> HttpResponse:
    """Start a run that builds the index anew, with another precision if one is given.

    Searches go by the old index until the new one is ready. 409 while a run is at work on it, 507
    with the figures if the disk would be full.
    """
    run_id, forecast = index_life.ask_for_rebuild(
        caller_of(request, Scope.WRITE), slug, precision=None if body is None else body.precision
    )
    return respond({"run_id": run_id, "forecast": forecast}, status=202)
