"""The work of a scan: read all rows, fit what is usual, flag what is not.

Nothing of it is seen before the last short transaction. Killed or cancelled, it leaves scores of a
generation that nobody reads, which the next scan removes.
"""

import time
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.anomalies import flagging
from embedhub.anomalies.fitting import Fitted, fit
from embedhub.anomalies.flagging import Scored
from embedhub.anomalies.memory import Memory, Recalled
from embedhub.anomalies.profile import all_features, to_stored
from embedhub.anomalies.queries import flags, profiles, scores
from embedhub.anomalies.queries.scores import ScoredRows
from embedhub.anomalies.reading import (
    Read,
    places_of,
    read_neighborhood,
    read_rows,
    up_to_date_graph,
)
from embedhub.anomalies.recalling import REMEMBERED, read_memory, recall
from embedhub.anomalies.setting import Setting, setting_of
from embedhub.graph import service as graphs
from embedhub.graph.service import GraphView, Subject, read_subject
from embedhub.numpy_threads import blas_threads
from embedhub.runs.progress import RunProgress, staying_alive
from embedhub.tables import AnomalyProfile

STORED_AT_ONCE = 5_000
DELETED_AT_ONCE = 10_000
COMPARED_AT_ONCE = 2_000


def scan_anomalies(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Fit what is usual among all rows of a subject, score them and flag what stands out.

    Raises NotFound if the collection or catalog is gone.
    """
    started = time.perf_counter()
    subject = read_subject(arguments)
    with db.writing() as session:
        row = profiles.hold_profile(session, subject)
        setting = setting_of(row.setting)
        decided = flags.in_force(session, row.id, limit=REMEMBERED)
    remove_left_overs(row)
    confirmed = frozenset(one.content_hash for one in decided if one.decision == "confirm")
    graph = up_to_date_graph(progress, subject)
    with db.reading() as session:
        hashes = {} if graph is None else scores.list_hashes(session, graph.id)
    read = read_rows(progress, subject, label_field=setting.label_field, confirmed=confirmed)
    if not len(read.ids):
        return _nothing(subject, row)
    fitted, scored = _judge_all(progress, subject, row, graph, read)
    n_flags = _store(progress, subject, row, fitted, scored, hashes=hashes)
    return {
        "n_rows": len(read.ids),
        "n_flags": n_flags,
        "limit": round(fitted.profile.limit(_share(setting, fitted)), 4),
        "with_vectors": fitted.profile.landmarks is not None,
        "took_s": round(time.perf_counter() - started, 2),
    }


def _share(setting: Setting, fitted: Fitted) -> float:
    return setting.budget.share_of(fitted.profile.rows_per_day)


def remove_left_overs(row: AnomalyProfile) -> None:
    """Remove what scans before the one that counts, or broken off ones, have left."""
    db.in_batches(
        lambda session, size: scores.delete_other_scores(
            session, row.id, kept=row.generation, limit=size
        ),
        size=DELETED_AT_ONCE,
    )
    with db.writing() as session:
        profiles.delete_arrays(session, row.id, kept=row.generation)


def _nothing(subject: Subject, row: AnomalyProfile) -> dict[str, Any]:
    """Without rows nothing is usual and nothing is flagged."""
    with db.writing() as session:
        profiles.find_profile(session, subject, is_for_update=True)
        flags.withdraw(session, row.id, among=None, kept=())
    return {"n_rows": 0, "n_flags": 0, "limit": None, "with_vectors": False, "took_s": 0.0}


def _judge_all(
    progress: RunProgress,
    subject: Subject,
    row: AnomalyProfile,
    graph: GraphView | None,
    read: Read,
) -> tuple[Fitted, Scored]:
    with staying_alive(progress), blas_threads(1):
        near = None if graph is None else read_neighborhood(progress, graph, read)
        progress.describe("comparing words")
        fitted = fit(read.rows, near, now_s=time.time(), tell=progress.report)
        progress.describe("recalling decisions")
        profile = fitted.profile
        memory = read_memory(subject, row.id, graph, profile.vocabulary)
        recalled = _recall_all(memory, graph, read, fitted)
    features = all_features(
        read.rows.features,
        read.rows.bags,
        read.rows.languages,
        profile.common,
        profile.languages,
    )
    if near is None:
        neighbor_ids = np.full((len(read.ids), 0), -1, dtype=np.int64)
    else:
        neighbor_ids = np.where(near.neighbors >= 0, read.ids[near.neighbors], -1)
    scored = Scored(
        ids=read.ids,
        hashes=read.hashes,
        values=fitted.values,
        tails=fitted.tails,
        scores=fitted.scores,
        looks=profile.looks.scores(features),
        n_same=fitted.n_same,
        neighbor_ids=neighbor_ids,
        recalled=recalled,
    )
    return fitted, scored


def _recall_all(memory: Memory, graph: GraphView | None, read: Read, fitted: Fitted) -> Recalled:
    """Return what decisions say of all rows, of those without a vector by their words."""
    n = len(read.ids)
    found = Recalled(np.zeros(n), np.zeros(n))
    if memory.accepted.is_empty and memory.confirmed.is_empty:
        return found
    is_left = np.ones(n, dtype=bool)
    if graph is not None:
        for block in graphs.all_vectors(graph, block=COMPARED_AT_ONCE):
            places, is_known = places_of(read.ids, block.ids)
            _recall_some(
                found,
                places[is_known],
                block.matrix[is_known],
                memory=memory,
                read=read,
                fitted=fitted,
            )
            is_left[places[is_known]] = False
    left = np.flatnonzero(is_left)
    for start in range(0, len(left), COMPARED_AT_ONCE):
        part = left[start : start + COMPARED_AT_ONCE]
        _recall_some(found, part, None, memory=memory, read=read, fitted=fitted)
    return found


def _recall_some(
    found: Recalled, places: Any, vectors: Any, *, memory: Memory, read: Read, fitted: Fitted
) -> None:
    hashes = [read.hashes[place] for place in places.tolist()]
    bags = read.rows.bags.rows(places)
    part = recall(memory, fitted.profile, hashes, bags, vectors)
    found.accepted[places], found.confirmed[places] = part.accepted, part.confirmed


def _store(
    progress: RunProgress,
    subject: Subject,
    row: AnomalyProfile,
    fitted: Fitted,
    scored: Scored,
    *,
    hashes: dict[int, bytes],
) -> int:
    """Store scores that nobody reads yet, then let them count; return how many flags are open."""
    progress.describe("storing")
    with db.writing() as session:
        generation = profiles.next_generation(session, row.id)
    ids = scored.ids.tolist()
    for start in range(0, len(ids), STORED_AT_ONCE):
        progress.report(start, len(ids))
        part = slice(start, start + STORED_AT_ONCE)
        rows = ScoredRows(
            ids[part],
            [hashes.get(one) for one in ids[part]],
            scored.scores[part],
            scored.tails[part],
        )
        with db.writing() as session:
            scores.copy_scores(session, row.id, generation, rows)
    facts, arrays = to_stored(fitted.profile)
    with db.writing() as session:
        profiles.insert_arrays(session, row.id, generation, arrays)
    # The last moment to notice that somebody else works on it, or that it shall stop.
    progress.stay_alive()
    return _publish(progress, subject, fitted, scored, generation=generation, facts=facts)


def _publish(
    progress: RunProgress,
    subject: Subject,
    fitted: Fitted,
    scored: Scored,
    *,
    generation: int,
    facts: dict[str, Any],
) -> int:
    with db.writing() as session:
        row = profiles.hold_profile(session, subject)
        profiles.update_profile(
            session,
            row.id,
            fitted=facts,
            generation=generation,
            n_rows=len(scored.ids),
            run_id=progress.run_id or None,
            fitted_at=flags.now_of(session),
        )
        n_flags = _flag(session, subject, row, fitted, scored)
    remove_left_overs_of(subject)
    return n_flags


def remove_left_overs_of(subject: Subject) -> None:
    """Remove what no longer counts of a subject."""
    with db.reading() as session:
        row = profiles.find_profile(session, subject)
    if row is not None:
        remove_left_overs(row)


def _flag(
    session: Session,
    subject: Subject,
    row: AnomalyProfile,
    fitted: Fitted,
    scored: Scored,
) -> int:
    setting = setting_of(row.setting)
    ranks, _, limit = flagging.ranks_of(scored, fitted.profile, setting)
    hash_of = dict(zip(scored.ids.tolist(), scored.hashes, strict=True))
    decided = frozenset(
        node_id
        for node_id, judged in flags.decided_nodes(session, row.id).items()
        if hash_of.get(node_id) == judged
    )
    open_now = flags.open_nodes(session, row.id)
    budget = setting.budget
    n_open = 0 if budget.per_day is None else len(open_now)
    room = budget.room(
        n_rows=len(scored.ids),
        n_open=n_open,
        n_of_day=flags.count_since(session, row.id, within=flagging.DAY),
    )
    # Within a share all flags compete anew; of so many a day those that wait have had their day.
    held = set() if budget.per_day is None else open_now
    chosen = flagging.choose(ranks, limit, scored.ids, decided=decided, held=held, room=room)
    rows = flagging.flag_rows(
        session, subject, row, scored, profile=fitted.profile, setting=setting, chosen=chosen
    )
    flags.withdraw(session, row.id, among=None, kept=[one["node_id"] for one in rows])
    new = flags.put_flags(session, rows)
    flagging.tell(session, subject, rows, new)
    return flags.count_by_status(session, row.id).get("open", 0)
