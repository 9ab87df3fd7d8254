"""The work of the run that trains a recommender: read, fit, judge, store, let it answer.

While it computes no transaction is open. Killed at any moment, it leaves a version that nobody
reads, which the next try removes; the live one answers on.
"""

import time
from dataclasses import asdict
from typing import Any

from embedhub import db
from embedhub.errors import Conflict
from embedhub.numpy_threads import blas_threads
from embedhub.recommend.interactions import Integers
from embedhub.recommend.training import Plan, Trained, train
from embedhub.recommend.training_run import gate, publishing, storing
from embedhub.recommend.training_run.artifacts import artifacts_of
from embedhub.recommend.training_run.fitted import Fitted
from embedhub.recommend.training_run.live import judge_live
from embedhub.recommend.training_run.material import (
    Material,
    plan_for,
    read_material,
    threads_for,
)
from embedhub.recommend.training_run.queries import publishing as queries
from embedhub.recommend.training_run.queries import storing as storing_queries
from embedhub.recommend.training_run.supplied_work import fit_supplied
from embedhub.recommend.training_run.view import FLAGGED, shown_metrics
from embedhub.recommend.versions import Status
from embedhub.runs.progress import RunProgress, staying_alive
from embedhub.tables import RecommenderVersion

POLL_S = 0.5
SHOWN_FLAGS = 20
# Steps around those of the fits: reading, judging the live version, storing.
BEFORE, AFTER = 1, 2
WORDS = {
    "settings": "trying settings on a hold-out",
    "blend": "learning how much each source counts",
    "fit": "training on all interactions",
    "done": "judging the live version",
}


def train_recommender(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Train a catalog's recommender and let it answer if it is better than what there is.

    With a `version_id`, that version's supplied vectors are judged instead. Returns the version's
    number and figures. Raises Conflict with the reason where there is too little to learn from,
    NotFound if the catalog is gone.
    """
    catalog_id, version_id = int(arguments["catalog_id"]), arguments.get("version_id")
    wait_for_turn(progress, catalog_id)
    started = time.perf_counter()
    with staying_alive(progress):
        if version_id is None:
            publishing.give_up_unfinished(catalog_id)
            fitted = fit(progress, catalog_id)
        else:
            fitted = fit_supplied(progress, catalog_id, int(version_id))
    fitted.metrics["fit_s"] = round(time.perf_counter() - started, 2)
    verdict = fitted.verdict
    if not verdict.is_better:
        status, row = Status.REJECTED, reject(progress.run_id, catalog_id, fitted)
    else:
        row = store(progress, catalog_id, fitted)
        # The last moment to notice that somebody else works on it, or that it shall stop.
        progress.stay_alive()
        status = finish(row, verdict.reason, is_published=bool(arguments.get("publish", True)))
        publishing.drop_old(catalog_id)
    return {
        "version": row.number,
        "status": status.value,
        "reason": verdict.reason,
        **shown_metrics(fitted.metrics),
    }


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


def fit(progress: RunProgress, catalog_id: int) -> Fitted:
    """Return a recommender trained on a catalog's interactions, with its figures and verdict."""
    progress.describe("reading interactions")
    progress.report(0)
    material = read_material(catalog_id)
    plan = plan_for(material.read.events.n_items)
    with blas_threads(threads_for(material.read.events.n_items)):
        trained = train_on(progress, material, plan)
        live = judge_live(catalog_id, material, trained.order, plan)
    figures = trained.holdout_ndcg
    metrics = {
        "ndcg": figures["blend"],
        "popularity_ndcg": figures["popularity"],
        "live_ndcg": live.ndcg,
        "live_version": live.number,
        "by_source": {name: figure for name, figure in figures.items() if name != "blend"},
        "order": trained.order.value,
        **flags_of(material, trained.flagged_users),
    }
    total = BEFORE + plan.n_steps + AFTER
    progress.describe("storing")
    progress.report(total - 1, total)
    facts = {"order": trained.order.value, "chosen": asdict(trained.chosen), **material.facts}
    return Fitted(
        row=None,
        material=material,
        artifacts=artifacts_of(trained.recommender, material.read.events, facts=facts),
        metrics=metrics,
        verdict=gate.verdict(figures["blend"], figures["popularity"], live.figure),
    )


def flags_of(material: Material, flagged: Integers) -> dict[str, Any]:
    """Return how many users act faster than people do, and some of them.

    By our ids: of a user who is deleted nothing is left then.
    """
    ids = material.read.user_ids[flagged[:SHOWN_FLAGS]].tolist()
    return {"n_flagged_users": len(flagged), FLAGGED: ids}


def train_on(progress: RunProgress, material: Material, plan: Plan) -> Trained:
    """Return the trained recommender; raises Conflict where events are too few to judge by."""
    total = BEFORE + plan.n_steps + AFTER

    def tell(done: int, _: int, phase: str) -> None:
        progress.describe(WORDS.get(phase, phase))
        progress.report(BEFORE + done, total)

    given = material.read.events
    try:
        return train(given, content=material.content, plan=plan, on_progress=tell)
    except ValueError as error:
        if not str(error).startswith("too few events"):
            raise
        raise Conflict(
            f"too few interactions to train on: none of {given.n_users:,} users has one to learn"
            " from and one to be found"
        ) from error


def reject(run_id: int, catalog_id: int, fitted: Fitted) -> RecommenderVersion:
    """Keep the figures of a version that is not better than what there is; return its row."""
    columns = fitted.columns | {"reason": fitted.verdict.reason, "status": Status.REJECTED.value}
    if fitted.row is None:
        return storing.begin_version(catalog_id, run_id=run_id, **columns)
    with db.writing() as session:
        storing_queries.update_version(session, fitted.row.id, **columns)
    publishing.remove_stored(fitted.row)
    return fitted.row


def store(progress: RunProgress, catalog_id: int, fitted: Fitted) -> RecommenderVersion:
    """Store a version, which nobody reads before it is whole; return its row."""
    row = fitted.row
    if row is None:
        row = storing.begin_version(catalog_id, run_id=progress.run_id, **fitted.columns)
    else:
        # What an earlier try of this run has stored.
        publishing.remove_rows(row)
        with db.writing() as session:
            storing_queries.update_version(session, row.id, **fitted.columns)
    with staying_alive(progress):
        item_ids = fitted.material.read.item_ids.tolist()
        storing.store_artifacts(row, fitted.artifacts, item_ids)
    return row


def finish(row: RecommenderVersion, reason: str, *, is_published: bool) -> Status:
    """Let a stored version answer, or wait for somebody to publish it; return how it stands."""
    with db.writing() as session:
        storing.hold_catalog(session, row.catalog_id)
        storing_queries.update_version(session, row.id, status=Status.READY.value, reason=reason)
        if not is_published:
            return Status.READY
        publishing.make_live(session, row)
        return Status.LIVE
