"""Keeping the lexical index: rows in and out, counts folded, weights true to the average length.

`index_chunks` and `remove_chunks` run in the caller's transaction, which holds the space with FOR
SHARE at least: whoever moves its shelf or changes its average length waits for them. The counts
of terms are exact at every commit, because every change appends its own delta.
"""

import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.errors import NotFound
from embedhub.runs.kinds import RunKind
from embedhub.runs.progress import RunProgress
from embedhub.runs.service import start_unless_paused
from embedhub.search.analysis import prepare, regconfig_of
from embedhub.search.queries import lexical_index as queries
from embedhub.search.queries.blank_rows import (
    blank_row,
    copy_blank_rows,
    has_words,
    insert_blank_rows,
)
from embedhub.tables import Space

logger = logging.getLogger(__name__)

# Rows analysed by one statement: its memory grows with them.
INDEX_BATCH = 500
REWEIGH_BATCH = 500
# A larger space is weighed anew by a run, a smaller one at once.
REWEIGH_AT_ONCE = 1_000
FOLD_BATCH = 5_000
# The average length may be off by this part before weights are computed anew.
LENGTH_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class LexicalRow:
    """A chunk to find by its words; `language` is a language's name or code."""

    owner_id: int
    document_id: int | None
    access: Sequence[str] | None
    attributes: dict[str, Any]
    language: str
    text: str


def index_chunks(session: Session, *, space: Space, rows: Sequence[LexicalRow]) -> None:
    """Store the rows and count their terms; a row that is there already stays as it is."""
    blank = [row for row in rows if not row.text]
    if blank:
        insert_blank_rows(session, shelf_id=space.shelf_id, space_id=space.id, rows=_columns(blank))
        rows = [row for row in rows if row.text]
    for start in range(0, len(rows), INDEX_BATCH):
        queries.insert_rows(
            session,
            shelf_id=space.shelf_id,
            space_id=space.id,
            average_length=space.average_length,
            rows=_columns(rows[start : start + INDEX_BATCH]),
        )


def wordless_row(
    *,
    owner_id: int,
    document_id: int,
    access: Sequence[str] | None,
    attributes: dict[str, Any],
    language: str,
) -> bytes:
    """Return a chunk without a word, as of LexicalRow, in the form `store_wordless` takes."""
    return blank_row(
        owner_id=owner_id,
        document_id=document_id,
        access=access,
        attributes=attributes,
        language=regconfig_of(language),
    )


def store_wordless(session: Session, *, space: Space, rows: Sequence[bytes]) -> None:
    """Store chunks without a word, none of which is there yet."""
    if rows:
        copy_blank_rows(session, shelf_id=space.shelf_id, space_id=space.id, rows=rows)


def remove_chunks(
    session: Session,
    *,
    space: Space,
    owner_ids: Sequence[int] | None = None,
    document_ids: Sequence[int] | None = None,
) -> None:
    """Remove the rows of these chunks, or of these documents, and take their terms off."""
    place = {"shelf_id": space.shelf_id, "space_id": space.id}
    if owner_ids:
        queries.delete_rows_of_owners(session, **place, owner_ids=owner_ids)
    if document_ids:
        queries.delete_rows_of_documents(session, **place, document_ids=document_ids)


def lexical_shelf_indexes() -> list[str]:
    """Return what a shelf of its own needs beside the primary key, as CREATE INDEX says it."""
    return [
        "gin (terms) WITH (fastupdate = off)",
        "gin (access) WITH (fastupdate = off)",
        "gin (attributes jsonb_path_ops) WITH (fastupdate = off)",
    ]


def fold() -> int:
    """Fold the counts of all spaces and see to drifted averages; return the spaces folded.

    Safe beside ingests and beside another fold. Small spaces are weighed anew at once, for large
    ones a run is asked for.
    """
    with db.reading() as session:
        space_ids = queries.spaces_to_fold(session)
    for space_id in space_ids:
        fold_counts(space_id)
    settle_averages()
    return len(space_ids)


def fold_counts(space_id: int) -> int:
    """Replace the deltas of one space by their sums, in short transactions; return the lexemes."""
    n_folded, last = 0, ""
    while True:
        with db.writing() as session:
            is_ours = queries.try_lock_fold(session, space_id)
            if not is_ours or not queries.hold_from_deletion(session, space_id):
                return n_folded
            n_lexemes, last = queries.fold_terms(
                session, space_id=space_id, after=last, limit=FOLD_BATCH
            )
            if n_lexemes < FOLD_BATCH:
                queries.fold_sizes(session, space_id)
        n_folded += n_lexemes
        if n_lexemes < FOLD_BATCH:
            return n_folded


def settle_averages() -> None:
    """Weigh spaces anew whose average length moved by more than a tenth, or was never settled."""
    with db.reading() as session:
        drifted = queries.drifted_spaces(session, tolerance=LENGTH_TOLERANCE)
    for space in drifted:
        if space.n_rows <= REWEIGH_AT_ONCE:
            with suppress(NotFound):  # deleted meanwhile
                reweigh_space(space.id, lambda _: None)
            continue
        with db.writing() as session:
            start_unless_paused(
                session,
                workspace_id=space.workspace_id,
                kind=RunKind.REWEIGH,
                subject=f"space {space.id}",
                arguments={"space_id": space.id, "n_rows": space.n_rows},
            )


def reweigh(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Carry out a run of kind REWEIGH: every row of the space, whatever was done before."""
    total = int(arguments.get("n_rows", 0)) or None
    n_rows = reweigh_space(
        int(arguments["space_id"]), lambda done: progress.report(done, max(done, total or 0))
    )
    return {"rows": n_rows}


def reweigh_space(space_id: int, report: Callable[[int], None]) -> int:
    """Compute the weights of a space's rows from its true average length; return the rows.

    Searches go on meanwhile and see old weights beside new ones; stores wait for one batch at
    most. Raises NotFound if the space is deleted.
    """
    average_length = _settle_average(space_id)
    if average_length is None or _is_wordless(space_id, average_length):
        return 0
    done, after = 0, -1
    while True:
        with db.writing() as session:
            held = queries.hold_space(session, space_id)
            if held is None:
                raise NotFound("space", space_id)
            last, n_rows = queries.reweigh_rows(
                session,
                shelf_id=held[0],
                space_id=space_id,
                average_length=average_length,
                after=after,
                limit=REWEIGH_BATCH,
            )
            if last is None:
                # Only now: a run that ends before this is asked for again.
                queries.set_weighed_length(
                    session, space_id=space_id, average_length=average_length
                )
        done += n_rows
        report(done)
        if last is None:
            logger.info("weighed anew", extra={"space_id": space_id, "n": done})
            return done
        after = last


def _is_wordless(space_id: int, average_length: float) -> bool:
    """Say whether no row has a word: then all are weighed, as those are that come from now on."""
    with db.writing() as session:
        if has_words(session, space_id):
            return False
        queries.set_weighed_length(session, space_id=space_id, average_length=average_length)
    return True


def _settle_average(space_id: int) -> float | None:
    # Committed first: rows stored from now on need no new weights, whatever they meet.
    with db.writing() as session:
        if queries.hold_space(session, space_id) is None:
            raise NotFound("space", space_id)
        average_length = queries.true_average_length(session, space_id)
        if average_length is not None:
            queries.set_average_length(session, space_id=space_id, average_length=average_length)
    return average_length


def _columns(rows: Sequence[LexicalRow]) -> queries.RowArrays:
    return queries.RowArrays(
        owner_ids=[row.owner_id for row in rows],
        document_ids=[row.document_id for row in rows],
        access=[None if row.access is None else json.dumps(list(row.access)) for row in rows],
        attributes=[json.dumps(row.attributes) for row in rows],
        languages=[regconfig_of(row.language) for row in rows],
        texts=[prepare(row.text) for row in rows],
    )
