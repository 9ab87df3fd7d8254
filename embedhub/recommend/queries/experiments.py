"""The SQL of experiments: set up, started, stopped."""

from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.tables import Experiment


def insert_experiment(session: Session, **columns: object) -> Experiment | None:
    """Insert an experiment and return it; None if there is one of its name."""
    statement = insert(Experiment).values(**columns).on_conflict_do_nothing().returning(Experiment)
    return session.scalars(statement).one_or_none()


def count_experiments(session: Session, catalog_id: int) -> int:
    """Return how many experiments a catalog has, old ones too."""
    statement = select(func.count()).where(Experiment.catalog_id == catalog_id)
    return session.scalars(statement).one()


def find_experiment(session: Session, *, catalog_id: int, name: str) -> Experiment | None:
    """Return an experiment."""
    statement = select(Experiment).where(
        Experiment.catalog_id == catalog_id, Experiment.name == name
    )
    return session.scalars(statement).one_or_none()


def hold_experiment(session: Session, *, catalog_id: int, name: str) -> Experiment | None:
    """Return an experiment that nobody else changes before the transaction ends."""
    statement = (
        select(Experiment)
        .where(Experiment.catalog_id == catalog_id, Experiment.name == name)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one_or_none()


def find_running(session: Session, *, catalog_id: int, placement: str) -> Experiment | None:
    """Return the experiment that runs in a placement."""
    statement = select(Experiment).where(
        Experiment.catalog_id == catalog_id,
        Experiment.placement == placement,
        Experiment.status == "running",
    )
    return session.scalars(statement).one_or_none()


def list_experiments(
    session: Session, *, catalog_id: int, before: int | None, limit: int
) -> Sequence[Experiment]:
    """Return experiments, the latest first, from the one before an id on."""
    statement = select(Experiment).where(Experiment.catalog_id == catalog_id)
    if before is not None:
        statement = statement.where(Experiment.id < before)
    return session.scalars(statement.order_by(Experiment.id.desc()).limit(limit)).all()


def update_experiment(session: Session, experiment: Experiment, **columns: object) -> Experiment:
    """Change a held experiment and return it."""
    statement = (
        update(Experiment)
        .where(Experiment.id == experiment.id)
        .values(**columns)
        .returning(Experiment)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one()


def set_running(session: Session, experiment: Experiment) -> Experiment:
    """Start a held experiment and return it."""
    return update_experiment(session, experiment, status="running", started_at=func.now())


def set_stopped(session: Session, experiment: Experiment) -> Experiment:
    """Stop a held experiment and return it."""
    return update_experiment(session, experiment, status="stopped", stopped_at=func.now())


def delete_experiment(session: Session, experiment: Experiment) -> None:
    """Delete a held experiment."""
    session.execute(delete(Experiment).where(Experiment.id == experiment.id))
