"""What a document's page shows below its fields: text, chunks with their vectors, versions."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from embedhub.console import markup, models, queries
from embedhub.console.pages.cited import cited_passage

MAX_TEXT_CHARS = 20_000
MAX_VERSIONS = 50
CHUNKS_A_PAGE = 50
STATES = {
    "embedded": ("embedded", "good"),
    "pending": ("waits for its vector", "info"),
    "dead": ("dead letter", "bad"),
    "ready": ("waits for the rest of the document", "info"),
    "excused": ("nothing to embed", "quiet"),
}


@dataclass(frozen=True, slots=True)
class ShownChunk:
    """A chunk and the words for where its vector stands."""

    row: queries.ChunkRow
    label: object


def detail(request: HttpRequest, object_id: str) -> dict[str, Any]:
    """Return what the template of a document's page needs beside the document itself."""
    if not object_id.isdigit():
        return {}
    document_id = int(object_id)
    after = positive(request.GET.get("from"))
    # One more than shown tells whether there is a next page.
    rows = queries.document_chunks(document_id, after=after, limit=CHUNKS_A_PAGE + 1)
    versions = models.DocumentVersion.objects.filter(document=document_id).order_by("-version")
    newest: Any = versions.first()
    return {
        "cited": cited_passage(request, document_id),
        "text": cut_text(newest.text) if newest else "",
        "chunks": [
            ShownChunk(row, markup.label(*STATES[row.state])) for row in rows[:CHUNKS_A_PAGE]
        ],
        "next_chunk": rows[-1].position if len(rows) > CHUNKS_A_PAGE else None,
        "first_chunk": after,
        "has_pending": any(row.state in {"pending", "ready"} for row in rows),
        "versions": list(versions.defer("text")[:MAX_VERSIONS]),
    }


def cut_text(text: str) -> object:
    """Return a text as a passage, cut where a page would become slow, and says so."""
    rest = len(text) - MAX_TEXT_CHARS
    note = f"{rest:,} more characters are not shown here." if rest > 0 else ""
    return markup.passage(text[:MAX_TEXT_CHARS], note=note)


def positive(raw: str | None) -> int:
    """Return the number in an address, 0 for anything else."""
    return min(int(raw), 2**31 - 1) if raw and raw.isascii() and raw.isdigit() else 0
