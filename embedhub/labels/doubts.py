"""Likely label errors: listed, and decided by people, who may take a decision back.

Confirming gives the row the suggested label; undoing that takes it back. What was decided stays
decided when the next training finds the same error.
"""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.graph.service import Owner, Subject
from embedhub.labels.evidence import error_reasons
from embedhub.labels.giving import GivenInput, give_targets, visible_document
from embedhub.labels.queries import errors as queries
from embedhub.labels.queries import given
from embedhub.labels.queries.errors import ErrorRow
from embedhub.labels.rows import rows_of
from embedhub.labels.sets import find_set, hold, who
from embedhub.labels.view import ErrorView, RowView
from embedhub.tables import LabelError, LabelErrorDecision, LabelSet

OPEN, CONFIRMED, DISMISSED = "open", "confirmed", "dismissed"
STATUSES = (OPEN, CONFIRMED, DISMISSED)


def list_errors(
    caller: Caller,
    owner: Owner,
    slug: str,
    name: str,
    *,
    status: str | None = OPEN,
    principals: Sequence[str] | None = None,
    after: tuple[float, int] | None = None,
    limit: int = 50,
) -> tuple[list[ErrorView], tuple[float, int] | None]:
    """Return likely errors that the caller may see, the most likely first, and where they go on."""
    if status is not None and status not in STATUSES:
        raise InvalidInput(f"must be one of {', '.join(STATUSES)}", "status")
    caller = caller.narrowed(principals)
    with db.reading() as session:
        row, subject = find_set(session, caller, owner, slug, name)
        found = queries.list_errors(
            session,
            set_id=row.id,
            visible=visible_document(subject, caller.principals, LabelError),
            status=status,
            after=after,
            limit=limit + 1,
        )
        views = views_of(session, subject, found[:limit])
    is_more = len(found) > limit
    return views, (found[limit - 1].confidence, found[limit - 1].id) if is_more else None


def decide(
    caller: Caller,
    owner: Owner,
    slug: str,
    name: str,
    error_id: int,
    *,
    decision: str,
    label: str | None = None,
    seen: int | None = None,
    by: str | None = None,
) -> ErrorView:
    """Decide about a likely error: `confirmed` gives the suggested label, or `label` instead.

    `open` takes the decision back that stands. Raises NotFound, and Conflict with who and when if
    somebody decided otherwise and `seen` is not the id of that decision.
    """
    caller.require_writing()
    if decision not in STATUSES:
        raise InvalidInput(f"must be one of {', '.join(STATUSES)}", "decision")
    if label is not None and decision != CONFIRMED:
        raise InvalidInput("goes with a confirmed error only", "label")
    with db.writing() as session:
        row, subject = find_set(session, caller, owner, slug, name)
        held = hold(session, row)
        error = queries.hold_error(session, set_id=held.id, error_id=error_id)
        if error is None:
            raise NotFound("label error", error_id)
        before = queries.standing_decision(session, error_id)
        if not _is_same(before, decision, label):
            require_seen(before, seen)
            person = who(caller, by)
            if before is not None:
                take_back(session, before, person)
            if decision != OPEN:
                record(session, held, subject, error, decision, label=label, by=person)
            queries.set_status(session, error_id, decision)
        found = queries.list_errors(
            session,
            set_id=held.id,
            visible=visible_document(subject, None, LabelError),
            status=None,
            after=None,
            limit=1,
            ids=[error_id],
        )
        if not found:
            raise NotFound("label error", error_id)
        return views_of(session, subject, found)[0]


def require_seen(before: LabelErrorDecision | None, seen: int | None) -> None:
    """Raise Conflict, with who and when, for a decision that the caller has not seen."""
    if before is None:
        if seen is not None:
            raise Conflict("the decision that was seen was taken back meanwhile")
        return
    if before.id != seen:
        raise Conflict(
            f"{before.decided_by} decided “{before.decision}” at"
            f" {before.decided_at:%Y-%m-%d %H:%M} UTC: send seen = {before.id} to decide otherwise"
        )


def take_back(session: Session, before: LabelErrorDecision, by: str) -> None:
    """Take a decision back, with the label that it gave."""
    queries.undo_decision(session, before.id, by)
    if before.given_id is not None:
        given.undo_given(session, ids=[before.given_id], by=by)


def record(
    session: Session,
    held: LabelSet,
    subject: Subject,
    error: LabelError,
    decision: str,
    *,
    label: str | None,
    by: str,
) -> None:
    """Write a decision down; a confirmed error's row gets its label."""
    given_id = None
    if decision == CONFIRMED:
        targets = given.held_targets(session, subject.level, [error.node_id])
        if error.node_id not in targets:
            raise NotFound(subject.level.value, error.node_id)
        standing = given.standing_labels(
            session, set_id=held.id, level=subject.level, ids=[error.node_id]
        ).get(error.node_id)
        wanted = label or error.suggested
        outcome = give_targets(
            session,
            held,
            subject,
            [
                (
                    GivenInput(
                        str(error.node_id), wanted, seen=None if standing is None else standing.id
                    ),
                    wanted,
                    targets[error.node_id],
                )
            ],
            by=by,
        )[0]
        given_id = outcome.id if outcome.is_new else None
    queries.insert_decision(
        session,
        workspace_id=held.workspace_id,
        error_id=error.id,
        decision=decision,
        given_id=given_id,
        decided_by=by,
    )


def views_of(session: Session, subject: Subject, found: Sequence[ErrorRow]) -> list[ErrorView]:
    """Return likely errors as callers see them."""
    rows = rows_of(session, subject, [one.node_id for one in found])
    return [
        ErrorView(
            id=one.id,
            row=rows.get(one.node_id) or RowView("", None, "", "", None),
            label=one.label,
            suggested=one.suggested,
            status=one.status,
            reasons=error_reasons(asdict(one)),
            found_at=one.found_at,
            decision_id=one.decision_id,
            decided_by=one.decided_by,
            decided_at=one.decided_at,
        )
        for one in found
    ]


def _is_same(before: LabelErrorDecision | None, decision: str, label: str | None) -> bool:
    if before is None:
        return decision == OPEN
    return before.decision == decision and label is None
