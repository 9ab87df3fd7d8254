"""Accepting documents: all or nothing, each id once, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from embedhub import db, jobs
from embedhub.documents import preparation
from embedhub.documents.all_new import NewBatch, is_stored_meanwhile, make_new, store_all_new
from embedhub.documents.attempts import attempts
from embedhub.documents.chunking import Chunking
from embedhub.documents.preparation import CollectionFacts, Prepared
from embedhub.documents.queries import writing as queries
from embedhub.documents.queries.writing import StoredDocument
from embedhub.documents.relabelling import repeat_or_start
from embedhub.errors import NotFound, NotReady, TooLarge
from embedhub.jobs import Job
from embedhub.spaces import generations
from embedhub.tables import Space


class OutcomeKind(StrEnum):
    """What became of one sent document."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    # a newer source_version is stored already
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the document sent under this id."""

    external_id: str
    outcome: OutcomeKind
    # of the batch: the run that repeats changed metadata in the index, if there are many rows
    relabelling: int | None = None


# What else belongs to the transaction that stores a batch.
Then = Callable[[Session, Sequence[Outcome]], None]


class _ChangedMeanwhile(Exception):
    """A document got another text, or was deleted, after this ingest had looked at it."""


@dataclass(slots=True)
class _Plan:
    """The rows that one batch writes."""

    outcomes: list[Outcome] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    chunks: list[dict[str, Any]] = field(default_factory=list)
    new_ids: list[int] = field(default_factory=list)
    rewritten_ids: list[int] = field(default_factory=list)
    relabelled_ids: list[int] = field(default_factory=list)
    unchanged_ids: list[int] = field(default_factory=list)
    vectors: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    relabelling: int | None = None


def upsert(
    facts: CollectionFacts, batch: Sequence[Prepared], *, priority: int, field: str
) -> list[Outcome]:
    """Store a batch whose ids are distinct; return the outcomes in the order sent.

    Texts are chunked before the transaction begins. Raises TooLarge for a text of too many chunks,
    NotFound if the collection is deleted meanwhile, NotReady if others change the same documents
    again and again.
    """
    for _ in attempts():
        for place, error in chunk_changed(facts, batch).items():
            raise TooLarge(error.message, f"{field}.{place}.text")
        outcomes = try_upsert(facts, batch, priority=priority)
        if outcomes is not None:
            return outcomes
    raise NotReady("these documents are being changed by others at the same time", retry_after_s=1)


def try_upsert(
    facts: CollectionFacts,
    batch: Sequence[Prepared],
    *,
    priority: int,
    new: NewBatch | None = None,
    then: Then | None = None,
) -> list[Outcome] | None:
    """Store a batch that `chunk_changed` has chunked; None if others changed one of them since.

    `new` is what `all_new_of` made of it. `then` is carried out in the same transaction.
    """
    new = new or all_new_of(facts, batch)
    try:
        return db.retry_deadlocks(lambda: _store(facts, batch, new, priority, then))
    except _ChangedMeanwhile:
        return None


def all_new_of(facts: CollectionFacts, batch: Sequence[Prepared]) -> NewBatch | None:
    """Return a chunked batch made ready to be stored; None if any of it is known already."""
    if not batch or any(prepared.is_known for prepared in batch):
        return None
    return make_new(facts, batch)


def chunk_changed(facts: CollectionFacts, batch: Sequence[Prepared]) -> dict[int, TooLarge]:
    """Chunk what is new or of another text than stored; return the refusals by their place."""
    with db.reading() as session:
        known = queries.known_hashes(
            session,
            collection_id=facts.id,
            external_ids=[prepared.document.external_id for prepared in batch],
        )
    refused = {}
    for place, prepared in enumerate(batch):
        _, content_hash = known.get(prepared.document.external_id, (None, None))
        prepared.is_known = content_hash is not None
        if prepared.passages is None and content_hash != prepared.content_hash:
            try:
                preparation.chunk(prepared, facts)
            except TooLarge as error:
                refused[place] = error
    return refused


def _store(
    facts: CollectionFacts,
    batch: Sequence[Prepared],
    new: NewBatch | None,
    priority: int,
    then: Then | None,
) -> list[Outcome]:
    with db.writing() as session:
        outcomes = _write(session, facts, batch, new, priority)
        if then is not None:
            then(session, outcomes)
        return outcomes


def _write(
    session: Session,
    facts: CollectionFacts,
    batch: Sequence[Prepared],
    new: NewBatch | None,
    priority: int,
) -> list[Outcome]:
    if not batch:
        return []
    held = queries.hold_collection(session, facts.id)
    if held is None:
        raise NotFound("collection", facts.id)
    # The run that brings stored documents up to date may have passed already.
    if held.filterable != facts.filterable:
        raise NotReady("the filterable fields were changed at this moment", retry_after_s=1)
    if Chunking.from_mapping(held.chunking) != facts.chunking:
        raise NotReady("the chunking was changed at this moment", retry_after_s=1)
    spaces = generations.hold_spaces(session, facts.id)
    if new is not None:
        _write_all_new(session, spaces, new, priority)
        return [Outcome(each.document.external_id, OutcomeKind.CREATED) for each in batch]
    queries.insert_new(
        session,
        workspace_id=facts.workspace_id,
        collection_id=facts.id,
        rows=[prepared.columns() for prepared in batch],
    )
    stored = queries.hold_documents(
        session,
        collection_id=facts.id,
        external_ids=[prepared.document.external_id for prepared in batch],
    )
    if len(stored) < len(batch):
        # Deleted by somebody between the two statements.
        raise _ChangedMeanwhile
    plan = _Plan()
    for prepared in batch:
        _plan_one(plan, facts, prepared, stored[prepared.document.external_id])
    if _carry_out(session, facts, spaces, plan, priority):
        jobs.enqueue(session, Job.EMBED)
    if plan.relabelling is None:
        return plan.outcomes
    return [replace(each, relabelling=plan.relabelling) for each in plan.outcomes]


def _write_all_new(session: Session, spaces: Sequence[Space], new: NewBatch, priority: int) -> None:
    try:
        if store_all_new(session, spaces, new, priority):
            jobs.enqueue(session, Job.EMBED)
    except IntegrityError as error:
        if is_stored_meanwhile(error):
            raise _ChangedMeanwhile from None
        raise


def _carry_out(
    session: Session,
    facts: CollectionFacts,
    spaces: Sequence[Space],
    plan: _Plan,
    priority: int,
) -> bool:
    """Write the rows of a plan over held documents; say whether any chunk waits for its vector."""
    if plan.updates:
        queries.update_documents(session, plan.updates)
    if plan.versions:
        queries.insert_versions(session, workspace_id=facts.workspace_id, rows=plan.versions)
    inserted = []
    if plan.chunks:
        inserted = queries.insert_chunks(
            session, workspace_id=facts.workspace_id, collection_id=facts.id, rows=plan.chunks
        )
    waits = False
    if plan.new_ids:
        waits |= generations.answer_from_now(
            session, spaces, plan.new_ids, priority=priority, vectors=plan.vectors
        )
    if plan.rewritten_ids:
        rewritten = set(plan.rewritten_ids)
        waits |= generations.begin_update(
            session,
            spaces,
            plan.rewritten_ids,
            chunk_ids=[chunk_id for document_id, chunk_id in inserted if document_id in rewritten],
            priority=priority,
            vectors=plan.vectors,
        )
    if plan.unchanged_ids:
        queries.keep_from_deletion(session, collection_id=facts.id, document_ids=plan.unchanged_ids)
    if plan.relabelled_ids:
        plan.relabelling = repeat_or_start(session, facts, spaces, plan.relabelled_ids)
    return waits


def _plan_one(
    plan: _Plan, facts: CollectionFacts, prepared: Prepared, stored: StoredDocument
) -> None:
    document = prepared.document
    kind = _outcome_of(prepared, stored)
    plan.outcomes.append(Outcome(document.external_id, kind))
    if kind is OutcomeKind.STALE:
        return
    if kind is OutcomeKind.UNCHANGED:
        plan.unchanged_ids.append(stored.id)
    version, generation = stored.version, stored.generation
    if kind is OutcomeKind.UPDATED:
        plan.relabelled_ids.append(stored.id)
    if stored.is_new or prepared.content_hash != stored.content_hash:
        if prepared.passages is None:
            raise _ChangedMeanwhile
        if stored.is_new:
            plan.new_ids.append(stored.id)
        else:
            plan.rewritten_ids.append(stored.id)
            version, generation = version + 1, generation + 1
        plan.versions.append(
            {
                "document_id": stored.id,
                "version": version,
                "title": document.title,
                "text": document.text,
                "format": document.format,
                "page_starts": document.page_starts,
                "content_hash": prepared.content_hash.hex(),
            }
        )
        plan.chunks += preparation.chunk_columns(
            prepared, facts, document_id=stored.id, version=version, generation=generation
        )
        if prepared.vector is not None:
            plan.vectors[stored.id] = prepared.vector
    # An unchanged document may still be of a newer source_version.
    if kind is OutcomeKind.UPDATED or (
        kind is OutcomeKind.UNCHANGED and document.source_version != stored.source_version
    ):
        columns = prepared.columns() | {"id": stored.id}
        plan.updates.append(columns | {"version": version, "generation": generation})


def _outcome_of(prepared: Prepared, stored: StoredDocument) -> OutcomeKind:
    if stored.is_new:
        return OutcomeKind.CREATED
    sent = prepared.document.source_version
    if sent is not None and stored.source_version is not None and sent < stored.source_version:
        return OutcomeKind.STALE
    if prepared.whole_hash == stored.whole_hash:
        return OutcomeKind.UNCHANGED
    return OutcomeKind.UPDATED
