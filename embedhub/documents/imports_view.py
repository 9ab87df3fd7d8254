"""The REST of what is known of imports: how far they are, and which lines they refused."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.documents import imports as service
from embedhub.documents.import_view import NDJSON
from embedhub.documents.imports import LineError
from embedhub.documents.schemas import ImportPage, ImportState, LineErrorPage
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_cursor, encode_cursor, page, page_limit
from embedhub.web.responses import respond, to_json

router = Router(tags=["documents"])
IMPORTS = "/collections/{slug}/imports"
CSV = "text/csv; charset=utf-8"
COLUMNS = ("line", "external_id", "message")
# A spreadsheet would take a cell that begins so for a formula, and run it.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
DOCUMENTATION = {
    "responses": {
        200: {
            "content": {
                NDJSON: {"schema": {"$ref": "#/components/schemas/LineErrorOut"}},
                "text/csv": {"schema": {"type": "string"}},
            }
        }
    }
}


@router.post(IMPORTS, response={201: ImportState}, summary="Create an import")
@idempotent()
def create_import(request: HttpRequest, slug: str) -> HttpResponse:
    """An import that waits for its lines: with its id at hand, any interruption can be resumed."""
    return respond(service.create_import(caller_of(request, Scope.WRITE), slug), status=201)


@router.get(IMPORTS, response=ImportPage, summary="List imports")
def list_imports(
    request: HttpRequest, slug: str, cursor: str | None = None, limit: int | None = None
) -> HttpResponse:
    """Imports into a collection, the newest first. A key bound to principals gets 403."""
    size = page_limit(limit)
    before = decode_cursor("imports", cursor)
    caller = caller_of(request, Scope.READ)
    rows = service.list_imports(caller, slug, before=before, limit=size + 1)
    return respond(page("imports", rows, size, lambda row: row.id))


@router.get(IMPORTS + "/{int:import_id}", response=ImportState, summary="Get an import")
def get_import(request: HttpRequest, slug: str, import_id: int) -> HttpResponse:
    """How far an import is, also while it runs, and the line to go on with if it broke.

    A key bound to principals gets 403: the counts would tell of documents it may not see.
    """
    return respond(service.get_import(caller_of(request, Scope.READ), slug, import_id))


@router.get(
    IMPORTS + "/{int:import_id}/errors",
    response=LineErrorPage,
    summary="Get the report of refused lines",
    openapi_extra=DOCUMENTATION,
)
def list_refused_lines(  # noqa: PLR0917 - a path and its query
    request: HttpRequest,
    slug: str,
    import_id: int,
    format: Literal["json", "ndjson", "csv"] = "json",  # noqa: A002 - a query parameter
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponseBase:
    """Every line that was refused, and why: a page of them, or all as a file to download.

    `format=ndjson` and `format=csv` hold all of them, however many there are.
    """
    caller = caller_of(request, Scope.WRITE)
    if format == "json":
        size = page_limit(limit)
        after = decode_cursor("lines", cursor) or 0
        rows = service.some_refused_lines(caller, slug, import_id, after=after, limit=size + 1)
        more = encode_cursor("lines", rows[size - 1].line) if len(rows) > size else None
        return respond({"items": rows[:size], "cursor": more})
    pages = service.refused_lines(caller, slug, import_id)
    content, kind = (as_lines(pages), NDJSON) if format == "ndjson" else (as_csv(pages), CSV)
    response = StreamingHttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="import-{import_id}-errors.{format}"'
    return response


def as_lines(pages: Iterable[Sequence[LineError]]) -> Iterator[bytes]:
    """Yield the refused lines as JSON, one a line."""
    for some in pages:
        yield b"".join(to_json(each) + b"\n" for each in some)


def as_csv(pages: Iterable[Sequence[LineError]]) -> Iterator[bytes]:
    """Yield the refused lines as CSV with a header."""
    yield written([COLUMNS])
    for some in pages:
        yield written(
            (each.line, harmless(each.external_id or ""), harmless(each.message)) for each in some
        )


def written(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as CSV."""
    page_of_text = io.StringIO()
    csv.writer(page_of_text).writerows(rows)
    return page_of_text.getvalue().encode()


def harmless(cell: str) -> str:
    """Return the cell so that no spreadsheet takes it for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
