"""The SQL of likely label errors, and of what people decided about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import REAL, ColumnElement, cast, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from embedhub.tables import LabelError, LabelErrorDecision


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """A likely error, with the decision that holds, if there is one."""

    id: int
    node_id: int
    label: str
    suggested: str
    confidence: float
    suggested_probability: float
    status: str
    found_at: datetime
    decision_id: int | None
    decided_by: str | None
    decided_at: datetime | None


def put_errors(session: Session, set_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store what a training found; what was decided before stays, open ones found no more go."""
    kept = []
    if rows:
        statement = upsert(LabelError)
        statement = statement.on_conflict_do_update(
            index_elements=["set_id", "node_id", "label"],
            set_={
                name: getattr(statement.excluded, name)
                for name in ("suggested", "confidence", "suggested_probability")
            },
        )
        kept = list(session.scalars(statement.returning(LabelError.id), list(rows)))
    session.execute(
        delete(LabelError).where(
            LabelError.set_id == set_id,
            LabelError.status == "open",
            LabelError.id.not_in(kept),
        )
    )


def list_errors(
    session: Session,
    *,
    set_id: int,
    visible: ColumnElement[bool],
    status: str | None,
    after: tuple[float, int] | None,
    limit: int,
    ids: Sequence[int] | None = None,
) -> list[ErrorRow]:
    """Return likely errors that `visible` allows, the label least believed in first."""
    decision = (
        select(LabelErrorDecision)
        .where(LabelErrorDecision.error_id == LabelError.id, LabelErrorDecision.undone_at.is_(None))
        .order_by(LabelErrorDecision.id.desc())
        .limit(1)
        .lateral("decision")
    )
    statement = (
        select(
            LabelError.id,
            LabelError.node_id,
            LabelError.label,
            LabelError.suggested,
            LabelError.confidence,
            LabelError.suggested_probability,
            LabelError.status,
            LabelError.found_at,
            decision.c.id.label("decision_id"),
            decision.c.decided_by,
            decision.c.decided_at,
        )
        .outerjoin(decision, decision.c.error_id == LabelError.id)
        .where(LabelError.set_id == set_id, visible)
        .order_by(LabelError.confidence, LabelError.id)
        .limit(limit)
    )
    if ids is not None:
        statement = statement.where(LabelError.id.in_(ids))
    if status is not None:
        statement = statement.where(LabelError.status == status)
    if after is not None:
        # As stored: of single precision.
        confidence, error_id = cast(after[0], REAL), after[1]
        statement = statement.where(
            or_(
                LabelError.confidence > confidence,
                (LabelError.confidence == confidence) & (LabelError.id > error_id),
            )
        )
    return [ErrorRow(**row._mapping) for row in session.execute(statement)]


def count_errors(session: Session, set_id: int) -> dict[str, int]:
    """Return how many likely errors there are by status."""
    statement = (
        select(LabelError.status, func.count().label("n"))
        .where(LabelError.set_id == set_id)
        .group_by(LabelError.status)
    )
    return {row.status: row.n for row in session.execute(statement)}


def hold_error(session: Session, *, set_id: int, error_id: int) -> LabelError | None:
    """Return a likely error, held: one at a time decides about it."""
    statement = (
        select(LabelError)
        .where(LabelError.set_id == set_id, LabelError.id == error_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one_or_none()


def standing_decision(session: Session, error_id: int) -> LabelErrorDecision | None:
    """Return the decision that holds."""
    statement = (
        select(LabelErrorDecision)
        .where(LabelErrorDecision.error_id == error_id, LabelErrorDecision.undone_at.is_(None))
        .order_by(LabelErrorDecision.id.desc())
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def insert_decision(session: Session, **columns: Any) -> int:
    """Insert a decision and return its id."""
    statement = insert(LabelErrorDecision).values(**columns).returning(LabelErrorDecision.id)
    return session.scalars(statement).one()


def undo_decision(session: Session, decision_id: int, by: str) -> None:
    """Take a decision back."""
    session.execute(
        update(LabelErrorDecision)
        .where(LabelErrorDecision.id == decision_id)
        .values(undone_at=func.now(), undone_by=by)
    )


def set_status(session: Session, error_id: int, status: str) -> None:
    """Say how an error stands."""
    session.execute(update(LabelError).where(LabelError.id == error_id).values(status=status))
