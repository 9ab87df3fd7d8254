"""Parsed documents into the collection, a few hundred a transaction."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from embedhub import db
from embedhub.collections.service import find_by_id
from embedhub.config import get_config
from embedhub.documents.attempts import attempts
from embedhub.documents.files.queries import files as queries
from embedhub.documents.inputs import DocumentInput, parse_document
from embedhub.documents.parsing.child import Report
from embedhub.documents.preparation import CollectionFacts, Prepared, prepare_many
from embedhub.documents.service import BULK, INTERACTIVE, INTERACTIVE_DOCUMENTS
from embedhub.documents.upsert import chunk_changed, try_upsert
from embedhub.errors import InvalidInput, NotReady, TooLarge
from embedhub.search.attributes import check_attributes
from embedhub.spaces.service import live_spaces
from embedhub.tables import File

STORED_AT_ONCE = 500
STORED_CHARS = 1_000_000
TOLD_PARTS = 3
MAX_TOLD = 100


class Storing:
    """The storing of one file's documents."""

    def __init__(self, file: File, report: Report) -> None:
        self._file, self._report = file, report
        # part, reason, code of what could be parsed but not stored
        self.refused: list[tuple[str, str, str]] = []
        self.n_refused = self.n_documents = 0
        with db.reading() as session:
            # Also of a reading that was broken off, which its row does not tell.
            self.has_predecessors = queries.has_documents(session, file.id)
        # of all documents, where there may be others to delete
        self.names: set[str] = set()

    def store(self, parsed: Path) -> Iterator[int]:
        """Store the documents of a file of lines; yield after each commit how many were looked at.

        Of two with one name the later one wins, as if they came separately.
        """
        n_seen = 0
        with parsed.open("rb") as lines:
            for batch in self._batches(lines):
                self._store(list(batch.values()))
                n_seen += len(batch)
                yield n_seen

    def summary(self) -> str | None:
        """Return in words which parts of the file gave nothing; None if there are none."""
        n_refused = self._report.n_refused + self.n_refused
        if not n_refused:
            return None
        parts = [*self._report.refused, *self.refused][:TOLD_PARTS]
        told = "; ".join(f"{part}: {words}" for part, words, _ in parts)
        more = f"; and {n_refused - len(parts):,} more" if n_refused > len(parts) else ""
        return f"without {told}{more}"

    def _batches(self, lines: Iterator[bytes]) -> Iterator[dict[str, DocumentInput]]:
        batch: dict[str, DocumentInput] = {}
        n_chars = 0
        for line in lines:
            document = self._document(orjson.loads(line))
            if document is None:
                continue
            n_chars += len(document.text)
            full = len(batch) >= STORED_AT_ONCE or n_chars > STORED_CHARS
            if batch and (full or document.external_id in batch):
                yield batch
                batch, n_chars = {}, len(document.text)
            batch[document.external_id] = document
        if batch:
            yield batch

    def _document(self, raw: dict[str, Any]) -> DocumentInput | None:
        """Return a parsed document with what was sent with its file; None if it is refused."""
        sent = dict(self._file.fields)
        title = sent.pop("title", None)
        if title and self._report.n_documents == 1:
            raw["title"] = title
        for name in ("url", "language"):
            if sent.get(name) and not raw.get(name):
                raw[name] = sent[name]
        raw["metadata"] = (raw.get("metadata") or {}) | sent.get("metadata", {})
        limit = get_config().max_title_chars
        raw["title"] = raw["title"][:limit]
        try:
            document = parse_document(raw, "document")
        except (InvalidInput, TooLarge) as error:
            self._refuse(str(raw.get("external_id")), error)
            return None
        return replace(
            document,
            access=None if self._file.access is None else tuple(self._file.access),
            expires_at=self._file.expires_at,
            file_id=self._file.id,
        )

    def _store(self, documents: list[DocumentInput]) -> None:
        for _ in attempts():
            facts = self._facts()
            batch = self._prepare(documents, facts)
            refused = chunk_changed(facts, batch)
            for place, error in refused.items():
                self._refuse(batch[place].document.external_id, error)
            batch = [each for place, each in enumerate(batch) if place not in refused]
            documents = [each.document for each in batch]
            is_small = self._report.n_documents <= INTERACTIVE_DOCUMENTS
            priority = INTERACTIVE if is_small else BULK
            try:
                outcomes = try_upsert(facts, batch, priority=priority)
            except NotReady:
                # The filterable fields were changed at this moment.
                continue
            if outcomes is not None:
                self.n_documents += len(outcomes)
                if self.has_predecessors:
                    self.names.update(document.external_id for document in documents)
                return
        raise NotReady("these documents are being changed by others at the same time", 1)

    def _prepare(self, documents: list[DocumentInput], facts: CollectionFacts) -> list[Prepared]:
        """Return the documents checked against the collection; refused ones are noted."""
        fitting = [replace(each, metadata=fitted(each.metadata, facts)) for each in documents]
        batch = []
        found = prepare_many(fitting, facts, lambda _: "document")
        for document, each in zip(documents, found, strict=True):
            if isinstance(each, InvalidInput):
                self._refuse(document.external_id, each)
            else:
                batch.append(each)
        return batch

    def _facts(self) -> CollectionFacts:
        # For each batch anew: the collection may be gone, or filter by other fields.
        with db.reading() as session:
            collection = find_by_id(session, self._file.collection_id)
            spaces = live_spaces(
                session,
                workspace_id=self._file.workspace_id,
                collection_id=self._file.collection_id,
            )
            return CollectionFacts.of(collection, spaces.dense)

    def _refuse(self, part: str, error: InvalidInput | TooLarge) -> None:
        code = "too_large" if isinstance(error, TooLarge) else "broken"
        self.n_refused += 1
        if len(self.refused) < MAX_TOLD:
            self.refused.append((part, str(error), code))


def fitted(metadata: dict[str, Any], facts: CollectionFacts) -> dict[str, Any]:
    """Return the metadata without what a file says of itself in another type than is declared."""
    kept = {}
    for name, value in metadata.items():
        try:
            check_attributes({name: value}, facts.filterable)
        except InvalidInput:
            if name in {"author", "to", "created", "modified", "lang"}:
                continue
        kept[name] = value
    return kept
