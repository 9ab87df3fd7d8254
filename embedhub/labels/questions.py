"""Which rows people are asked to label next: a few that teach most, one of each kind."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.errors import InvalidInput
from embedhub.graph.service import (
    GraphView,
    Owner,
    Subject,
    live_graph,
    neighbor_lists,
    node_ids,
    vectors,
    visible,
    visible_among,
)
from embedhub.labels.asking import clusters_of, one_of_each
from embedhub.labels.evidence import prediction_view, question_reasons
from embedhub.labels.material import labels_of_rows
from embedhub.labels.predicting import mean_similarity
from embedhub.labels.queries import predictions as queries
from embedhub.labels.rows import rows_of
from embedhub.labels.sets import find_set
from embedhub.labels.view import AskedView
from embedhub.tables import LabelSet, Prediction

MAX_ASKED = 100
# Of so many times as many rows those are chosen that are unlike each other.
CANDIDATES = 10
FEWEST_CANDIDATES = 200
# Where a field has labels, so many predictions are looked through for rows without one.
LOOKED_THROUGH = 5_000
# Without a classifier, so many rows are looked at, spread over all.
LOOKED_AT = 2_000
PAGES = 8


def queue(
    caller: Caller,
    owner: Owner,
    slug: str,
    name: str,
    *,
    principals: Sequence[str] | None = None,
    limit: int = 20,
) -> list[AskedView]:
    """Return rows without a label that are worth one, the most instructive of each kind first.

    Before there is a classifier: rows that are like many others. Raises InvalidInput for more
    than `MAX_ASKED`.
    """
    if not 1 <= limit <= MAX_ASKED:
        raise InvalidInput(f"must be from 1 to {MAX_ASKED}", "limit")
    caller = caller.narrowed(principals)
    wanted = max(CANDIDATES * limit, FEWEST_CANDIDATES)
    with db.reading() as session:
        row, subject = find_set(session, caller, owner, slug, name)
        graph = live_graph(session, subject)
        found = queries.unlabelled_candidates(
            session,
            set_id=row.id,
            level=subject.level,
            visible=visible(subject, caller.principals, Prediction.node_id),
            limit=wanted if row.field is None else LOOKED_THROUGH,
        )
        labelled = labels_of_rows(session, row, subject, [node_id for node_id, _ in found])
        scores = dict([one for one in found if one[0] not in labelled][:wanted])
        if not scores:
            scores = cold_start(session, row, subject, graph, caller.principals)
        ids = sorted(scores)
        groups = np.zeros(len(ids), np.int64)
        if graph is not None and ids:
            groups = groups_of(session, graph, ids, limit)
        places = one_of_each(np.array([scores[one] for one in ids]), groups, limit)
        chosen = [ids[place] for place in places]
        cluster = dict(zip(ids, groups.tolist(), strict=True))
        rows = rows_of(session, subject, chosen)
        predicted = queries.find_predictions(session, set_id=row.id, ids=chosen)
    return [
        AskedView(
            row=rows[one],
            prediction=None if one not in predicted else prediction_view(None, predicted[one]),
            cluster=cluster[one],
            reasons=question_reasons(predicted.get(one), scores[one]),
        )
        for one in chosen
        if one in rows
    ]


def groups_of(session: Session, graph: GraphView, ids: Sequence[int], n: int) -> Any:
    """Return the cluster of each row; one without a vector is a cluster of its own."""
    found = vectors(session, graph, ids)
    clusters = clusters_of(found.matrix, n) if len(found.ids) else np.empty(0, np.int64)
    groups = np.arange(len(ids)) + n
    groups[np.searchsorted(np.array(ids), found.ids)] = clusters
    return groups


def cold_start(
    session: Session,
    row: LabelSet,
    subject: Subject,
    graph: GraphView | None,
    principals: Sequence[str] | None,
) -> dict[int, float]:
    """Return rows without a label and how much they are like others, before anything predicts."""
    ids = spread_ids(session, subject)
    labelled = labels_of_rows(session, row, subject, ids)
    seen = visible_among(session, subject, principals, ids)
    open_ids = [one for one in ids if one not in labelled and one in seen]
    if graph is None:
        return dict.fromkeys(open_ids, 0.0)
    lists = neighbor_lists(session, graph, open_ids)
    density = dict(zip(lists.ids.tolist(), mean_similarity(lists).tolist(), strict=True))
    return {one: density.get(one, 0.0) for one in open_ids}


def spread_ids(session: Session, subject: Subject) -> list[int]:
    """Return rows from some places of all: the first ones are of one kind too often."""
    first = node_ids(session, subject, after=0, limit=1)
    if not first:
        return []
    last = queries.last_node(session, subject)
    step = max((last - first[0]) // PAGES, 1)
    found: set[int] = set()
    for page in range(PAGES):
        after = first[0] - 1 + page * step
        found.update(node_ids(session, subject, after=after, limit=LOOKED_AT // PAGES))
    return sorted(found)
