"""The REST of imports: a stream of lines in, one answer or one line a commit out."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.documents.importing import ImportedLines, LineError, import_documents
from embedhub.documents.schemas import DocumentIn, ImportOut
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
    """What an import has stored so far."""

    is_done: bool = False
    n_lines: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    n_errors: int = 0
    errors: list[LineError] = field(default_factory=list)

    def add(self, part: ImportedLines, lines: Lines) -> None:
        """Count in what one commit stored."""
        self.n_lines = part.n_lines
        self.counts.update(str(outcome.outcome) for outcome in part.outcomes)
        self.n_errors += len(part.errors)
        for error in part.errors[: MAX_LISTED_ERRORS - len(self.errors)]:
            self.errors.append(explained(error, lines))


@router.post(
    "/collections/{slug}/documents/import",
    response=ImportOut,
    summary="Import documents, one a line",
    openapi_extra=DOCUMENTATION,
)
@idempotent(digest=spool, dead_after=DEAD_AFTER)
def import_lines(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Store one document a line (NDJSON), of any number, with a commit every few hundred lines.

    A line that is refused does not stop the others. With `Accept: application/x-ndjson` the answer
    is a line after every commit, the last one with `is_done`; else one object at the end. Sending
    everything again after a failure is harmless.
    """
    refuse_parameters(request)
    lines = body_lines(request)
    parts: Iterator[ImportedLines] = import_documents(caller_of(request, Scope.WRITE), slug, lines)
    # A wrong collection or a key that may not write is told before an answer has begun.
    parts = chain([next(parts)], parts)
    if wants_lines(request):
        return StreamingHttpResponse(report(request, lines, parts), content_type=NDJSON)
    total = Total()
    for part in parts:
        total.add(part, lines)
    total.is_done = True
    return respond(total)


def refuse_parameters(request: HttpRequest) -> None:
    """Return if the query is empty; raises InvalidInput: whoever sent `wait` believes in it."""
    for name in request.GET:
        raise InvalidInput("an import takes no parameters; its collection has a status", name)


def report(request: HttpRequest, lines: Lines, parts: Iterable[ImportedLines]) -> Iterator[bytes]:
    """Yield a line after every commit, each with the sums so far and its own errors only.

    The status has been sent by then, so an error is a line too: the problem as the last one.
    """
    total = Total()
    try:
        for part in parts:
            total.errors = []
            total.add(part, lines)
            yield to_json(total) + b"\n"
    except Exception as error:  # whatever it is, the client must see that it broke
        request.is_answer_broken = True  # type: ignore[attr-defined]
        yield answer(request, error).content + b"\n"
        return
    total.is_done, total.errors = True, []
    yield to_json(total) + b"\n"


def explained(error: LineError, lines: Lines) -> LineError:
    """Return the error, with the true reason for a line that was passed over unread."""
    if error.line not in lines.too_long:
        return error
    return LineError(error.line, f"the line has more than {lines.limit:,} bytes")
