"""A cited passage on its document's page: the stored version's text around it, marked."""

from dataclasses import dataclass
from typing import Any

from django.db.models.functions import Length, Substr
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from embedhub.answers.passages import page_of
from embedhub.console import models

AROUND_CHARS = 600
MAX_CITED_CHARS = 20_000
MAX_OFFSET = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage in its surroundings; `missing` says in words why it cannot be shown."""

    version: int
    place: str = ""
    text: SafeString | None = None
    missing: str = ""


def cited_passage(request: HttpRequest, document_id: int) -> ShownPassage | None:
    """Return the passage that an address names; None if it names none."""
    given = [request.GET.get(name, "") for name in ("version", "start", "end")]
    if not all(raw.isascii() and raw.isdigit() and len(raw) < 11 for raw in given):
        return None
    version, start, end = (min(int(raw), MAX_OFFSET) for raw in given)
    end = min(end, start + MAX_CITED_CHARS)
    row = _row(document_id, version, start, end)
    if row is None:
        return ShownPassage(version, missing="This version of the text is no longer kept.")
    if not start < end <= row["length"]:
        return ShownPassage(version, missing="The text has no such passage.")
    before = row["excerpt"][: start - row["first"]]
    passage = row["excerpt"][start - row["first"] : end - row["first"]]
    after = row["excerpt"][end - row["first"] :]
    text = format_html(
        '<div class="eh-text">{}{}<mark id="passage">{}</mark>{}{}</div>',
        "… " if row["first"] else "",
        before,
        passage,
        after,
        " …" if end + len(after) < row["length"] else "",
    )
    page = page_of(row["page_starts"], start)
    where = f"characters {start:,}–{end:,}"
    return ShownPassage(version, where if page is None else f"page {page}, {where}", text)


def _row(document_id: int, version: int, start: int, end: int) -> dict[str, Any] | None:
    """Return the excerpt around a range: of a long text only that part is read."""
    first = max(0, start - AROUND_CHARS)
    size = end + AROUND_CHARS - first
    rows: Any = models.DocumentVersion.objects.filter(document=document_id, version=version)
    found = rows.values(
        "page_starts", excerpt=Substr("text", first + 1, max(1, size)), length=Length("text")
    ).first()
    return None if found is None else {**found, "first": first}
