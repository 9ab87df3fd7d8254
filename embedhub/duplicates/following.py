"""Comparing new and changed rows with what is stored, once all rows were compared before.

Bounded work: a row's fingerprint, whoever shares a band or a text with it, its neighbors.
"""

import numpy as np
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.duplicates.announcing import announce_new
from embedhub.duplicates.candidates import unique_pairs
from embedhub.duplicates.comparing import Pairs, Side, judged_pairs
from embedhub.duplicates.fingerprinting import fingerprint_some
from embedhub.duplicates.queries import fingerprints, pairs, sets
from embedhub.duplicates.queries.fingerprints import FingerprintRow
from embedhub.duplicates.reclustering import recluster
from embedhub.duplicates.scanning import (
    NEAR_FROM,
    apply_decisions,
    judged_copy,
    thresholds_of,
)
from embedhub.duplicates.settings import read_settings
from embedhub.duplicates.subjects import subjects_of
from embedhub.graph import service as graphs
from embedhub.graph.service import GraphView, Subject
from embedhub.tables import DuplicateSet

ROWS_AT_ONCE = 200
GONE_AT_ONCE = 1_000
SHARING_AT_MOST = 40
SETS_AT_ONCE = 200


def follow(graph: GraphView) -> int:
    """Bring pairs and clusters up to date with rows that are new, changed or gone.

    Returns how many rows that were; does nothing before the first scan of these rows succeeded.
    """
    with db.reading() as session:
        found = sets.find_set(session, graph.subject)
        if found is None or found.scanned_at is None:
            return 0
        gone = fingerprints.gone_rows(session, found.id, graph.subject, limit=GONE_AT_ONCE)
    if gone:
        forget_rows(found.id, graph.subject, gone)
    with db.reading() as session:
        # Among them the copies of rows that are gone, which were not compared before.
        stale = fingerprints.stale_rows(session, found.id, graph.id, limit=ROWS_AT_ONCE)
    return len(gone) + (compare_rows(found.id, graph, stale) if stale else 0)


def forget_rows(set_id: int, subject: Subject, ids: list[int]) -> None:
    """Remove what is stored of rows that are gone, and let their copies find each other again."""
    with db.writing() as session:
        found = sets.hold_set(session, set_id)
        if found is None:
            return
        around = pairs.partners_of(session, set_id, ids)
        hashes = fingerprints.hashes_of(session, set_id, ids)
        pairs.delete_of(session, set_id, ids)
        fingerprints.delete_rows(session, set_id, ids)
        _restar(session, found, hashes)
        recluster(session, found, subject, sorted({*around, *ids}))


def compare_rows(set_id: int, graph: GraphView, ids: list[int]) -> int:
    """Compare new or changed rows with those stored, and return how many there were.

    Rows that have a vector and are no longer there are left to the graph, which forgets them.
    """
    subject = graph.subject
    with db.reading() as session:
        found = sets.get_set(session, set_id)
        if found is None:
            return 0
        rows = fingerprint_some(session, subject, set_id, graph, ids)
        before = fingerprints.hashes_of(session, set_id, ids)
        began = pairs.now(session)
        thresholds = thresholds_of(read_settings(found.settings), found.semantic_threshold)
    with db.writing() as session:
        fingerprints.upsert(session, set_id, rows)
    with db.reading() as session:
        side = Side(subject, graph)
        candidates = _candidates(session, found, graph, rows)
        kept = judged_pairs(session, candidates, (side, side), thresholds)
    with db.writing() as session:
        held = sets.hold_set(session, set_id)
        if held is None:
            return 0
        around = pairs.partners_of(session, set_id, ids)
        new = pairs.upsert(session, held, kept)
        pairs.delete_open_of(session, set_id, ids, began)
        now = {row.node_id: row.text_hash for row in rows if row.text_hash is not None}
        _restar(session, held, {one: text for one, text in before.items() if text != now.get(one)})
        _restar(session, held, now)
        pairs.demote_copies(session, set_id, began, ids)
        apply_decisions(session, held, subject)
        recluster(session, held, subject, sorted({*around, *ids}))
        announce_new(session, held, subject, new, kept, thresholds=thresholds)
    return len(rows)


def _restar(session: Session, found: DuplicateSet, hashes: dict[int, bytes]) -> None:
    """Store the copies of these rows' texts anew.

    Where the row that stood for its copies is another one now, that one has to be compared: it
    becomes stale.
    """
    if not hashes:
        return
    pairs.star_copies(session, found, judged_copy(), sorted(set(hashes.values())))
    first = fingerprints.first_of_texts(session, found.id, sorted(set(hashes.values())))
    heirs = {first[text] for one, text in hashes.items() if first.get(text, one) > one}
    fingerprints.mark_stale(session, found.id, sorted(heirs))


def _candidates(
    session: Session, found: DuplicateSet, graph: GraphView, rows: list[FingerprintRow]
) -> Pairs:
    """Return pairs of each row, as the first of its text, with those that may be like it."""
    made: list[tuple[int, int]] = []
    hashes = [row.text_hash for row in rows if row.text_hash is not None]
    first = fingerprints.first_of_texts(session, found.id, hashes)
    lists = graphs.neighbor_lists(session, graph, [row.node_id for row in rows])
    places = {node_id: place for place, node_id in enumerate(lists.ids.tolist())}
    for row in rows:
        if row.text_hash is None or first.get(row.text_hash) != row.node_id:
            # A copy of another row, or nothing to compare.
            continue
        sharing = fingerprints.sharing_bands(session, found.id, row.bands, limit=SHARING_AT_MOST)
        others = [one for one, text_hash in sharing if text_hash != row.text_hash]
        if row.node_id in places:
            place = places[row.node_id]
            ids, similarity = lists.neighbor_ids[place], lists.similarity[place]
            others += ids[(similarity >= NEAR_FROM) & (ids != graphs.NONE)].tolist()
        own = _as_first(session, found.id, others)
        made += [(row.node_id, one) for one in own if one != row.node_id]
    return unique_pairs(np.array(made, np.int64).reshape(-1, 2))


def _as_first(session: Session, set_id: int, ids: list[int]) -> set[int]:
    hashes = fingerprints.hashes_of(session, set_id, ids)
    first = fingerprints.first_of_texts(session, set_id, list(hashes.values()))
    return {first[text_hash] for text_hash in hashes.values() if text_hash in first}


def remove_left_overs() -> int:
    """Remove what is stored of rows that are gone, of collections without vectors too; count."""
    after = n_removed = 0
    while True:
        with db.reading() as session:
            some = sets.list_sets(session, after=after, limit=SETS_AT_ONCE)
        for found in some:
            if found.other_collection_id is None:
                n_removed += _remove_left_overs_of(found)
        if len(some) < SETS_AT_ONCE:
            return n_removed
        after = some[-1].id


def _remove_left_overs_of(found: DuplicateSet) -> int:
    subject, _ = subjects_of(found)
    with db.reading() as session:
        gone = fingerprints.gone_rows(session, found.id, subject, limit=GONE_AT_ONCE)
    if gone:
        forget_rows(found.id, subject, gone)
    return len(gone)
