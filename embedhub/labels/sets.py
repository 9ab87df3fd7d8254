"""Label sets: made, changed, looked at and removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.errors import Conflict, NotFound
from embedhub.graph.service import Level, Owner, Subject, subject_of
from embedhub.labels import checks, setting
from embedhub.labels.queries import classifiers, errors, given, predictions
from embedhub.labels.queries import sets as queries
from embedhub.labels.view import LabelSetView, SetState, classifier_view, set_view
from embedhub.runs.service import RunKind, unfinished_run
from embedhub.tables import LabelSet

DELETED_AT_ONCE = 5_000
# Rows looked at for fields that could hold labels.
FIELD_ROWS = 1_000
FIELDS_TOLD = 20


@dataclass(frozen=True, slots=True)
class SetInput:
    """A label set that is wished for."""

    name: str
    source: str = "given"
    field: str | None = None
    level: str | None = None
    labels: Sequence[Mapping[str, str]] = ()
    setting: Mapping[str, Any] | None = None


def create_set(
    caller: Caller, owner: Owner, slug: str, wanted: SetInput, *, by: str | None = None
) -> LabelSetView:
    """Make a label set; Conflict if its owner has one of this name, else InvalidInput.

    `by` names the member of staff who does it.
    """
    caller.require_writing()
    checks.check_name(wanted.name)
    checks.check_source(wanted.source, wanted.field)
    labels = checks.checked_labels(wanted.labels)
    with db.writing() as session:
        subject = subject_of(session, caller, owner, slug, wanted.level)
        most = get_config().max_label_sets
        if queries.count_sets(session, subject) >= most:
            raise Conflict(f"there are {most:,} label sets already, which is the most")
        row = queries.insert_set(
            session,
            workspace_id=subject.workspace_id,
            collection_id=subject.collection_id,
            catalog_id=subject.catalog_id,
            level=subject.level.value,
            name=wanted.name,
            source=wanted.source,
            field=wanted.field,
            labels=labels,
            setting=setting.changed({}, wanted.setting or {}),
            created_by=who(caller, by),
        )
        if row is None:
            raise Conflict(f"there is already a label set {wanted.name!r}")
        return set_view(row)


def list_sets(
    caller: Caller, owner: Owner, slug: str, *, after: int = 0, limit: int = 100
) -> list[tuple[int, LabelSetView]]:
    """Return the label sets of an owner with their ids, from the one behind `after` on."""
    with db.reading() as session:
        subject = subject_of(session, caller, owner, slug)
        rows = queries.list_sets(session, subject, after=after, limit=limit)
        return [(row.id, set_view(row)) for row in rows]


def describe_set(caller: Caller, owner: Owner, slug: str, name: str) -> SetState:
    """Return a label set with its counts; Forbidden for a caller bound to principals."""
    caller.require_every_document()
    with db.reading() as session:
        row, subject = find_set(session, caller, owner, slug, name)
        return state_of(session, row, subject)


def update_set(
    caller: Caller, owner: Owner, slug: str, name: str, wished: Mapping[str, Any]
) -> LabelSetView:
    """Change the labels, the field or the setting of a set; what is left out stays."""
    caller.require_writing()
    with db.writing() as session:
        row, _ = find_set(session, caller, owner, slug, name)
        held = hold(session, row)
        columns: dict[str, Any] = {}
        if "field" in wished:
            checks.check_source(held.source, wished["field"])
            columns["field"] = wished["field"]
        if "labels" in wished:
            columns["labels"] = checks.checked_labels(wished["labels"])
        if "setting" in wished:
            columns["setting"] = setting.changed(held.setting, wished["setting"])
        if columns:
            queries.update_set(session, held.id, **columns)
            session.refresh(held)
        return set_view(held)


def delete_set(caller: Caller, owner: Owner, slug: str, name: str) -> LabelSetView:
    """Remove a label set with its labels, classifiers and predictions; return what it was."""
    caller.require_writing()
    with db.reading() as session:
        row, _ = find_set(session, caller, owner, slug, name)
    # What there is much of goes first, a batch a transaction.
    db.in_batches(
        lambda session, size: predictions.delete_some(session, set_id=row.id, limit=size),
        size=DELETED_AT_ONCE,
    )
    with db.writing() as session:
        queries.delete_set(session, row.id)
    return set_view(row)


def find_set(
    session: Session, caller: Caller, owner: Owner, slug: str, name: str
) -> tuple[LabelSet, Subject]:
    """Return a set with the rows it is about; NotFound as `subject_of` raises it."""
    subject = subject_of(session, caller, owner, slug)
    row = queries.find_set(session, subject, name)
    if row is None:
        raise NotFound("label set", name)
    return row, replace(subject, level=Level(row.level))


def hold(session: Session, row: LabelSet) -> LabelSet:
    """Return a set, held until the transaction ends; NotFound if it is gone meanwhile."""
    held = queries.hold_set(session, row.id)
    if held is None:
        raise NotFound("label set", row.name)
    return held


def state_of(session: Session, row: LabelSet, subject: Subject) -> SetState:
    """Return how a set stands."""
    live = classifiers.find_live(session, row.id)
    by_label = given.count_given(session, set_id=row.id, level=subject.level)
    n_predicted, n_rejected = predictions.count_predictions(session, row.id)
    named = {label: n for label, n in by_label.items() if label is not None}
    return SetState(
        set=set_view(row),
        live=None if live is None else classifier_view(live),
        run_id=unfinished_run(session, kinds=[RunKind.TRAIN_LABELS], subject=run_subject(row)),
        n_given=sum(named.values()),
        n_fitting_none=by_label.get(None, 0),
        given_by_label=dict(sorted(named.items(), key=lambda one: (-one[1], one[0]))),
        n_predicted=n_predicted,
        n_rejected=n_rejected,
        n_open_errors=errors.count_errors(session, row.id).get("open", 0),
    )


def run_subject(row: LabelSet) -> str:
    """Return what the trainings of a set name as their subject."""
    return f"label set {row.id}"


def filled_fields(caller: Caller, owner: Owner, slug: str) -> list[tuple[str, int]]:
    """Return fields that could hold labels, with how many of some rows have them."""
    caller.require_every_document()
    with db.reading() as session:
        subject = subject_of(session, caller, owner, slug)
        found = queries.filled_fields(session, subject, rows=FIELD_ROWS, limit=FIELDS_TOLD)
        return list(found.items())


def who(caller: Caller, by: str | None) -> str:
    """Return who decides, in words: the member of staff named, or the key."""
    return by or (f"API key {caller.key_id}" if caller.key_id else "command line")
