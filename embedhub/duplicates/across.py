"""The duplicates of one collection in another, such as of a test set in its training set: a run."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedhub import db
from embedhub.duplicates.candidates import pairs_in_bands
from embedhub.duplicates.comparing import Pairs, Side, judged_blocks
from embedhub.duplicates.fingerprinting import fingerprint_all, salted
from embedhub.duplicates.fingerprints import BANDS
from embedhub.duplicates.nearness import USUAL
from embedhub.duplicates.queries import decisions, fingerprints, pairs, sets
from embedhub.duplicates.queries.fingerprints import Prints
from embedhub.duplicates.scanning import (
    DELETED_AT_ONCE,
    NEAR_FROM,
    first_of_each,
    graph_of,
    judged_copy,
    remove_gone,
    thresholds_of,
)
from embedhub.duplicates.settings import Settings, read_settings
from embedhub.errors import NotFound
from embedhub.graph import service as graphs
from embedhub.graph.service import GraphView, Level, Subject, read_subject
from embedhub.runs.progress import RunProgress, staying_alive

# Vectors of one collection compared at once with all of the other.
BLOCK = 1_000
NEAREST = 10


@dataclass(frozen=True, slots=True)
class Rows:
    """One of the two collections: its own set, which holds its rows' fingerprints, and graph."""

    subject: Subject
    set_id: int
    graph: GraphView | None
    prints: Prints


def compare_collections(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Carry out a run of kind COMPARE_COLLECTIONS; return how much was found.

    Raises NotFound if one of the collections is gone.
    """
    started = time.perf_counter()
    ours = read_subject(arguments)
    theirs = Subject(
        ours.workspace_id, int(arguments["other_collection_id"]), None, Level(ours.level)
    )
    with db.writing() as session:
        for subject in (ours, theirs):
            if sets.slug_of(session, subject) is None:
                raise NotFound("rows of", subject.name)
        found = sets.make_set(session, ours, other_collection_id=theirs.collection_id)
        set_id, settings = found.id, read_settings(found.settings)
        began = pairs.now(session)
    sides = _rows_of(progress, ours), _rows_of(progress, theirs)
    progress.describe("looking for rows that are alike")
    progress.report(0)
    with staying_alive(progress):
        candidates = _candidates(sides)
    n_pairs = _compare(progress, set_id, settings, sides, candidates)
    n_copies = _finish(set_id, sides, began, progress.run_id)
    return {
        "set_id": set_id,
        "n_rows": len(sides[0].prints.ids),
        "n_other_rows": len(sides[1].prints.ids),
        "n_compared": len(candidates),
        "n_pairs": n_pairs + n_copies,
        "n_copies": n_copies,
        "took_s": round(time.perf_counter() - started, 2),
    }


def _rows_of(progress: RunProgress, subject: Subject) -> Rows:
    graph = graph_of(progress, subject)
    with db.writing() as session:
        set_id = sets.make_set(session, subject).id
    progress.describe("reading texts")
    progress.report(0)
    fingerprint_all(subject, set_id, graph, progress.report)
    remove_gone(set_id, subject)
    with db.reading() as session:
        prints = fingerprints.read_prints(session, set_id, BANDS)
    return Rows(subject, set_id, graph, prints)


def _candidates(sides: tuple[Rows, Rows]) -> Pairs:
    """Return pairs of a row of ours, as the first of its text, with one of theirs."""
    own = [_first_rows(side.prints) for side in sides]
    n_ours = len(own[0])
    bands = [
        _unsalted(side.prints.bands[rows], side.set_id)
        for side, rows in zip(sides, own, strict=True)
    ]
    met = pairs_in_bands(np.concatenate(bands))
    is_across = (met[:, 0] < n_ours) & (met[:, 1] >= n_ours)
    met = met[is_across]
    left = sides[0].prints.ids[own[0][met[:, 0]]]
    right = sides[1].prints.ids[own[1][met[:, 1] - n_ours]]
    found = [np.stack([left, right], axis=1)]
    if all(side.graph is not None for side in sides):
        found += _near(sides, own)
    return np.unique(np.concatenate(found), axis=0)


def _first_rows(prints: Prints) -> NDArray[np.int64]:
    first = first_of_each(prints)
    return np.flatnonzero((first == np.arange(len(first))) & prints.has_bands)


def _unsalted(bands: NDArray[np.int32], set_id: int) -> NDArray[np.int32]:
    salt = np.array(salted([0], set_id), np.int32)
    return np.bitwise_xor(bands, salt)


def _near(sides: tuple[Rows, Rows], own: list[NDArray[np.int64]]) -> list[Pairs]:
    """Return for each row of ours its nearest of theirs, where both have vectors of one space."""
    wanted = [set(side.prints.ids[rows].tolist()) for side, rows in zip(sides, own, strict=True)]
    ours, theirs = sides[0].graph, sides[1].graph
    if ours is None or theirs is None:
        return []
    found: list[Pairs] = []
    for block in graphs.all_vectors(ours, block=BLOCK):
        best_ids = np.empty((len(block.ids), 0), np.int64)
        best = np.empty((len(block.ids), 0), np.float32)
        for other in graphs.all_vectors(theirs):
            if other.matrix.shape[1] != block.matrix.shape[1]:
                return []
            similarity = block.matrix @ other.matrix.T
            similarity[:, [one not in wanted[1] for one in other.ids.tolist()]] = -1
            best_ids = np.concatenate([best_ids, np.broadcast_to(other.ids, similarity.shape)], 1)
            best = np.concatenate([best, similarity], axis=1)
            top = np.argsort(-best, axis=1, kind="stable")[:, :NEAREST]
            best_ids = np.take_along_axis(best_ids, top, axis=1)
            best = np.take_along_axis(best, top, axis=1)
        is_ours = np.array([one in wanted[0] for one in block.ids.tolist()], bool)
        rows, places = np.nonzero((best >= NEAR_FROM) & is_ours[:, None])
        found.append(np.stack([block.ids[rows], best_ids[rows, places]], axis=1))
    return found


def _compare(
    progress: RunProgress,
    set_id: int,
    settings: Settings,
    sides: tuple[Rows, Rows],
    candidates: Pairs,
) -> int:
    progress.describe("comparing texts")
    progress.report(0, max(len(candidates), 1))
    semantic = USUAL if settings.semantic is None else settings.semantic
    left, right = (Side(side.subject, side.graph) for side in sides)
    n_pairs = 0
    for done, kept in judged_blocks(candidates, (left, right), thresholds_of(settings, semantic)):
        if kept:
            with db.writing() as session:
                row = sets.get_set(session, set_id)
                if row is None:
                    raise NotFound("rows of", sides[0].subject.name)
                pairs.upsert(session, row, kept)
            n_pairs += len(kept)
        progress.report(done, len(candidates))
    return n_pairs


def _finish(set_id: int, sides: tuple[Rows, Rows], began: Any, run_id: int) -> int:
    ours, theirs = sides
    with db.writing() as session:
        row = sets.hold_set(session, set_id)
        if row is None:
            raise NotFound("rows of", ours.subject.name)
        n_copies = pairs.star_across(session, row, ours.set_id, theirs.set_id, judged_copy())
    db.in_batches(
        lambda session, size: pairs.delete_unseen(session, set_id, began, limit=size),
        size=DELETED_AT_ONCE,
    )
    with db.writing() as session:
        row = sets.hold_set(session, set_id)
        if row is None:
            raise NotFound("rows of", ours.subject.name)
        pairs.demote_copies(session, set_id, began)
        decisions.apply_to_pairs(
            session, row, (ours.subject, theirs.subject), (ours.set_id, theirs.set_id)
        )
        sets.note_scan(session, set_id, n_rows=len(ours.prints.ids), semantic=None, run_id=run_id)
    return n_copies
