"""Checks indexes in the background: what a caller's search gets against exact search.

Each search is checked in a transaction of its own, so that no snapshot is held for longer than one
comparison takes. Both lists come from the same snapshot, the index's through the very function
that answers callers.
"""

import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg.errors import QueryCanceled
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.config import get_config
from embedhub.errors import HubError
from embedhub.search.filters import parse_filter
from embedhub.search.legs import dense_leg
from embedhub.search.queries import dense
from embedhub.search.queries import recall as queries
from embedhub.search.queries.recall import Target
from embedhub.search.queries.restriction import Restriction
from embedhub.search.queries.target import expired_documents
from embedhub.search.recall.filters import make_filter
from embedhub.search.recall.measures import FilterClass, K, Tally, class_of_share, recall_of
from embedhub.tables import Collection, Space

logger = logging.getLogger(__name__)

# Searches that one visit of a class checks, half of them as callers asked if they did.
SEARCHES_A_VISIT = 10
TARGETS_A_TICK = 100
# Rows whose metadata says which filters keep how much.
SAMPLED_ROWS = 2_000
MAX_PAUSE_S = 0.25

Tallies = defaultdict[FilterClass, Tally]


@dataclass(slots=True)
class Budget:
    """What one tick may still spend."""

    rows: int
    deadline: float
    should_stop: Callable[[], bool]

    @property
    def seconds(self) -> float:
        """Return the seconds left."""
        return self.deadline - time.monotonic()

    @property
    def is_spent(self) -> bool:
        """Return whether the tick has to end, whatever is left to check."""
        return self.rows <= 0 or self.seconds <= 0 or self.should_stop()

    def affords(self, rows: int) -> bool:
        """Return whether so many more vectors may be compared."""
        return not self.is_spent and rows <= self.rows


@dataclass(frozen=True, slots=True)
class Probe:
    """One search to check; `owner_id` is the row whose own vector is asked with, if it is one."""

    vector: NDArray[np.float32]
    filter: Mapping[str, Any] = field(default_factory=dict)
    principals: tuple[str, ...] | None = None
    owner_id: int | None = None


def sample_recall(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Check some searches of the indexes that were not checked for longest; return how many.

    Compares at most `recall_rows` vectors within `recall_seconds`, and ends early when asked to.
    Spaces with more rows than that are not checked.
    """
    config = get_config()
    budget = Budget(config.recall_rows, time.monotonic() + config.recall_seconds, should_stop)
    with db.reading() as session:
        classes = [one.value for one in FilterClass]
        targets = queries.due_targets(session, classes=classes, limit=TARGETS_A_TICK)
    n_checked = 0
    for target in targets:
        if budget.is_spent:
            break
        tallies: Tallies = defaultdict(Tally)
        try:
            _visit(target, budget, tallies)
        except OutOfBudget:
            # It is the first one of the next tick.
            break
        except DBAPIError as error:
            if not isinstance(error.orig, QueryCanceled):
                logger.exception("index not checked", extra={"space_id": target.space_id})
        # An entry in any case: what cannot be checked must not keep the others waiting.
        tallies.setdefault(FilterClass(target.filter_class), Tally())
        _store(target.space_id, tallies)
        n_checked += sum(len(tally.recalls) for tally in tallies.values())
    return n_checked


class OutOfBudget(Exception):
    """What is left of a tick is not enough for a target that a whole tick is enough for."""


def _visit(target: Target, budget: Budget, tallies: Tallies) -> None:
    """Check searches of one class, into `tallies`; raises OutOfBudget if not even one fits."""
    wanted = FilterClass(target.filter_class)
    with db.reading() as session:
        queries.be_modest(session, budget.seconds)
        found = queries.indexed_space(session, target.space_id)
        if found is None:
            return
        n_rows = dense.rows_by_statistics(session, found[0].shelf_id)
        if n_rows > get_config().recall_rows:
            return
        if not budget.affords(n_rows):
            raise OutOfBudget
        probes = _probes(session, *found, wanted=wanted, n_rows=n_rows)
    for probe in probes:
        if not budget.affords(n_rows):
            return
        budget.rows -= n_rows
        started = time.monotonic()
        if not _check(target.space_id, probe, budget, tallies):
            return
        # A core is taken for half of the time at most.
        time.sleep(max(0.0, min(MAX_PAUSE_S, time.monotonic() - started, budget.seconds)))


def _probes(
    session: Session, space: Space, collection: Collection, *, wanted: FilterClass, n_rows: int
) -> list[Probe]:
    """Return searches to check: of callers as they asked, and of stored vectors."""
    is_filtered = wanted is not FilterClass.NONE
    asked = queries.asked_vectors(
        session, space_id=space.id, is_filtered=is_filtered, limit=SEARCHES_A_VISIT // 2
    )
    probes = [Probe(one.vector, one.filter, one.principals) for one in asked]
    made: Mapping[str, Any] | None = {}
    if is_filtered:
        sample = queries.sample_attributes(session, space=space, n_rows=n_rows, limit=SAMPLED_ROWS)
        made = make_filter(sample, collection.filterable, wanted, random.SystemRandom())
    if made is not None:
        stored = queries.sample_vectors(
            session, space=space, n_rows=n_rows, limit=SEARCHES_A_VISIT - len(probes)
        )
        # Between those of callers, so that a small budget has some of both.
        probes += [Probe(vector, made, owner_id=owner_id) for owner_id, vector in stored]
        random.shuffle(probes)
    return probes


def _check(space_id: int, probe: Probe, budget: Budget, tallies: Tallies) -> bool:
    """Check one search, into the tally of what its filter keeps; False if the space is gone."""
    started = time.monotonic()
    with db.reading() as session:
        queries.be_modest(session, budget.seconds)
        found = queries.indexed_space(session, space_id)
        if found is None:
            return False
        space, collection = found
        try:
            restriction = _restriction(session, collection, probe)
        except HubError:
            # Its field was declared with another type since.
            return True
        leg = dense_leg(
            session,
            space=space,
            vector=probe.vector,
            restriction=restriction,
            limit=get_config().candidate_pool,
        )
        true = dense.dense_exact(
            session, space=space, query=probe.vector, restriction=restriction, limit=K + 1
        )
        n_rows = dense.rows_by_statistics(session, space.shelf_id)
        kept = _class_of(session, space, probe, restriction, n_rows)
    recall = recall_of(
        [one for one in leg.candidates if one.chunk_id != probe.owner_id],
        [one for one in true if one.chunk_id != probe.owner_id],
    )
    if recall is not None:
        tally = tallies[kept]
        tally.recalls.append(recall)
        tally.plans[leg.report.plan] += 1
        tally.n_asked += probe.owner_id is None
        tally.n_incomplete += not leg.report.complete
        tally.rows_compared += n_rows
        tally.took_ms += (time.monotonic() - started) * 1000
    return True


def _restriction(session: Session, collection: Collection, probe: Probe) -> Restriction:
    expired = expired_documents(session, collection_id=collection.id)
    asked = parse_filter(dict(probe.filter), collection.filterable)
    return Restriction(asked, probe.principals, expired)


def _class_of(
    session: Session, space: Space, probe: Probe, restriction: Restriction, n_rows: int
) -> FilterClass:
    if not probe.filter and probe.principals is None:
        return FilterClass.NONE
    n_kept = queries.count_kept(session, space=space, restriction=restriction)
    return class_of_share(min(1.0, n_kept / max(1, n_rows)))


def _store(space_id: int, tallies: Tallies) -> None:
    rows = [
        {
            "filter_class": filter_class.value,
            "n_queries": len(tally.recalls),
            "n_asked": tally.n_asked,
            "n_incomplete": tally.n_incomplete,
            "recall": tally.recall,
            "lowest": tally.lowest,
            "plans": dict(tally.plans),
            "rows_compared": tally.rows_compared,
            "took_ms": tally.took_ms,
        }
        for filter_class, tally in tallies.items()
    ]
    with db.writing() as session:
        queries.insert_samples(session, space_id=space_id, rows=rows)
