"""The REST of pinned and hidden documents."""

from typing import Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.search.ranking import curations
from embedhub.search.ranking.curations import Action, CurationInput
from embedhub.search.ranking.schemas import CurationIn, CurationOut, CurationPage
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_cursor, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["ranking"])


@router.post(
    "/collections/{slug}/curations",
    response={201: CurationOut},
    summary="Pin or hide a document",
)
@idempotent()
def add_curation(request: HttpRequest, slug: str, body: CurationIn) -> HttpResponse:
    """Show a document first, or not at all, in searches for one text or in all of a collection.

    It takes the place of what was decided about the document for the same text. Filters and access
    hold for pinned documents, too. Hiding is no access control: who may see the document can still
    get and list it.
    """
    wanted = CurationInput(
        action=Action(body.action),
        external_id=body.external_id,
        query=body.query,
        position=body.position,
        note=body.note,
    )
    made = curations.add_curation(caller_of(request, Scope.WRITE), slug, wanted)
    return respond(made, status=201)


@router.get(
    "/collections/{slug}/curations",
    response=CurationPage,
    summary="List pinned and hidden documents",
)
def list_curations(
    request: HttpRequest,
    slug: str,
    state: Literal["in_force", "removed"] = "in_force",
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponse:
    """What holds, or what was taken back and can be restored; 403 for keys with principals."""
    size = page_limit(limit)
    after = decode_cursor("curations", cursor) or 0
    views = curations.list_curations(
        caller_of(request, Scope.READ),
        slug,
        is_removed=state == "removed",
        after=after,
        limit=size + 1,
    )
    return respond(page("curations", views, size, lambda view: view.id))


@router.delete(
    "/collections/{slug}/curations/{curation_id}",
    response=CurationOut,
    summary="Take a pin or hiding back",
)
def remove_curation(request: HttpRequest, slug: str, curation_id: int) -> HttpResponse:
    """Rank the document as any other again; it is remembered, and can be restored."""
    caller = caller_of(request, Scope.WRITE)
    return respond(curations.remove_curation(caller, slug, curation_id))


@router.post(
    "/collections/{slug}/curations/{curation_id}/restore",
    response=CurationOut,
    summary="Put a pin or hiding back",
)
@idempotent()
def restore_curation(request: HttpRequest, slug: str, curation_id: int) -> HttpResponse:
    """Let it hold again, in place of what was decided about the document since."""
    caller = caller_of(request, Scope.WRITE)
    return respond(curations.restore_curation(caller, slug, curation_id))
