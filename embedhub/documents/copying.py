"""A collection made to hold the documents of another one, parted its own way: the work of a run.

What is the same already is left alone, so a run that was interrupted, or is asked for again after
the source has changed, does only what is still to do. Vectors of passages that both have come from
the cache.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.collections.service import find_by_id
from embedhub.documents.attempts import attempts
from embedhub.documents.deletion import DELETED_AT_ONCE, remove_documents
from embedhub.documents.formats import DocumentFormat
from embedhub.documents.inputs import DocumentInput
from embedhub.documents.pace import Pace
from embedhub.documents.preparation import CollectionFacts, Prepared, prepare_many
from embedhub.documents.queries import copying as queries
from embedhub.documents.queries import rechunking
from embedhub.documents.upsert import Outcome, OutcomeKind, chunk_changed, try_upsert
from embedhub.errors import NotFound, NotReady
from embedhub.runs.progress import RunProgress
from embedhub.spaces import service as spaces

DOCUMENTS_AT_ONCE, BYTES_AT_ONCE = 50, 2_000_000
# Behind what users send.
PRIORITY = 7
MAX_WAITING = 2_000


def copy_documents(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make a collection hold what another one of its workspace holds; may be repeated.

    Ends when the copies answer in both legs. Documents that the copy cannot take, such as those of
    too many passages, are left out and counted; what the source no longer has is removed.
    """
    copying = _Copying(progress, int(arguments["source_id"]), int(arguments["collection_id"]))
    while rows := copying.next_documents():
        copying.store(rows)
        copying.wait(at_most=MAX_WAITING)
    copying.remove_gone()
    copying.wait(at_most=0)
    return copying.result()


class _Copying:
    """How far a run is."""

    def __init__(self, progress: RunProgress, source_id: int, copy_id: int) -> None:
        self.progress = progress
        self.source_id = source_id
        self.after = self.n_seen = self.n_changed = self.n_left_out = self.n_removed = 0
        self._pace = Pace(progress, self._count_waiting)
        with db.reading() as session:
            source, copy = find_by_id(session, source_id), find_by_id(session, copy_id)
            if source.workspace_id != copy.workspace_id:
                raise NotFound("collection", source_id)
            live = spaces.live_spaces(
                session, workspace_id=copy.workspace_id, collection_id=copy.id
            )
            self.facts = CollectionFacts.of(copy, live.dense)
            self.space_id = live.dense.id if live.dense else None
            self.total = rechunking.count_documents(session, collection_id=source_id)

    def next_documents(self) -> Sequence[RowMapping]:
        """Return the next documents of the source; none at the end."""
        with db.reading() as session:
            return queries.next_documents(
                session,
                collection_id=self.source_id,
                after=self.after,
                limit=DOCUMENTS_AT_ONCE,
                max_bytes=BYTES_AT_ONCE,
            )

    def store(self, rows: Sequence[RowMapping]) -> None:
        """Bring these documents of the copy up to the source's."""
        self.progress.describe("copying documents")
        found = prepare_many([_input_of(row) for row in rows], self.facts, str)
        batch = [one for one in found if isinstance(one, Prepared)]
        outcomes = self._stored(batch)
        self.n_changed += sum(one.outcome is not OutcomeKind.UNCHANGED for one in outcomes)
        self.n_left_out += len(rows) - len(outcomes)
        self.after, self.n_seen = rows[-1]["id"], self.n_seen + len(rows)

    def remove_gone(self) -> None:
        """Remove from the copy what the source does not have."""
        after = 0
        still = partial(_still_gone, self.source_id)
        while True:
            with db.reading() as session:
                ids = queries.without_source(
                    session,
                    source_id=self.source_id,
                    copy_id=self.facts.id,
                    after=after,
                    limit=DELETED_AT_ONCE,
                )
            if not ids:
                return
            self.n_removed += remove_documents(ids, still=still)
            self.progress.report(self.n_seen, self.total)
            after = ids[-1]

    def wait(self, *, at_most: int) -> None:
        """Return when no more of the copy's passages than that wait for their vectors."""
        self._pace.wait(
            at_most=at_most, report=lambda _: self.progress.report(self.n_seen, self.total)
        )

    def result(self) -> dict[str, Any]:
        """Return what the run did."""
        done = {"n_documents": self.n_seen, "n_changed": self.n_changed}
        for name in ("n_left_out", "n_removed"):
            if count := getattr(self, name):
                done[name] = count
        return done

    def _stored(self, batch: Sequence[Prepared]) -> list[Outcome]:
        for _ in attempts():
            refused = chunk_changed(self.facts, batch)
            taken = [one for place, one in enumerate(batch) if place not in refused]
            outcomes = try_upsert(self.facts, taken, priority=PRIORITY) if taken else []
            if outcomes is not None:
                return outcomes
        raise NotReady("the copies are being changed by others at the same time", retry_after_s=1)

    def _count_waiting(self, session: Session) -> int:
        return queries.count_pending(session, space_id=self.space_id, at_most=MAX_WAITING + 1)


def _still_gone(source_id: int, session: Session, ids: Sequence[int]) -> list[int]:
    return queries.still_without_source(session, source_id=source_id, document_ids=ids)


def _input_of(row: RowMapping) -> DocumentInput:
    return DocumentInput(
        external_id=row["external_id"],
        title=row["title"],
        text=row["text"],
        url=row["url"],
        metadata=row["metadata"],
        access=None if row["access"] is None else tuple(row["access"]),
        # The source has decided already which text is the newest.
        source_version=None,
        language=row["language"],
        expires_at=row["expires_at"],
        vector=None,
        sent_format=DocumentFormat(row["format"]),
        page_starts=None if row["page_starts"] is None else tuple(row["page_starts"]),
    )
