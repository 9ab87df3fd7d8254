"""Another chunking of a collection's stored documents: the work of a run.

Each document answers with its old passages until the last vector of the new ones is there, as after
an update. What the new chunking parts no differently is left alone, so a run that was interrupted
finds by itself what is still to do.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db, jobs
from embedhub.collections.service import find_by_id
from embedhub.documents import preparation
from embedhub.documents.pace import Pace
from embedhub.documents.preparation import CollectionFacts
from embedhub.documents.queries import rechunking as queries
from embedhub.documents.queries.rechunking import StoredText
from embedhub.documents.queries.writing import hold_collection, insert_chunks
from embedhub.encoders import SUPPLIED
from embedhub.errors import NotFound, TooLarge
from embedhub.jobs import Job
from embedhub.runs.progress import RunProgress
from embedhub.spaces import generations
from embedhub.spaces import service as spaces

DOCUMENTS_AT_ONCE, BYTES_AT_ONCE = 50, 2_000_000
# Behind what users send, ahead of spaces built beside the live ones.
PRIORITY = 7
# More documents than these do not wait for their new vectors: a cancelled run leaves little behind.
MAX_WAITING = 500


def rechunk_documents(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Part all documents of a collection as its chunking says now; may be repeated.

    Ends when the new passages answer. A later change of the chunking has a run of its own, and ends
    this one. Documents that would have too many passages keep their old ones, and are counted.
    """
    collection_id = int(arguments["collection_id"])
    rechunking = _Rechunking(progress, collection_id, dict(arguments["chunking"]))
    while not rechunking.is_superseded and (texts := rechunking.next_texts()):
        rechunking.store(texts)
        rechunking.wait(at_most=MAX_WAITING)
    if not rechunking.is_superseded:
        rechunking.wait(at_most=0)
    return rechunking.result()


class _Rechunking:
    """How far a run is."""

    def __init__(self, progress: RunProgress, collection_id: int, chunking: dict[str, Any]) -> None:
        self.progress = progress
        self.chunking = chunking
        self.is_superseded = False
        self.after = self.n_seen = self.n_changed = self.n_kept = 0
        self._pace = Pace(progress, self._count_waiting)
        with db.reading() as session:
            collection = find_by_id(session, collection_id)
            live = spaces.live_spaces(
                session, workspace_id=collection.workspace_id, collection_id=collection_id
            )
            self.facts = CollectionFacts.of(collection, live.dense)
            self.space_id = live.dense.id if live.dense else None
            self.total = queries.count_documents(session, collection_id=collection_id)
        if collection.chunking != chunking:
            self.is_superseded = True

    def next_texts(self) -> list[StoredText]:
        """Return the next documents with their newest text; none at the end."""
        if self.facts.encoder == SUPPLIED:
            # One passage a document, whatever the numbers say.
            return []
        with db.reading() as session:
            texts = queries.next_texts(
                session,
                collection_id=self.facts.id,
                after=self.after,
                limit=DOCUMENTS_AT_ONCE,
                max_bytes=BYTES_AT_ONCE,
            )
            shapes = queries.shapes(session, [text.document_id for text in texts])
        for text in texts:
            text.shape = shapes.get(text.document_id, [])
        return texts

    def store(self, texts: Sequence[StoredText]) -> None:
        """Enter new generations of those documents that are parted differently now."""
        self.progress.describe("parting documents anew")
        rows: dict[int, list[dict[str, Any]]] = {}
        for text in texts:
            try:
                fresh = self._rows_of(text)
            except TooLarge:
                self.n_kept += 1
                continue
            shape = [(row["start_offset"], row["end_offset"], row["input_hash"]) for row in fresh]
            if shape != text.shape:
                rows[text.document_id] = fresh
        if rows:
            changed = [text for text in texts if text.document_id in rows]
            self.n_changed += db.retry_deadlocks(partial(self._write, changed, rows))
        self.after, self.n_seen = texts[-1].document_id, self.n_seen + len(texts)

    def wait(self, *, at_most: int) -> None:
        """Return when no more of this run's documents than that wait for their new vectors."""
        self._pace.wait(at_most=at_most, report=self._report)

    def result(self) -> dict[str, Any]:
        """Return what the run did."""
        done = {"n_documents": self.n_seen, "n_changed": self.n_changed}
        if self.n_kept:
            done["n_too_many_passages"] = self.n_kept
        return done | ({"superseded": True} if self.is_superseded else {})

    def _rows_of(self, text: StoredText) -> list[dict[str, Any]]:
        passages = preparation.passages_of(
            text.text, self.facts, title=text.title, written_in=text.format
        )
        return preparation.chunk_rows(
            passages,
            [preparation.text_hash(text.title, passage) for passage in passages],
            document_id=text.document_id,
            version=text.version,
            generation=text.generation + 1,
        )

    def _write(self, texts: Sequence[StoredText], rows: dict[int, list[dict[str, Any]]]) -> int:
        with db.writing() as session:
            held = hold_collection(session, self.facts.id)
            if held is None:
                raise NotFound("collection", self.facts.id)
            if held.chunking != self.chunking:
                self.is_superseded = True
                return 0
            own_spaces = generations.hold_spaces(session, self.facts.id)
            # What got another text since it was read was parted by the new chunking already.
            ids = queries.advance_generations(session, texts)
            inserted = insert_chunks(
                session,
                workspace_id=self.facts.workspace_id,
                collection_id=self.facts.id,
                rows=[row for document_id in ids for row in rows[document_id]],
            )
            if generations.begin_update(
                session,
                own_spaces,
                ids,
                chunk_ids=[chunk_id for _, chunk_id in inserted],
                priority=PRIORITY,
            ):
                jobs.enqueue(session, Job.EMBED)
        return len(ids)

    def _report(self, waiting: int) -> None:
        self.progress.report(max(self.n_seen - waiting, 0), self.total)

    def _count_waiting(self, session: Session) -> int:
        return queries.count_waiting(
            session, collection_id=self.facts.id, space_id=self.space_id, priority=PRIORITY
        )
