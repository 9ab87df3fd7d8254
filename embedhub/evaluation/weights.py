"""Fusion weights learned from judged queries: the work of a run, and what becomes of it.

Every weight of a grid is tried through the search itself, ranking behind fusion included. What is
learned is measured on queries that it was not chosen on, and becomes a variant; it is made live
only if that was asked for and it is better by more than chance.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import find_by_id, find_collection
from embedhub.config import get_config
from embedhub.errors import Conflict
from embedhub.evaluation.evaluations import check_depth
from embedhub.evaluation.inputs import check_split
from embedhub.evaluation.learning import GRID, Learned, learn_weight
from embedhub.evaluation.measuring import Asked, Between, Subject, ask_all, nothing
from embedhub.evaluation.metrics import is_measurable, measure, metric_names
from embedhub.evaluation.queries import judged
from embedhub.evaluation.queries.judged import JudgedRow
from embedhub.evaluation.setting import LIVE, Setting
from embedhub.evaluation.uncertainty import Difference, difference, estimate
from embedhub.evaluation.variants import LEARNED, apply_variant, store
from embedhub.runs.service import RunKind, RunProgress, start_run
from embedhub.search.fusion import DEFAULT_DENSE_WEIGHT

DEFAULT_K = 10
# Better by chance in at most one of so many cases.
SIGNIFICANCE = 0.05
SEED = 20_261_121


def start_learning(
    caller: Caller,
    slug: str,
    *,
    split: str | None = None,
    k: int = DEFAULT_K,
    is_applied_if_better: bool = False,
) -> int:
    """Ask for the weights of a collection to be learned and return the run.

    Raises Conflict while too few queries are judged, InvalidInput naming what is wrong.
    """
    caller.require_writing()
    check_depth(k, k)
    if split is not None:
        check_split(split, "split")
    with db.writing() as session:
        collection = find_collection(session, caller, slug)
        rows = judged.all_judged(session, collection_id=collection.id, split=split)
        check_enough(rows)
        return start_run(
            session,
            workspace_id=caller.workspace_id,
            kind=RunKind.LEARN_WEIGHTS,
            subject=f"collection {collection.id}",
            arguments={
                "collection_id": collection.id,
                "split": split,
                "k": k,
                "is_applied_if_better": is_applied_if_better,
            },
        )


def check_enough(rows: Sequence[JudgedRow]) -> list[JudgedRow]:
    """Return the queries to learn from; raises Conflict if they are too few."""
    measurable = [row for row in rows if is_measurable(row.relevance)]
    wanted = get_config().min_learning_queries
    if len(measurable) < wanted:
        raise Conflict(
            f"learning weights needs {wanted} judged queries with a relevant document:"
            f" there are {len(measurable)}"
        )
    return measurable


def learn_weights(
    progress: RunProgress, arguments: dict[str, Any], *, between: Between = nothing
) -> dict[str, Any]:
    """Learn the dense leg's weight, store it as a variant, and apply it if that was asked for.

    `between` is called between two queries, outside of any transaction.
    """
    k = int(arguments["k"])
    with db.reading() as session:
        collection = find_by_id(session, int(arguments["collection_id"]))
        rows = judged.all_judged(session, collection_id=collection.id, split=arguments["split"])
    chosen = sample(check_enough(rows), get_config().max_learning_queries)
    live_weight = weight_of(collection.ranking)
    settings = [Setting(LIVE), *(weighted(weight) for weight in GRID)]
    caller = Caller.for_workspace(collection.workspace_id)
    subject = Subject(caller, collection.slug, k)
    asked = ask_all(progress, subject, settings, chosen, between=between)
    learned = learn_weight(
        np.array([gains(one, chosen, k) for one in asked[1:]]).T,
        gains(asked[0], chosen, k),
        live_weight,
    )
    compared = difference(learned.held_out, learned.live)
    result = facts_of(learned, compared, live_weight, k)
    name = f"learned {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    setting = Setting(name, ranking={"weights": {"dense": learned.weight}})
    with db.writing() as session:
        # Deleted meanwhile, it has no variants.
        collection = find_by_id(session, collection.id)
        store(session, collection, setting, source=LEARNED, facts=result)
    result |= {"variant": name, "applied": False}
    if arguments["is_applied_if_better"] and is_better(compared, learned, live_weight):
        applied = apply_variant(caller, collection.slug, name)
        result |= {"applied": True, "former": applied.former}
    return result


def sample(rows: Sequence[JudgedRow], at_most: int) -> list[JudgedRow]:
    """Return the queries, or so many of them by chance, the same each time."""
    if len(rows) <= at_most:
        return list(rows)
    places = np.random.default_rng(SEED).choice(len(rows), at_most, replace=False)
    return [rows[place] for place in sorted(places.tolist())]


def weighted(weight: float) -> Setting:
    """Return the live setting with another weight of the dense leg."""
    return Setting(f"dense {weight:g}", ranking={"weights": {"dense": weight}})


def weight_of(ranking: dict[str, Any]) -> float:
    """Return the weight of the dense leg that a collection's ranking says, or the default."""
    weights = ranking.get("weights") or {}
    return float(weights.get("dense", DEFAULT_DENSE_WEIGHT))


def gains(asked: Asked, rows: Sequence[JudgedRow], k: int) -> list[float]:
    """Return nDCG@k of each query, in the queries' order."""
    relevance = {row.external_id: row.relevance for row in rows}
    measured = measure(relevance, asked.rankings, k=k, depth=k)
    leading = metric_names(k, k)[0]
    return [measured[row.external_id][leading] for row in rows]


def is_better(compared: Difference, learned: Learned, live_weight: float) -> bool:
    """Return whether the learned weight beats the live one on unseen queries, beyond chance."""
    is_sure = compared.p_value is not None and compared.p_value < SIGNIFICANCE
    return compared.mean > 0 and is_sure and learned.weight != live_weight


def facts_of(learned: Learned, compared: Difference, live_weight: float, k: int) -> dict[str, Any]:
    """Return what was learned as JSON."""
    return {
        "metric": f"ndcg@{k}",
        "n_queries": len(learned.live),
        "live_weight": live_weight,
        "weight": learned.weight,
        "weights_of_folds": learned.chosen,
        "live": asdict(estimate(learned.live)),
        "held_out": asdict(estimate(learned.held_out)),
        "difference": asdict(compared),
    }
