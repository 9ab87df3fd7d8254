"""New and changed rows are scored as they come, and flagged within the budget.

Nothing happens before the first scan of a subject has succeeded. What is to be done is found by
comparing scores with the graph, so nothing is lost if it stops half-way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.anomalies import flagging, judging, live
from embedhub.anomalies.flagging import Scored
from embedhub.anomalies.fusion import COMPANY_ROWS, SIGNALS, Signal, place_of
from embedhub.anomalies.judging import Around, Given, Judged
from embedhub.anomalies.live import Live
from embedhub.anomalies.nearness import BURST_S
from embedhub.anomalies.queries import flags, profiles, scores
from embedhub.anomalies.queries.scores import ScoredRows
from embedhub.anomalies.reading import label_of, text_of
from embedhub.anomalies.recalling import recall
from embedhub.graph import service as graphs
from embedhub.graph.service import GraphView, Lists, Node, Subject
from embedhub.numpy_threads import blas_threads

ROWS_AT_ONCE, BATCHES = 256, 20
GONE_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to score: their nodes, vectors and lists in the same order, what is around them."""

    nodes: list[Node]
    hashes: list[bytes]
    vectors: NDArray[np.float32]
    lists: Lists
    around: Around


def follow(graph: GraphView) -> int:
    """Bring the scores of a subject up to date with its graph; return of how many rows.

    Bounded: more than 0 means that there may be others.
    """
    with db.reading() as session:
        found = live.read_profile(session, graph.subject)
        last = 0 if found is None else live.last_decision(session, found[0])
    if found is None:
        return 0
    ready = live.complete(graph.subject, graph, *found, last)
    done = _remove_gone(graph, ready)
    with blas_threads(1):
        for _ in range(BATCHES):
            n = _follow_some(graph, ready)
            done += n
            if not n:
                break
    return done


def _remove_gone(graph: GraphView, ready: Live) -> int:
    with db.reading() as session:
        gone = scores.gone_nodes(
            session, graph.id, ready.row.id, ready.row.generation, limit=GONE_AT_ONCE
        )
    if gone:
        with db.writing() as session:
            scores.delete_scores(session, ready.row.id, ready.row.generation, gone)
            flags.withdraw(session, ready.row.id, among=gone, kept=())
    return len(gone)


def _follow_some(graph: GraphView, ready: Live) -> int:
    row = ready.row
    with db.reading() as session:
        stale = scores.stale_nodes(session, graph.id, row.id, row.generation, limit=ROWS_AT_ONCE)
        batch = read_batch(session, graph, ready, stale)
    n_left = _note_unscored(ready, stale, batch)
    if not batch.nodes:
        return n_left
    judged = judging.judge(ready.profile, given_of(batch, ready), batch.around)
    scored = scored_of(batch, ready, judged)
    with db.writing() as session:
        held = profiles.find_profile(session, graph.subject, is_for_update=True)
        if held is None or held.generation != row.generation:
            # Another scan counts since a moment ago; its rows are found by the next look.
            return 0
        rows = ScoredRows(
            [node.id for node in batch.nodes], batch.hashes, judged.scores, judged.tails
        )
        scores.put_scores(session, row.id, row.generation, rows)
        _flag(session, graph.subject, ready, scored)
    return len(batch.nodes) + n_left


def _note_unscored(ready: Live, stale: Sequence[tuple[int, bytes]], batch: Batch) -> int:
    """Write down which rows cannot be scored, such as expired ones: nobody tries them again."""
    scored = {node.id for node in batch.nodes}
    left = [(node_id, node_hash) for node_id, node_hash in stale if node_id not in scored]
    if left:
        rows = ScoredRows(
            [node_id for node_id, _ in left],
            [node_hash for _, node_hash in left],
            np.zeros(len(left)),
            np.ones((len(left), len(SIGNALS))),
        )
        with db.writing() as session:
            scores.put_scores(session, ready.row.id, ready.row.generation, rows)
    return len(left)


def read_batch(
    session: Session, graph: GraphView, ready: Live, stale: Sequence[tuple[int, bytes]]
) -> Batch:
    """Return rows with their vectors, lists, and what is known of their neighbors."""
    hashes = dict(stale)
    found = graphs.vectors(session, graph, list(hashes))
    nodes = graphs.nodes(session, graph.subject, found.ids.tolist())
    ids = np.array([node.id for node in nodes], dtype=np.int64)
    matrix = found.matrix[np.searchsorted(found.ids, ids)] if len(ids) else found.matrix
    lists = graphs.neighbor_lists(session, graph, ids.tolist())
    around = read_around(session, graph, ready, lists.neighbor_ids, [n.created_at for n in nodes])
    kept = np.isin(ids, lists.ids)
    return Batch(
        nodes=[node for node, is_kept in zip(nodes, kept.tolist(), strict=True) if is_kept],
        hashes=[hashes[int(one)] for one in ids[kept]],
        vectors=matrix[kept],
        lists=lists,
        around=around,
    )


def read_around(
    session: Session,
    graph: GraphView,
    ready: Live,
    neighbor_ids: NDArray[np.int64],
    moments: Sequence[Any],
) -> Around:
    """Return what is known of the rows near those that are judged."""
    near = sorted({int(one) for one in neighbor_ids[:, :COMPANY_ROWS].ravel() if one >= 0})
    tails = scores.tails_of(session, ready.row.id, ready.row.generation, near)
    looks = place_of(Signal.LOOKS)
    lists = graphs.neighbor_lists(session, graph, near)
    distances = {
        int(node_id): 1.0 - float(similar[np.isfinite(similar)].mean())
        for node_id, similar in zip(lists.ids.tolist(), lists.similarity, strict=True)
        if np.isfinite(similar).any()
    }
    labels: dict[int, str] = {}
    if ready.setting.label_field is not None:
        for node in graphs.nodes(session, graph.subject, near):
            label = label_of(node, ready.setting.label_field)
            if label is not None:
                labels[node.id] = label
    arrived = scores.arrivals_of(session, graph.subject.level.value, near)
    return Around(
        looks_tails={node_id: float(one[looks]) for node_id, one in tails.items()},
        labels=labels,
        arrived_s=arrived,
        distances=distances,
        elsewhere=_elsewhere(moments, ready.profile.n_rows),
    )


def _elsewhere(moments: Sequence[Any], n_rows: int) -> float:
    """Return the share of all rows that came at other times than these."""
    if not moments:
        return 1.0
    newest = max(moment.timestamp() for moment in moments)
    n_together = sum(newest - moment.timestamp() <= BURST_S for moment in moments)
    return max(0.0, 1.0 - int(n_together) / max(n_rows + len(moments), 1))


def given_of(batch: Batch, ready: Live) -> Given:
    """Return stored rows as they are judged."""
    return Given(
        texts=[text_of(node) for node in batch.nodes],
        languages=[node.language for node in batch.nodes],
        labels=[label_of(node, ready.setting.label_field) for node in batch.nodes],
        arrived_s=[node.created_at.timestamp() for node in batch.nodes],
        own_ids=[node.id for node in batch.nodes],
        vectors=batch.vectors,
        neighbor_ids=batch.lists.neighbor_ids,
        similarities=batch.lists.similarity,
    )


def scored_of(batch: Batch, ready: Live, judged: Judged) -> Scored:
    """Return judged rows with what decisions say of them."""
    hashes = [node.content_hash for node in batch.nodes]
    return Scored(
        ids=np.array([node.id for node in batch.nodes], dtype=np.int64),
        hashes=hashes,
        values=judged.values,
        tails=judged.tails,
        scores=judged.scores,
        looks=judged.looks,
        n_same=judged.n_same,
        neighbor_ids=batch.lists.neighbor_ids,
        recalled=recall(ready.memory, ready.profile, hashes, judged.bags, batch.vectors),
    )


def _flag(session: Session, subject: Subject, ready: Live, scored: Scored) -> None:
    """Flag those of the rows that stand out, and take back open flags of those that do not."""
    ranks, _, limit = flagging.ranks_of(scored, ready.profile, ready.setting)
    hash_of = dict(zip(scored.ids.tolist(), scored.hashes, strict=True))
    decided = frozenset(
        node_id
        for node_id, judged in flags.decided_nodes(session, ready.row.id, hash_of).items()
        if hash_of[node_id] == judged
    )
    held = flags.open_nodes(session, ready.row.id, hash_of)
    room = flagging.room_for(session, ready.row, ready.setting, n_rows=ready.profile.n_rows)
    chosen = flagging.choose(ranks, limit, scored.ids, decided=decided, held=held, room=room)
    rows = flagging.flag_rows(
        session,
        subject,
        ready.row,
        scored,
        profile=ready.profile,
        setting=ready.setting,
        chosen=chosen,
    )
    kept = [one["node_id"] for one in rows]
    flags.withdraw(session, ready.row.id, among=scored.ids.tolist(), kept=kept)
    new = flags.put_flags(session, rows)
    flagging.tell(session, subject, rows, new)
