"""The work of the run that trains a recommender: read, fit, judge, store, let it answer.

While it computes no transaction is open. Killed at any moment, it leaves a version that nobody
reads, which the next try removes; the live one answers on.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from embedhub import db
from embedhub.catalog.service import content_space
from embedhub.config import get_config
from embedhub.errors import Conflict, NotFound
from embedhub.recommend.interactions import Floats
from embedhub.recommend.queries import versions
from embedhub.recommend.training import Plan, Trained, train
from embedhub.recommend.training_run import gate, publishing, storing
from embedhub.recommend.training_run.artifacts import Artifacts, artifacts_of
from embedhub.recommend.training_run.events import CatalogEvents, read_events
from embedhub.recommend.training_run.queries import publishing as queries
from embedhub.recommend.training_run.queries import storing as storing_queries
from embedhub.recommend.versions import Status
from embedhub.runs.progress import RunProgress, staying_alive
from embedhub.spaces.vectors import read_vectors
from embedhub.tables import RecommenderVersion

# Beyond, texts are no source of scores: their vectors as float64 would not fit beside the rest.
MAX_CONTENT_BYTES = 800_000_000
# Weights that all sources of one kind keep together: what is stored, and read by lists, is bounded.
KEPT_WEIGHTS = 10_000_000
FEWEST_NEIGHBORS = 100
POLL_S = 0.5
# Steps around those of the fits: reading, judging the live version, storing.
BEFORE, AFTER = 1, 2
WORDS = {
    "settings": "trying settings on a hold-out",
    "blend": "learning how much each source counts",
    "fit": "training on all interactions",
    "done": "judging",
}


@dataclass(frozen=True)
class Material:
    """What a catalog gives to train on; `content` are rows of unit length by position, or 0."""

    read: CatalogEvents
    content: Floats | None
    content_space_id: int | None
    read_at: datetime
    weights: dict[str, float]


def train_recommender(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Train a catalog's recommender and let it answer if it is better than what there is.

    Returns the version's number and figures. Raises Conflict with the reason where there is too
    little to learn from, NotFound if the catalog is gone.
    """
    catalog_id = int(arguments["catalog_id"])
    wait_for_turn(progress, catalog_id)
    publishing.give_up_unfinished(catalog_id, origin="trained")
    progress.describe("reading interactions")
    progress.report(0)
    material = read_material(catalog_id)
    plan = plan_for(material.read.events.n_items)
    total = BEFORE + plan.n_steps + AFTER
    started = time.perf_counter()
    with staying_alive(progress):
        trained = fit(progress, material, plan, total)
        fitted_s = time.perf_counter() - started
        metrics, judged = judge(catalog_id, material, trained, plan)
    metrics["fit_s"] = round(fitted_s, 2)
    progress.describe("storing")
    progress.report(total - 1, total)
    artifacts = artifacts_of(trained, material.read.events, facts=facts_of(material))
    columns = columns_of(progress.run_id, material, artifacts, metrics)
    if not judged.is_better:
        row = storing.begin_version(
            catalog_id, **columns, status=Status.REJECTED.value, reason=judged.reason
        )
        return result_of(row, Status.REJECTED, judged.reason, metrics)
    row = storing.begin_version(catalog_id, **columns)
    with staying_alive(progress):
        storing.store_artifacts(row, artifacts, material.read.item_ids.tolist())
    # The last moment to notice that somebody else works on it, or that it shall stop.
    progress.stay_alive()
    status = finish(row, judged.reason, is_published=bool(arguments.get("publish", True)))
    publishing.drop_old(catalog_id)
    return result_of(row, status, judged.reason, metrics)


def wait_for_turn(progress: RunProgress, catalog_id: int) -> None:
    """Return when no earlier training of this catalog is under way; raises as `report` does."""
    while True:
        with db.reading() as session:
            earlier = queries.earlier_training(
                session, run_id=progress.run_id, catalog_id=catalog_id
            )
        if earlier is None:
            return
        progress.describe("waiting", waiting_for=f"run {earlier}, which trains this catalog")
        progress.report(0)
        time.sleep(POLL_S)


def read_material(catalog_id: int) -> Material:
    """Return what there is to train on, as of one moment.

    Raises NotFound if the catalog is gone, Conflict if there is too little.
    """
    with db.reading() as session:
        read_at = datetime.now(UTC)
        catalog = storing_queries.find_catalog(session, catalog_id)
        if catalog is None:
            raise NotFound("catalog", catalog_id)
        weights = dict(catalog.interaction_weights)
        read = read_events(
            session,
            catalog_id=catalog_id,
            weights=weights,
            at_most=get_config().training_max_interactions,
        )
        require_enough(read)
        space = content_space(session, catalog)
        content = None
        if space is not None and read.events.n_items * space.dimension * 8 <= MAX_CONTENT_BYTES:
            owners, rows = read_vectors(session, space, owner_ids=read.item_ids.tolist())
            content = np.zeros((read.events.n_items, space.dimension))
            content[np.searchsorted(read.item_ids, owners)] = rows
        has_content = content is not None and bool(content.any())
    return Material(
        read=read,
        content=content if has_content else None,
        content_space_id=space.id if space is not None and has_content else None,
        read_at=read_at,
        weights=weights,
    )


def require_enough(read: CatalogEvents) -> None:
    """Raise Conflict, saying what is missing, where nothing can be learned."""
    events = read.events
    if events.n_items < 2 or events.n_users < 2:
        raise Conflict(
            "too few interactions to train on: "
            f"{len(events):,} that count, of {events.n_users:,} users with {events.n_items:,} items"
        )


def plan_for(n_items: int) -> Plan:
    """Return what training may choose from: fewer neighbours each, the more items there are."""
    plan = Plan()
    bounded = max(FEWEST_NEIGHBORS, min(plan.neighbors, KEPT_WEIGHTS // max(n_items, 1)))
    return Plan(neighbors=bounded)


def fit(progress: RunProgress, material: Material, plan: Plan, total: int) -> Trained:
    """Return the trained recommender; raises Conflict where events are too few to judge by."""

    def tell(done: int, _: int, phase: str) -> None:
        progress.describe(WORDS.get(phase, phase))
        progress.report(BEFORE + done, total)

    events = material.read.events
    try:
        return train(events, content=material.content, plan=plan, on_progress=tell)
    except ValueError as error:
        if not str(error).startswith("too few events"):
            raise
        raise Conflict(
            f"too few interactions to train on: none of {events.n_users:,} users has one to learn"
            " from and one to be found"
        ) from error


def judge(
    catalog_id: int, material: Material, trained: Trained, plan: Plan
) -> tuple[dict[str, Any], gate.Verdict]:
    """Return the figures of a trained recommender, and whether it may answer."""
    figures = trained.holdout_ndcg
    ndcg, popularity = figures["blend"], figures["popularity"]
    with db.reading() as session:
        live = versions.find_live(session, catalog_id=catalog_id)
    recipe = None if live is None else gate.recipe_of(live.settings)
    live_ndcg = None
    if recipe is not None:
        live_ndcg = gate.judge_recipe(
            recipe, material.read.events, trained.order, plan, material.content
        )
    metrics = {
        "ndcg": ndcg,
        "popularity_ndcg": popularity,
        "live_ndcg": live_ndcg,
        "live_version": None if live is None else live.number,
        "by_source": {name: figure for name, figure in figures.items() if name != "blend"},
        "order": trained.order.value,
    }
    return metrics, gate.verdict(ndcg, popularity, live_ndcg)


def facts_of(material: Material) -> dict[str, Any]:
    """Return what a version's settings say of what it was trained on."""
    return {
        "last_interaction_id": material.read.last_id,
        "interaction_weights": material.weights,
    }


def columns_of(
    run_id: int, material: Material, artifacts: Artifacts, metrics: dict[str, Any]
) -> dict[str, Any]:
    """Return the columns of a version's row."""
    events = material.read.events
    return {
        "run_id": run_id,
        "settings": artifacts.settings,
        "metrics": metrics,
        "n_users": events.n_users,
        "n_items": events.n_items,
        "n_interactions": len(events),
        "trained_through": material.read_at,
        "content_space_id": material.content_space_id,
    }


def finish(row: RecommenderVersion, reason: str, *, is_published: bool) -> Status:
    """Let a stored version answer, or wait for somebody to publish it; return how it stands."""
    with db.writing() as session:
        storing.hold_catalog(session, row.catalog_id)
        storing_queries.update_version(session, row.id, status=Status.READY.value, reason=reason)
        if not is_published:
            return Status.READY
        publishing.make_live(session, row)
        return Status.LIVE


def result_of(
    row: RecommenderVersion, status: Status, reason: str, metrics: dict[str, Any]
) -> dict[str, Any]:
    """Return what the run tells of its end."""
    return {"version": row.number, "status": status.value, "reason": reason, **metrics}
