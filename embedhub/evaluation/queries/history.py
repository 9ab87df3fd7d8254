"""The SQL of evaluations: what was measured, of which settings, and what came out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, Select, delete, func, insert, select, update
from sqlalchemy.orm import Session

from embedhub.runs.kinds import UNFINISHED
from embedhub.tables import EvaluatedQuery, Evaluation, Run


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """An evaluation with how its run stands; `status` is None when the run's row is gone."""

    id: int
    collection_id: int
    run_id: int | None
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
    status: str | None
    error: str | None
    done: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class EvaluatedRow:
    """What each setting reached for one query."""

    number: int
    external_id: str
    query: str
    n_relevant: int
    figures: dict[str, list[float]]


def insert_evaluation(session: Session, **columns: Any) -> int:
    """Insert an evaluation that is still to be carried out and return its id."""
    return session.scalars(insert(Evaluation).values(**columns).returning(Evaluation.id)).one()


def name_run(session: Session, *, evaluation_id: int, run_id: int) -> None:
    """Write which run carries an evaluation out."""
    session.execute(update(Evaluation).where(Evaluation.id == evaluation_id).values(run_id=run_id))


def find_evaluation(
    session: Session, *, workspace_id: int, collection_id: int, evaluation_id: int
) -> EvaluationRow | None:
    """Return one evaluation of a collection of this workspace."""
    statement = _rows(workspace_id, collection_id).where(Evaluation.id == evaluation_id)
    row = session.execute(statement).one_or_none()
    return None if row is None else EvaluationRow(*row)


def list_evaluations(
    session: Session, *, workspace_id: int, collection_id: int, before: int | None, limit: int
) -> list[EvaluationRow]:
    """Return the evaluations of a collection, newest first."""
    statement = _rows(workspace_id, collection_id).order_by(Evaluation.id.desc())
    if before is not None:
        statement = statement.where(Evaluation.id < before)
    return [EvaluationRow(*row) for row in session.execute(statement.limit(limit))]


def _rows(workspace_id: int, collection_id: int) -> Select[Any]:
    return (
        select(
            Evaluation.id,
            Evaluation.collection_id,
            Evaluation.run_id,
            Evaluation.k,
            Evaluation.depth,
            Evaluation.split,
            Evaluation.settings,
            Evaluation.n_queries,
            Evaluation.n_skipped,
            Evaluation.n_missing,
            Evaluation.results,
            Evaluation.created_at,
            Evaluation.finished_at,
            Run.status,
            Run.error,
            Run.done,
            Run.total,
        )
        .outerjoin(Run, Run.id == Evaluation.run_id)
        .where(Evaluation.workspace_id == workspace_id, Evaluation.collection_id == collection_id)
    )


def count_unfinished(session: Session, collection_id: int) -> int:
    """Return how many evaluations of a collection wait or are under way."""
    statement = (
        select(func.count())
        .select_from(Evaluation)
        .join(Run, Run.id == Evaluation.run_id)
        .where(Evaluation.collection_id == collection_id, Run.status.in_(UNFINISHED))
    )
    return session.scalars(statement).one()


def finish_evaluation(
    session: Session, evaluation_id: int, rows: Sequence[Mapping[str, Any]], **columns: Any
) -> bool:
    """Write what came out, query by query too; False if the evaluation was deleted meanwhile."""
    statement = (
        update(Evaluation)
        .where(Evaluation.id == evaluation_id)
        .values(finished_at=func.now(), **columns)
        .returning(Evaluation.id)
    )
    if session.scalars(statement).one_or_none() is None:
        return False
    # A run that was taken over writes them a second time.
    session.execute(delete(EvaluatedQuery).where(EvaluatedQuery.evaluation_id == evaluation_id))
    if rows:
        session.execute(insert(EvaluatedQuery), list(rows))
    return True


def evaluated_queries(
    session: Session, *, workspace_id: int, evaluation_id: int, after: int, limit: int
) -> list[EvaluatedRow]:
    """Return what an evaluation of this workspace found out about each query, by number."""
    statement = (
        select(
            EvaluatedQuery.number,
            EvaluatedQuery.external_id,
            EvaluatedQuery.query,
            EvaluatedQuery.n_relevant,
            EvaluatedQuery.figures,
        )
        .join(Evaluation, Evaluation.id == EvaluatedQuery.evaluation_id)
        .where(
            Evaluation.workspace_id == workspace_id,
            Evaluation.id == evaluation_id,
            EvaluatedQuery.number > after,
        )
        .order_by(EvaluatedQuery.number)
        .limit(limit)
    )
    return [EvaluatedRow(*row) for row in session.execute(statement)]


def delete_evaluation(
    session: Session, *, workspace_id: int, collection_id: int, evaluation_id: int
) -> bool:
    """Delete an evaluation; False if there is none."""
    result = session.execute(
        delete(Evaluation).where(
            Evaluation.id == evaluation_id,
            Evaluation.workspace_id == workspace_id,
            Evaluation.collection_id == collection_id,
        )
    )
    return isinstance(result, CursorResult) and result.rowcount > 0


def delete_old(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Delete up to `limit` evaluations older than this; return how many."""
    old = select(Evaluation.id).where(Evaluation.created_at < func.now() - older_than).limit(limit)
    result = session.execute(delete(Evaluation).where(Evaluation.id.in_(old)))
    return result.rowcount if isinstance(result, CursorResult) else 0
