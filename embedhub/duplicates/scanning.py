"""Looking for all duplicates of a collection or catalog, as a run.

Fingerprints and pairs are stored in blocks that each stand alone: killed or cancelled, the next
run goes on from the fingerprints there are. What was not found again goes at the end, and clusters
are made anew in one short transaction.
"""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedhub import db
from embedhub.duplicates.announcing import announce_new
from embedhub.duplicates.candidates import near_pairs, pairs_in_bands, unique_pairs
from embedhub.duplicates.comparing import Pairs, Side, judged_blocks
from embedhub.duplicates.evidence import Evidence
from embedhub.duplicates.fingerprinting import fingerprint_all
from embedhub.duplicates.fingerprints import BANDS
from embedhub.duplicates.judging import Judged, Thresholds, judge
from embedhub.duplicates.nearness import semantic_threshold
from embedhub.duplicates.queries import decisions, fingerprints, pairs, sets
from embedhub.duplicates.queries.fingerprints import Prints
from embedhub.duplicates.reclustering import recluster
from embedhub.duplicates.settings import Settings, read_settings
from embedhub.errors import NotFound
from embedhub.graph import service as graphs
from embedhub.graph.service import GraphView, Subject, read_subject
from embedhub.runs.progress import RunProgress, staying_alive
from embedhub.tables import DuplicateSet

# Neighbors at least so similar are compared word for word: of copies with many typing errors the
# cosine goes down to this (docs/decisions/duplicates.md).
NEAR_FROM = 0.75
DELETED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Found:
    """What a scan works on."""

    set_id: int
    subject: Subject
    settings: Settings
    graph: GraphView | None


def scan_duplicates(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Carry out a run of kind SCAN_DUPLICATES; return how much was found.

    Raises NotFound if the collection or catalog is gone.
    """
    started = time.perf_counter()
    subject = read_subject(arguments)
    found = begin(progress, subject)
    with db.reading() as session:
        began = pairs.now(session)
    n_rows = fingerprint(progress, found)
    with db.reading() as session:
        prints = fingerprints.read_prints(session, found.set_id, BANDS)
    progress.describe("looking for rows that are alike")
    progress.report(0)
    with staying_alive(progress):
        candidates, semantic = candidates_of(found, prints)
    n_pairs, n_new = compare_candidates(progress, found, candidates, semantic)
    progress.describe("making clusters")
    progress.stay_alive()
    with staying_alive(progress):
        n_copies, n_clusters = finish(found, n_rows, semantic, began, progress.run_id)
    return {
        "set_id": found.set_id,
        "n_rows": n_rows,
        "n_compared": len(candidates),
        "n_pairs": n_pairs + n_copies,
        "n_copies": n_copies,
        "n_new": n_new,
        "n_clusters": n_clusters,
        "semantic_threshold": semantic,
        "took_s": round(time.perf_counter() - started, 2),
    }


def begin(progress: RunProgress, subject: Subject) -> Found:
    """Return what to work on, its graph up to date; without vectors there is none."""
    with db.writing() as session:
        if sets.slug_of(session, subject) is None:
            raise NotFound("rows of", subject.name)
        row = sets.make_set(session, subject)
        set_id, settings = row.id, read_settings(row.settings)
    return Found(set_id, subject, settings, graph_of(progress, subject))


def graph_of(progress: RunProgress, subject: Subject) -> GraphView | None:
    """Return the graph of a subject, built or brought up to date; None without vectors."""
    try:
        return graphs.ensure_graph(progress, subject)
    except NotFound:
        return None


def fingerprint(progress: RunProgress, found: Found) -> int:
    """Bring fingerprints up to date, with what was stored of rows that are gone; count rows."""
    progress.describe("reading texts")
    progress.report(0)
    n_rows = fingerprint_all(found.subject, found.set_id, found.graph, progress.report)
    remove_gone(found.set_id, found.subject)
    return n_rows


def remove_gone(set_id: int, subject: Subject) -> int:
    """Remove what is stored of rows that are no longer there; return how many rows."""

    def step(session: Any, size: int) -> int:
        gone = fingerprints.gone_rows(session, set_id, subject, limit=size)
        if gone:
            pairs.delete_of(session, set_id, gone)
            fingerprints.delete_rows(session, set_id, gone)
        return len(gone)

    return db.in_batches(step, size=1_000)


def candidates_of(found: Found, prints: Prints) -> tuple[Pairs, float | None]:
    """Return the pairs worth comparing, by id, and the cosine from which meaning alone counts.

    Of each text one row is compared, the others are its copies.
    """
    first = first_of_each(prints)
    own = np.flatnonzero((first == np.arange(len(first))) & prints.has_bands)
    near = pairs_in_bands(prints.bands[own])
    found_pairs = [prints.ids[own][near]]
    semantic = found.settings.semantic
    if found.graph is not None:
        by_vectors, nearest = _near_of_graph(found.graph, prints, first)
        found_pairs.append(by_vectors)
        if semantic is None:
            semantic = semantic_threshold(nearest)
    return unique_pairs(np.concatenate(found_pairs)), semantic


def first_of_each(prints: Prints) -> NDArray[np.int64]:
    """Return for each row the position of the first one of the same text."""
    at: dict[bytes | None, int] = {}
    return np.array(
        [at.setdefault(one, place) for place, one in enumerate(prints.text_hashes)], np.int64
    )


def _near_of_graph(
    graph: GraphView, prints: Prints, first: NDArray[np.int64]
) -> tuple[Pairs, NDArray[np.float32]]:
    """Return near pairs, each row as the first of its text, and each row's nearest other text."""
    blocks, nearest = [], []
    for lists in graphs.all_lists(graph):
        rows, row_places = _as_first(lists.ids, prints, first)
        near, _ = _as_first(lists.neighbor_ids, prints, first)
        near = np.where(lists.neighbor_ids == graphs.NONE, graphs.NONE, near)
        is_other = (near != rows[:, None]) & (near != graphs.NONE)
        similarity = np.where(is_other, lists.similarity, np.float32(-np.inf))
        is_own = row_places & (rows == lists.ids)
        found, _ = near_pairs(
            rows, np.where(is_other, near, graphs.NONE), similarity, at_least=NEAR_FROM
        )
        blocks.append(found)
        nearest.append(similarity[is_own].max(axis=1, initial=-np.inf))
    if not blocks:
        return np.empty((0, 2), np.int64), np.empty(0, np.float32)
    return unique_pairs(np.concatenate(blocks)), np.concatenate(nearest)


def _as_first(
    ids: NDArray[np.int64], prints: Prints, first: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return ids with each row replaced by the first of its text, and which have a fingerprint.

    Rows without one, which have nothing to compare, become -1.
    """
    if not len(prints.ids):
        return np.full(ids.shape, graphs.NONE, np.int64), np.zeros(ids.shape, np.bool_)
    places = np.minimum(np.searchsorted(prints.ids, ids), len(prints.ids) - 1)
    is_known = prints.ids[places] == ids
    return np.where(is_known, prints.ids[first[places]], graphs.NONE), is_known


def compare_candidates(
    progress: RunProgress, found: Found, candidates: Pairs, semantic: float | None
) -> tuple[int, int]:
    """Compare candidates and store those worth keeping; return how many, and how many are new."""
    progress.describe("comparing texts")
    progress.report(0, max(len(candidates), 1))
    side = Side(found.subject, found.graph)
    thresholds = thresholds_of(found.settings, semantic)
    n_pairs = n_new = 0
    for done, kept in judged_blocks(candidates, (side, side), thresholds):
        if kept:
            with db.writing() as session:
                row = sets.get_set(session, found.set_id)
                if row is None:
                    raise NotFound("rows of", found.subject.name)
                new = pairs.upsert(session, row, kept)
                announce_new(session, row, found.subject, new, kept, thresholds=thresholds)
            n_pairs += len(kept)
            n_new += len(new)
        progress.report(done, len(candidates))
    return n_pairs, n_new


def thresholds_of(settings: Settings, semantic: float | None) -> Thresholds:
    """Return the thresholds of settings, with the cosine that a collection's rows tell."""
    chosen = semantic if settings.semantic is None else settings.semantic
    return Thresholds(settings.automatic, settings.review, chosen)


def finish(
    found: Found, n_rows: int, semantic: float | None, began: Any, run_id: int
) -> tuple[int, int]:
    """Store copies and clusters, remove what was not found again; return copies and clusters."""
    with db.writing() as session:
        row = sets.hold_set(session, found.set_id)
        if row is None:
            raise NotFound("rows of", found.subject.name)
        n_copies = pairs.star_copies(session, row, judged_copy())
    db.in_batches(
        lambda session, size: pairs.delete_unseen(session, found.set_id, began, limit=size),
        size=DELETED_AT_ONCE,
    )
    with db.writing() as session:
        row = sets.hold_set(session, found.set_id)
        if row is None:
            raise NotFound("rows of", found.subject.name)
        pairs.demote_copies(session, found.set_id, began)
        apply_decisions(session, row, found.subject)
        n_clusters = recluster(session, row, found.subject)
        sets.note_scan(session, row.id, n_rows=n_rows, semantic=semantic, run_id=run_id)
    return n_copies, n_clusters


def apply_decisions(session: Any, row: DuplicateSet, subject: Subject) -> int:
    """Let what was decided hold for the pairs of a set."""
    return decisions.apply_to_pairs(session, row, (subject, subject), (row.id, row.id))


def judged_copy() -> Judged:
    """Return what a pair of equal texts is stored as."""
    equal = Evidence(
        exact=True,
        jaccard=1.0,
        words=1.0,
        letters=1.0,
        containment=1.0,
        cosine=None,
        length=1.0,
        numbers=1.0,
        dates=1.0,
        units=1.0,
        codes=1.0,
        negation=1.0,
        same_source=None,
        contradictions=(),
    )
    judged = judge(equal, Thresholds(automatic=1.0, review=1.0))
    if judged is None:
        raise AssertionError("equal texts are duplicates")
    return replace(judged, score=1.0, is_automatic=True)
