"""The REST of sending an import: a stream of lines in, one answer or one line a commit out."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.documents.import_batches import Unread
from embedhub.documents.importing import Importer, send_on
from embedhub.documents.imports import LineError, claim_import
from embedhub.documents.schemas import DocumentIn, ImportOut
from embedhub.documents.streams import Part
from embedhub.errors import InvalidInput
from embedhub.web.authentication import caller_of
from embedhub.web.body import Lines, body_lines, spool
from embedhub.web.idempotency import idempotent, wants_lines
from embedhub.web.problems import answer
from embedhub.web.responses import respond, to_json

router = Router(tags=["documents"])
MAX_LISTED_ERRORS = 1_000
# A large import may take hours before its answer is there to be kept.
DEAD_AFTER = timedelta(hours=12)
NDJSON = "application/x-ndjson"
IMPORT_ID = "Import-Id"
PARAMETERS = {"import_id", "from_line", "more"}
DOCUMENTATION = {
    "responses": {
        200: {"content": {NDJSON: {"schema": {"$ref": "#/components/schemas/ImportOut"}}}}
    },
    "requestBody": {
        "required": True,
        "description": "One document a line, of any number.",
        "content": {NDJSON: {"schema": DocumentIn.model_json_schema()}},
    },
}


@dataclass(slots=True)
class Total:
    """What a request has stored of its import so far."""

    import_id: int
    n_lines: int
    is_done: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    n_errors: int = 0
    errors: list[LineError] = field(default_factory=list)

    def add(self, part: Part) -> None:
        """Count in what one commit stored."""
        self.n_lines = part.n_lines
        self.counts.update(part.counts)
        self.n_errors += len(part.errors)
        self.errors += part.errors[: MAX_LISTED_ERRORS - len(self.errors)]


@router.post(
    "/collections/{slug}/documents/import",
    response=ImportOut,
    summary="Import documents, one a line",
    openapi_extra=DOCUMENTATION,
)
@idempotent(digest=spool, dead_after=DEAD_AFTER)
def import_lines(
    request: HttpRequest,
    slug: str,
    import_id: int | None = None,
    from_line: int = 1,
    more: bool = False,
) -> HttpResponseBase:
    """Store one document a line (NDJSON), of any number, with a commit every few thousand lines.

    A line that is refused does not stop the others; all refused ones are in the import's report.
    With `Accept: application/x-ndjson` the answer is a line after every commit, the last one with
    `is_done`; else one object at the end.

    With `import_id` the body goes on with an import. `from_line` says which of its lines the body
    begins with; what is committed already is skipped, so sending everything again is cheap and
    harmless. Of two requests with one import the later one goes on. With `more=true` the import
    waits for further lines at the end. 429: too many imports at once, or too long a backlog; what
    was committed stays.
    """
    refuse_unknown(request)
    caller = caller_of(request, Scope.WRITE)
    lines = body_lines(request)
    importer = Importer(caller, slug, lines, from_line=from_line, unread=unread(lines))
    claim = claim_import(
        caller, slug, import_id=import_id, from_line=from_line, meanwhile=importer.read_ahead
    )
    parts = send_on(importer, claim, more=more)
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


def refuse_unknown(request: HttpRequest) -> None:
    """Return if the query holds known names only; raises InvalidInput: nobody relies on `wait`."""
    for name in request.GET:
        if name not in PARAMETERS:
            raise InvalidInput(f"an import takes {', '.join(sorted(PARAMETERS))} only", name)


def unread(lines: Lines) -> Unread:
    """Return what says why a line of the body was passed over unread."""
    told = f"the line has more than {lines.limit:,} bytes"
    return lambda number: told if number in lines.too_long else None


def report(request: HttpRequest, total: Total, parts: Iterable[Part]) -> Iterator[bytes]:
    """Yield a line after every commit, each with the sums so far and its own errors only.

    The status has been sent by then, so an error is a line too: the problem as the last one.
    """
    try:
        for part in parts:
            total.errors = []
            total.add(part)
            yield to_json(total) + b"\n"
    except Exception as error:  # whatever it is, the client must see that it broke
        request.is_answer_broken = True  # type: ignore[attr-defined]
        yield answer(request, error).content + b"\n"
        return
    total.is_done, total.errors = True, []
    yield to_json(total) + b"\n"
