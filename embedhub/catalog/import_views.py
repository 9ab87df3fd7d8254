"""The REST of sending lines into a catalog, of what is known of imports, and of reading all out."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.catalog import importing as service
from embedhub.catalog.exporting import export_rows
from embedhub.catalog.import_schemas import (
    CatalogImportOut,
    CatalogImportPage,
    CatalogImportState,
    RowKind,
)
from embedhub.catalog.lines import Kind
from embedhub.catalog.member_schemas import InteractionIn, ItemIn, UserIn
from embedhub.documents.import_view import (
    DEAD_AFTER,
    IMPORT_ID,
    NDJSON,
    Total,
    refuse_unknown,
    report,
    unread,
)
from embedhub.documents.imports_view import CSV, DOCUMENTATION, as_csv, as_lines
from embedhub.documents.schemas import LineErrorPage
from embedhub.web.authentication import caller_of
from embedhub.web.body import RequestBody, body_lines, spool
from embedhub.web.idempotency import idempotent, wants_lines
from embedhub.web.paging import decode_cursor, encode_cursor, page, page_limit
from embedhub.web.responses import respond, to_json

router = Router(tags=["catalogs"])
CATALOG = "/catalogs/{slug}"
IMPORTS = CATALOG + "/imports"


def documentation(row: type[RequestBody]) -> dict[str, Any]:
    """Return what the OpenAPI document says of a body of such rows, one a line."""
    return {
        "responses": {
            200: {
                "content": {NDJSON: {"schema": {"$ref": "#/components/schemas/CatalogImportOut"}}}
            }
        },
        "requestBody": {
            "required": True,
            "description": "One a line, of any number.",
            "content": {NDJSON: {"schema": row.model_json_schema()}},
        },
    }


@router.post(
    CATALOG + "/items/import",
    response=CatalogImportOut,
    summary="Import items, one a line",
    openapi_extra=documentation(ItemIn),
)
@idempotent(digest=spool, dead_after=DEAD_AFTER)
def import_items(
    request: HttpRequest,
    slug: str,
    import_id: int | None = None,
    from_line: int = 1,
    more: bool = False,
) -> HttpResponseBase:
    """Store one item a line (NDJSON), of any number, with a commit every 500 lines.

    A line that is refused does not stop the others; all refused ones are in the import's report.
    With `Accept: application/x-ndjson` the answer is a line after every commit, the last one with
    `is_done`; else one object at the end. `import_id`, `from_line` and `more` go on with an import
    as those of documents do.
    """
    return send(request, slug, Kind.ITEMS, import_id, from_line=from_line, more=more)


@router.post(
    CATALOG + "/users/import",
    response=CatalogImportOut,
    summary="Import users, one a line",
    openapi_extra=documentation(UserIn),
)
@idempotent(digest=spool, dead_after=DEAD_AFTER)
def import_users(
    request: HttpRequest,
    slug: str,
    import_id: int | None = None,
    from_line: int = 1,
    more: bool = False,
) -> HttpResponseBase:
    """Store one user a line (NDJSON), of any number; as the import of items does."""
    return send(request, slug, Kind.USERS, import_id, from_line=from_line, more=more)


@router.post(
    CATALOG + "/interactions/import",
    response=CatalogImportOut,
    summary="Import interactions, one a line",
    openapi_extra=documentation(InteractionIn),
)
@idempotent(digest=spool, dead_after=DEAD_AFTER)
def import_interactions(
    request: HttpRequest,
    slug: str,
    import_id: int | None = None,
    from_line: int = 1,
    more: bool = False,
) -> HttpResponseBase:
    """Store one interaction a line (NDJSON), of any number, with a commit every 2,000 lines.

    What is unknown goes by the catalog's policies: what is rejected is a refused line, what is held
    is counted as such. Sent again, events count once.
    """
    return send(request, slug, Kind.INTERACTIONS, import_id, from_line=from_line, more=more)


def send(
    request: HttpRequest,
    slug: str,
    kind: Kind,
    import_id: int | None,
    *,
    from_line: int,
    more: bool,
) -> HttpResponseBase:
    """Return the answer to one request of an import of any kind."""
    refuse_unknown(request)
    caller = caller_of(request, Scope.WRITE)
    claim = service.claim_import(caller, slug, kind, import_id=import_id, from_line=from_line)
    lines = body_lines(request)
    parts = service.send_on(
        caller, slug, kind, claim, lines, from_line=from_line, more=more, unread=unread(lines)
    )
    total = Total(claim.import_id, claim.n_lines)
    response: HttpResponseBase
    if wants_lines(request):
        response = StreamingHttpResponse(report(request, total, parts), content_type=NDJSON)
    else:
        for part in parts:
            total.add(part)
        total.is_done = True
        response = respond(total)
    response[IMPORT_ID] = str(claim.import_id)
    return response


@router.post(IMPORTS, response={201: CatalogImportState}, summary="Create an import into a catalog")
@idempotent()
def create_catalog_import(request: HttpRequest, slug: str, kind: RowKind) -> HttpResponse:
    """An import that waits for its lines: with its id at hand, any interruption can be resumed."""
    caller = caller_of(request, Scope.WRITE)
    return respond(service.create_import(caller, slug, Kind(kind)), status=201)


@router.get(IMPORTS, response=CatalogImportPage, summary="List imports into a catalog")
def list_catalog_imports(
    request: HttpRequest, slug: str, cursor: str | None = None, limit: int | None = None
) -> HttpResponse:
    """Imports of items, users and interactions, the newest first."""
    size = page_limit(limit)
    before = decode_cursor("imports", cursor)
    caller = caller_of(request, Scope.READ)
    rows = service.list_imports(caller, slug, before=before, limit=size + 1)
    return respond(page("imports", rows, size, lambda row: row.id))


@router.get(
    IMPORTS + "/{int:catalog_import_id}",
    response=CatalogImportState,
    summary="Get an import into a catalog",
)
def get_catalog_import(request: HttpRequest, slug: str, catalog_import_id: int) -> HttpResponse:
    """How far an import is, also while it runs, and the line to go on with if it broke."""
    return respond(service.get_import(caller_of(request, Scope.READ), slug, catalog_import_id))


@router.post(
    IMPORTS + "/{int:catalog_import_id}/cancel",
    response=CatalogImportState,
    summary="Cancel an import into a catalog",
)
@idempotent()
def cancel_catalog_import(request: HttpRequest, slug: str, catalog_import_id: int) -> HttpResponse:
    """End an import: whoever sends its lines gets 409 at the next commit. What is stored stays."""
    return respond(service.cancel_import(caller_of(request, Scope.WRITE), slug, catalog_import_id))


@router.get(
    IMPORTS + "/{int:catalog_import_id}/errors",
    response=LineErrorPage,
    summary="Get the report of refused lines of an import into a catalog",
    openapi_extra=DOCUMENTATION,
)
def list_refused_rows(  # noqa: PLR0917 - a path and its query
    request: HttpRequest,
    slug: str,
    catalog_import_id: int,
    format: Literal["json", "ndjson", "csv"] = "json",  # noqa: A002 - a query parameter
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponseBase:
    """Every line that was refused, and why: a page of them, or all as a file to download.

    `format=ndjson` and `format=csv` hold all of them, however many there are.
    """
    caller = caller_of(request, Scope.READ)
    if format == "json":
        size = page_limit(limit)
        after = decode_cursor("lines", cursor) or 0
        rows = service.some_refused_lines(
            caller, slug, catalog_import_id, after=after, limit=size + 1
        )
        more = encode_cursor("lines", rows[size - 1].line) if len(rows) > size else None
        return respond({"items": rows[:size], "cursor": more})
    pages = service.refused_lines(caller, slug, catalog_import_id)
    content, kind = (as_lines(pages), NDJSON) if format == "ndjson" else (as_csv(pages), CSV)
    response = StreamingHttpResponse(content, content_type=kind)
    response["Content-Disposition"] = (
        f'attachment; filename="import-{catalog_import_id}-errors.{format}"'
    )
    return response


EXPORT = {"responses": {200: {"content": {NDJSON: {"schema": {"type": "object"}}}}}}


@router.post(
    CATALOG + "/{kind}/export", summary="Export a catalog, one row a line", openapi_extra=EXPORT
)
def export_catalog(request: HttpRequest, slug: str, kind: RowKind) -> HttpResponseBase:
    """All items, users or interactions, one a line (NDJSON), as an import takes them.

    Interactions come with those that wait for their user or item. What is added meanwhile may be
    in it or not.
    """
    pages = export_rows(caller_of(request, Scope.READ), slug, Kind(kind))
    response = StreamingHttpResponse(exported(pages), content_type=NDJSON)
    response["Content-Disposition"] = f'attachment; filename="{slug}-{kind}.ndjson"'
    return response


def exported(pages: Iterable[Sequence[dict[str, Any]]]) -> Iterator[bytes]:
    """Yield rows as JSON, one a line."""
    for some in pages:
        yield b"".join(to_json(row) + b"\n" for row in some)
