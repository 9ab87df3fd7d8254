"""The REST of placements and their rules."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.recommend.placement_schemas import (
    PlacementIn,
    PlacementOut,
    PlacementPage,
    PreviewIn,
    PreviewOut,
    RestoreIn,
    RevisionList,
)
from embedhub.recommend.request import RecommendationRequest
from embedhub.recommend.rules import service
from embedhub.recommend.rules.preview import preview_rules
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_place, encode_place, page_limit
from embedhub.web.responses import respond

router = Router(tags=["placements"])
PLACEMENTS = "/catalogs/{slug}/placements"
PLACEMENT = PLACEMENTS + "/{name}"


@router.get(PLACEMENTS, response=PlacementPage, summary="List placements")
def list_placements(
    request: HttpRequest, slug: str, cursor: str | None = None, limit: int | None = None
) -> HttpResponse:
    """Placements that have rules, by name. Requests may name others: these have none."""
    size = page_limit(limit)
    place = decode_place("placements", cursor, str)
    caller = caller_of(request, Scope.READ)
    after = "" if place is None else place[0]
    rows = service.list_placements(caller, slug, after=after, limit=size + 1)
    last = encode_place("placements", rows[size - 1].name) if len(rows) > size else None
    return respond({"items": rows[:size], "cursor": last})


@router.get(PLACEMENT, response=PlacementOut, summary="Get a placement")
def get_placement(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """A placement and its rules."""
    return respond(service.get_placement(caller_of(request, Scope.READ), slug, name))


@router.put(PLACEMENT, response=PlacementOut, summary="Set the rules of a placement")
def put_placement(request: HttpRequest, slug: str, name: str, body: PlacementIn) -> HttpResponse:
    """Put these rules in place of those there are; they hold for the next list.

    The same rules again change nothing. What held before is kept and can be restored.
    """
    caller = caller_of(request, Scope.WRITE)
    return respond(service.put_rules(caller, slug, name, body.rules, revision=body.revision))


@router.delete(PLACEMENT, response=PlacementOut, summary="Delete the rules of a placement")
def delete_placement(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Delete rules and revisions, and return what held; lists there go on without rules."""
    return respond(service.delete_placement(caller_of(request, Scope.WRITE), slug, name))


@router.get(PLACEMENT + "/revisions", response=RevisionList, summary="List rules held before")
def list_revisions(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Rules that the placement had before, the latest first."""
    revisions = service.list_revisions(caller_of(request, Scope.READ), slug, name)
    return respond({"items": revisions})


@router.post(PLACEMENT + "/restore", response=PlacementOut, summary="Restore rules held before")
@idempotent()
def restore_revision(request: HttpRequest, slug: str, name: str, body: RestoreIn) -> HttpResponse:
    """Let rules of an earlier revision hold again, as the next revision."""
    caller = caller_of(request, Scope.WRITE)
    return respond(service.restore_revision(caller, slug, name, body.revision))


@router.post(PLACEMENT + "/preview", response=PreviewOut, summary="Preview rules")
def preview_placement(request: HttpRequest, slug: str, name: str, body: PreviewIn) -> HttpResponse:
    """What rules do to somebody's list, before they hold: nothing is stored or counted as shown."""
    wanted = RecommendationRequest(user=body.user, session=tuple(body.session), limit=body.limit)
    caller = caller_of(request, Scope.READ)
    return respond(preview_rules(caller, slug, name, body.rules, wanted))
