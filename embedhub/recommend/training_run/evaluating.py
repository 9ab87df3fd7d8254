"""Offline evaluation of a catalog's own data as a run: nothing is stored but the figures.

A fifth of each user's interactions is hidden, the latest where times mean something; a recommender
is trained on the rest as any training would, and its lists are looked at for what was hidden.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.service import find_catalog
from embedhub.errors import Conflict, InvalidInput
from embedhub.numpy_threads import blas_threads
from embedhub.recommend.holdout import Order, order_of
from embedhub.recommend.offline import Measured, measure_lengths, measure_sources
from embedhub.recommend.protocols import first_in_time, random_per_user
from embedhub.recommend.training import train
from embedhub.recommend.training_run.material import plan_for, read_material, threads_for
from embedhub.runs.progress import RunProgress, staying_alive
from embedhub.runs.service import RunKind, start_run

MAX_K = 100
# Steps beside those of the training: reading, measuring.
AROUND = 2
TOO_FEW = "too few interactions to hide some and learn from the others"


def start_evaluation(caller: Caller, slug: str, *, order: str | None = None, k: int = 10) -> int:
    """Ask for an offline evaluation of a catalog and return its run, whose result are the figures.

    `order` is time or random, None as the times tell. Raises InvalidInput for another one.
    """
    caller.require_writing()
    if order is not None and order not in list(Order):
        raise InvalidInput(f"must be one of {', '.join(Order)}", "order")
    if not 1 <= k <= MAX_K:
        raise InvalidInput(f"must be from 1 to {MAX_K}", "k")
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        return start_run(
            session,
            workspace_id=catalog.workspace_id,
            kind=RunKind.EVALUATE_RECOMMENDER,
            subject=f"catalog {catalog.id}",
            arguments={"catalog_id": catalog.id, "order": order, "k": k},
        )


def evaluate_recommender(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of each source and of the blend, and of it by length of history.

    Raises Conflict with the reason where there is too little to hide and to learn from.
    """
    progress.describe("reading interactions")
    progress.report(0)
    material = read_material(int(arguments["catalog_id"]))
    events, k = material.read.events, int(arguments.get("k", 10))
    order = Order(arguments["order"]) if arguments.get("order") else order_of(events)
    split = first_in_time(events) if order is Order.TIME else random_per_user(events)
    plan = plan_for(events.n_items)
    total = plan.n_steps + AROUND

    def tell(done: int, _: int, phase: str) -> None:
        progress.describe(f"{phase}, on what was not hidden")
        progress.report(1 + done, total)

    with staying_alive(progress), blas_threads(threads_for(events.n_items)):
        try:
            trained = train(
                split.train, order=order, content=material.content, plan=plan, on_progress=tell
            )
        except ValueError as error:
            raise Conflict(TOO_FEW) from error
        progress.describe("measuring lists")
        progress.report(total - 1, total)
        sources = measure_sources(trained, split, k=k)
        if not sources[-1].metrics.users:
            raise Conflict(TOO_FEW)
        lengths = measure_lengths(trained, split, k=k)
    return {
        "order": order.value,
        "k": k,
        "n_hidden": len(split.test),
        "half_life": trained.recommender.half_life,
        "sources": as_rows(sources),
        "lengths": as_rows(lengths),
    }


def as_rows(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """Return figures as JSON."""
    return [
        {"name": one.name, **asdict(one.metrics), "diversity": one.diversity} for one in measured
    ]
