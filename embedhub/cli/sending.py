"""Documents → batches → the server, one bad document never costing its neighbours."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson

from embedhub.cli.client import HubClient, RequestRefused
from embedhub.documents.parsing.parsed import ParsedDocument, RefusedFile

BATCH_DOCUMENTS = 200
BATCH_BYTES = 4 * 2**20
MAX_REASONS = 20


@dataclass(slots=True)
class Tally:
    """What became of the documents sent so far; `reasons` holds the first few refusals."""

    outcomes: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    reasons: list[RefusedFile] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """How many documents the server holds as sent."""
        return self.outcomes.total()

    def refuse(self, path: str, reason: str) -> None:
        self.refused += 1
        if len(self.reasons) < MAX_REASONS:
            self.reasons.append(RefusedFile(path, reason))

    def sentence(self) -> str:
        """Return the tally in words, such as "3 created, 5 unchanged"."""
        parts = [f"{count:,} {outcome}" for outcome, count in sorted(self.outcomes.items())]
        if self.refused:
            parts.append(f"{self.refused:,} refused")
        return ", ".join(parts) or "nothing found"


def send_documents(
    client: HubClient,
    slug: str,
    found: Iterable[ParsedDocument | RefusedFile],
    on_progress: Callable[[Tally], None],
) -> Tally:
    """Send documents in batches and return what became of them."""
    tally = Tally()

    def readable() -> Iterator[dict[str, Any]]:
        for item in found:
            if isinstance(item, RefusedFile):
                tally.refuse(item.path, item.reason)
            else:
                yield item.as_json()

    for batch in batches(readable()):
        send_batch(client, slug, batch, tally)
        on_progress(tally)
    return tally


def batches(documents: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Group documents, bounded in count and bytes, no id twice in one group.

    Of two documents with one id the server keeps the one sent last, as if they came separately.
    """
    batch: list[dict[str, Any]] = []
    ids: set[str] = set()
    n_bytes = 0
    for document in documents:
        size = len(orjson.dumps(document))
        full = len(batch) >= BATCH_DOCUMENTS or n_bytes + size > BATCH_BYTES
        if batch and (full or document["external_id"] in ids):
            yield batch
            batch, ids, n_bytes = [], set(), 0
        batch.append(document)
        ids.add(document["external_id"])
        n_bytes += size
    if batch:
        yield batch


def send_batch(client: HubClient, slug: str, batch: list[dict[str, Any]], tally: Tally) -> None:
    """Send one batch; a document the server complains of is set aside and the rest sent again."""
    while batch:
        try:
            answer = client.call(
                "POST", f"/v1/collections/{quote(slug, safe='')}/documents", {"documents": batch}
            )
        except RequestRefused as error:
            place = refused_place(error, len(batch))
            if place is None:
                raise
            tally.refuse(str(batch[place]["external_id"]), str(error))
            batch = batch[:place] + batch[place + 1 :]
        else:
            tally.outcomes.update(item["outcome"] for item in answer["items"])
            return


def refused_place(error: RequestRefused, batch_size: int) -> int | None:
    """Return which document of a batch a refusal is about, None when it is about something else."""
    if error.status not in {HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
        return None
    parts = (error.field or "").split(".")
    if len(parts) > 1 and parts[0] == "documents" and parts[1].isdecimal():
        place = int(parts[1])
        return place if place < batch_size else None
    return 0 if batch_size == 1 else None
