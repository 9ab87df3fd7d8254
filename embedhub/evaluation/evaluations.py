"""Evaluations: asking for one, its figures, and the history of a collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import find_collection
from embedhub.config import get_config
from embedhub.errors import Conflict, InvalidInput, NotFound, TooLarge
from embedhub.evaluation.inputs import check_split
from embedhub.evaluation.metrics import is_measurable
from embedhub.evaluation.queries import history as queries
from embedhub.evaluation.queries import judged
from embedhub.evaluation.queries.history import EvaluatedRow, EvaluationRow
from embedhub.evaluation.setting import LIVE, check_settings
from embedhub.evaluation.variants import resolve
from embedhub.runs.service import RunKind, RunStatus, start_run

__all__ = [
    "EvaluatedRow",
    "EvaluationView",
    "delete_evaluation",
    "evaluated_queries",
    "forget_old",
    "get_evaluation",
    "list_evaluations",
    "start_evaluation",
]

DEFAULT_K, DEFAULT_DEPTH = 10, 100
NO_QUERIES = (
    "no judged query of this collection has a relevant document: judge some in the admin, import"
    " a set, or harvest feedback"
)


@dataclass(frozen=True, slots=True)
class EvaluationView:
    """An evaluation from the outside.

    `results` has one entry a setting once `status` is succeeded: its `metrics` with their 95 %
    intervals, what was told of its searches, and behind the first one its `comparison` with that.
    """

    id: int
    run_id: int | None
    status: str
    progress: float | None
    error: str | None
    k: int
    depth: int
    split: str | None
    settings: list[dict[str, Any]]
    n_queries: int | None
    n_skipped: int | None
    n_missing: int | None
    results: list[dict[str, Any]]
    created_at: datetime
    finished_at: datetime | None


def start_evaluation(
    caller: Caller,
    slug: str,
    settings: Sequence[Mapping[str, Any]] = ({"name": LIVE},),
    *,
    k: int = DEFAULT_K,
    depth: int = DEFAULT_DEPTH,
    split: str | None = None,
) -> EvaluationView:
    """Ask for settings to be measured side by side; the first is what others are compared to.

    Raises InvalidInput naming what cannot be searched with, Conflict if nothing is judged.
    """
    caller.require_writing()
    check_depth(k, depth)
    if split is not None:
        check_split(split, "split")
    with db.writing() as session:
        collection = find_collection(session, caller, slug)
        resolved = resolve(session, caller, collection, settings)
        check_settings(resolved)
        rows = judged.all_judged(session, collection_id=collection.id, split=split)
        if not any(is_measurable(row.relevance) for row in rows):
            raise Conflict(NO_QUERIES if split is None else f"{NO_QUERIES} (split {split!r})")
        limit = get_config().max_unfinished_evaluations
        if queries.count_unfinished(session, collection.id) >= limit:
            raise Conflict(f"{limit} evaluations of this collection wait already")
        evaluation_id = queries.insert_evaluation(
            session,
            workspace_id=caller.workspace_id,
            collection_id=collection.id,
            k=k,
            depth=depth,
            split=split,
            settings=[setting.as_mapping() for setting in resolved],
        )
        run_id = start_run(
            session,
            workspace_id=caller.workspace_id,
            kind=RunKind.EVALUATE,
            subject=f"collection {collection.id}, evaluation {evaluation_id}",
            arguments={"collection_id": collection.id, "evaluation_id": evaluation_id},
        )
        queries.name_run(session, evaluation_id=evaluation_id, run_id=run_id)
    return get_evaluation(caller, slug, evaluation_id)


def check_depth(k: int, depth: int) -> None:
    """Raise unless measures can end at place k of a list of `depth` hits."""
    deepest = get_config().max_evaluated_depth
    if depth > deepest:
        raise TooLarge(f"at most {deepest} hits a query are looked at", "depth")
    if not 1 <= k <= depth:
        raise InvalidInput("must be from 1 to depth", "k")


def get_evaluation(caller: Caller, slug: str, evaluation_id: int) -> EvaluationView:
    """Return an evaluation; raises NotFound."""
    caller.require_every_document()
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        row = queries.find_evaluation(
            session,
            workspace_id=caller.workspace_id,
            collection_id=collection.id,
            evaluation_id=evaluation_id,
        )
    if row is None:
        raise NotFound("evaluation", evaluation_id)
    return view_of(row)


def list_evaluations(
    caller: Caller, slug: str, *, before: int | None = None, limit: int = 50
) -> list[EvaluationView]:
    """Return the evaluations of a collection, newest first, from the one before `before` on."""
    caller.require_every_document()
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        rows = queries.list_evaluations(
            session,
            workspace_id=caller.workspace_id,
            collection_id=collection.id,
            before=before,
            limit=limit,
        )
    return [view_of(row) for row in rows]


def evaluated_queries(
    caller: Caller, slug: str, evaluation_id: int, *, after: int = 0, limit: int = 100
) -> list[EvaluatedRow]:
    """Return the figures of each query, one a setting, from the one behind number `after` on."""
    get_evaluation(caller, slug, evaluation_id)
    with db.reading() as session:
        return queries.evaluated_queries(
            session,
            workspace_id=caller.workspace_id,
            evaluation_id=evaluation_id,
            after=after,
            limit=limit,
        )


def delete_evaluation(caller: Caller, slug: str, evaluation_id: int) -> None:
    """Delete an evaluation from the history; raises NotFound."""
    caller.require_writing()
    with db.writing() as session:
        collection = find_collection(session, caller, slug)
        if not queries.delete_evaluation(
            session,
            workspace_id=caller.workspace_id,
            collection_id=collection.id,
            evaluation_id=evaluation_id,
        ):
            raise NotFound("evaluation", evaluation_id)


def forget_old() -> int:
    """Delete evaluations older than `evaluation_days`, in batches; return how many."""
    older_than = timedelta(days=get_config().evaluation_days)
    return db.in_batches(
        lambda session, size: queries.delete_old(session, older_than=older_than, limit=size),
        # Each takes the figures of all its queries along.
        size=20,
    )


def view_of(row: EvaluationRow) -> EvaluationView:
    """Return the row as callers see it."""
    is_finished = row.finished_at is not None
    lost = RunStatus.SUCCEEDED if is_finished else RunStatus.FAILED
    return EvaluationView(
        id=row.id,
        run_id=row.run_id,
        status=RunStatus.SUCCEEDED if is_finished else row.status or lost,
        progress=1.0 if is_finished else (row.done or 0) / row.total if row.total else None,
        error=row.error,
        k=row.k,
        depth=row.depth,
        split=row.split,
        settings=row.settings,
        n_queries=row.n_queries,
        n_skipped=row.n_skipped,
        n_missing=row.n_missing,
        results=row.results,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
