"""The REST of catalogs."""

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.catalog import service
from embedhub.catalog.checks import refuse_fixed
from embedhub.catalog.schemas import (
    CatalogIn,
    CatalogOut,
    CatalogPage,
    CatalogPatch,
    CatalogRemovalOut,
    CatalogStatusOut,
    ChangedCatalogOut,
    DeadMemberPage,
    RetriedOut,
)
from embedhub.catalog.service import CatalogChanges, CatalogInput, Unknown
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_cursor, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["catalogs"])


@router.post("/catalogs", response={201: CatalogOut}, summary="Create a catalog")
@idempotent()
def create_catalog(request: HttpRequest, body: CatalogIn) -> HttpResponse:
    """Create a catalog. Its slug is 1 to 63 lower-case letters, digits, - and _.

    A key bound to collections or principals finds no catalogs and makes none.
    """
    wanted = CatalogInput(**policies_of(body.model_dump()))
    return respond(service.create_catalog(caller_of(request, Scope.WRITE), wanted), status=201)


@router.get("/catalogs", response=CatalogPage, summary="List catalogs")
def list_catalogs(
    request: HttpRequest, cursor: str | None = None, limit: int | None = None
) -> HttpResponse:
    """The workspace's catalogs, oldest first."""
    size = page_limit(limit)
    after = decode_cursor("catalogs", cursor) or 0
    caller = caller_of(request, Scope.READ)
    views = service.list_catalogs(caller, after=after, limit=size + 1)
    return respond(page("catalogs", views, size, lambda view: view.id))


@router.get("/catalogs/{slug}", response=CatalogOut, summary="Get a catalog")
def get_catalog(request: HttpRequest, slug: str) -> HttpResponse:
    """One catalog."""
    return respond(service.get_catalog(caller_of(request, Scope.READ), slug))


@router.get("/catalogs/{slug}/status", response=CatalogStatusOut, summary="Count a catalog")
def catalog_status(request: HttpRequest, slug: str) -> HttpResponse:
    """How many items, users and interactions there are, and interactions that wait."""
    return respond(service.catalog_status(caller_of(request, Scope.READ), slug))


@router.get(
    "/catalogs/{slug}/dead", response=DeadMemberPage, summary="What of a catalog is not encoded"
)
def list_dead_members(
    request: HttpRequest, slug: str, cursor: str | None = None, limit: int | None = None
) -> HttpResponse:
    """Items and users whose text could not be encoded, with the reasons."""
    size = page_limit(limit)
    after = decode_cursor("dead", cursor) or 0
    rows = service.list_dead(caller_of(request, Scope.READ), slug, after=after, limit=size + 1)
    return respond(page("dead", rows, size, lambda row: row.id))


@router.post(
    "/catalogs/{slug}/dead/retry", response=RetriedOut, summary="Encode a catalog's dead again"
)
@idempotent()
def retry_dead_members(request: HttpRequest, slug: str) -> HttpResponse:
    """Give all texts of a catalog that could not be encoded a fresh start."""
    return respond({"retried": service.retry_dead(caller_of(request, Scope.WRITE), slug)})


@router.patch("/catalogs/{slug}", response=ChangedCatalogOut, summary="Change a catalog")
def update_catalog(request: HttpRequest, slug: str, body: CatalogPatch) -> HttpResponse:
    """Change name, weights, policies and filterable fields; the template only without items.

    Changed filterable fields start a run over the items, `run_id`.
    """
    given = body.model_dump(exclude_unset=True)
    refuse_fixed(given)
    changes = CatalogChanges(**policies_of(given))
    view, run_id = service.update_catalog(caller_of(request, Scope.WRITE), slug, changes)
    return respond({**asdict(view), "run_id": run_id})


@router.delete("/catalogs/{slug}", response={202: CatalogRemovalOut}, summary="Delete a catalog")
def delete_catalog(request: HttpRequest, slug: str) -> HttpResponse:
    """Hide a catalog at once, and start the run that removes everything of it."""
    run_id = service.delete_catalog(caller_of(request, Scope.WRITE), slug)
    return respond({"run_id": run_id}, status=202)


def policies_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a body with its policies as the service knows them."""
    return {
        name: Unknown(value) if name.startswith("unknown_") and value else value
        for name, value in given.items()
    }
