"""Labels that people give rows, and take back.

Every act is a row that stays; of those not taken back the latest holds. Who gives another label
than somebody did before is told, unless they say that they have seen it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.errors import Conflict, InvalidInput, NotFound, TooLarge
from embedhub.graph.service import Level, Owner, Subject, visible
from embedhub.labels import checks
from embedhub.labels.queries import given as queries
from embedhub.labels.queries.given import Standing, Target
from embedhub.labels.sets import find_set, hold, who
from embedhub.labels.view import GivenView
from embedhub.tables import GivenLabel, LabelSet


@dataclass(frozen=True, slots=True)
class GivenInput:
    """A label for a row; None says that none fits. A passage is named by its position too.

    `seen` is the id of the label that the row has, where another one shall take its place.
    """

    external_id: str
    label: str | None
    position: int | None = None
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class GivenOutcome:
    """What became of one: `id` to take it back by, and the label that the row had before."""

    external_id: str
    id: int
    label: str | None
    is_new: bool


def give(
    caller: Caller,
    owner: Owner,
    slug: str,
    name: str,
    inputs: Sequence[GivenInput],
    *,
    by: str | None = None,
) -> list[GivenOutcome]:
    """Store labels of rows: all of them, or none.

    Raises InvalidInput or NotFound naming the row, and Conflict with who and when if somebody gave
    it another label that the caller has not seen.
    """
    caller.require_writing()
    require_few(len(inputs), "labels")
    labels = [
        None if one.label is None else checks.check_label(one.label, f"labels.{place}.label")
        for place, one in enumerate(inputs)
    ]
    with db.writing() as session:
        row, subject = find_set(session, caller, owner, slug, name)
        held = hold(session, row)
        found = _targets(session, subject, inputs)
        return give_targets(
            session,
            held,
            subject,
            [
                (one, label, target)
                for one, label, target in zip(inputs, labels, found, strict=True)
            ],
            by=who(caller, by),
        )


def give_targets(
    session: Session,
    held: LabelSet,
    subject: Subject,
    wanted: Sequence[tuple[GivenInput, str | None, Target]],
    *,
    by: str,
) -> list[GivenOutcome]:
    """Do the same for rows of a held set in the caller's transaction."""
    ids = [target.node_id for _, _, target in wanted]
    standing = queries.standing_labels(session, set_id=held.id, level=subject.level, ids=ids)
    require_known(held, [label for _, label, _ in wanted])
    new: list[dict[str, Any]] = []
    places: dict[int, int] = {}
    for place, (one, label, target) in enumerate(wanted):
        before = standing.get(target.node_id)
        if before is not None and before.label == label:
            continue
        if before is not None and one.seen != before.id:
            raise Conflict(_told(one, before))
        if before is None and one.seen is not None:
            raise Conflict(
                f"labels.{place}: {one.external_id!r} no longer has the label that was seen"
            )
        places[place] = len(new)
        new.append(
            {
                "workspace_id": held.workspace_id,
                "set_id": held.id,
                "document_id": target.document_id,
                "item_id": target.item_id,
                "node_id": target.node_id,
                "input_hash": target.input_hash,
                "label": label,
                "given_by": by,
            }
        )
    given_ids = queries.insert_given(session, new)
    return [
        GivenOutcome(
            one.external_id,
            given_ids[places[place]] if place in places else standing[target.node_id].id,
            label,
            is_new=place in places,
        )
        for place, (one, label, target) in enumerate(wanted)
    ]


def undo(
    caller: Caller,
    owner: Owner,
    slug: str,
    name: str,
    ids: Sequence[int],
    *,
    by: str | None = None,
) -> list[int]:
    """Take labels back, all or none, and return which were not taken back before.

    What somebody gave the row before holds again. Raises NotFound for an id of no label here.
    """
    caller.require_writing()
    require_few(len(ids), "ids")
    with db.writing() as session:
        row, _ = find_set(session, caller, owner, slug, name)
        held = hold(session, row)
        found = queries.find_given(session, set_id=held.id, ids=ids)
        for ident in ids:
            if ident not in found:
                raise NotFound("given label", ident)
        return queries.undo_given(session, ids=ids, by=who(caller, by))


def list_given(
    caller: Caller,
    owner: Owner,
    slug: str,
    name: str,
    *,
    before: int | None = None,
    limit: int = 50,
) -> list[GivenView]:
    """Return who labelled what, the latest first; of rows that the caller may see."""
    with db.reading() as session:
        row, subject = find_set(session, caller, owner, slug, name)
        rows = queries.list_given(
            session,
            set_id=row.id,
            before=before,
            limit=limit,
            visible=visible_document(subject, caller.principals, GivenLabel),
        )
    return [
        GivenView(
            id=one.id,
            external_id=one.external_id,
            label=one.label,
            given_by=one.given_by,
            given_at=one.given_at,
            undone_by=one.undone_by,
            undone_at=one.undone_at,
        )
        for one in rows
    ]


def visible_document(subject: Subject, principals: Sequence[str] | None, table: Any) -> Any:
    """Return the condition that somebody may see the document, or item, of a table's row.

    For what outlives a passage: the next version of its document has others.
    """
    if subject.level is Level.ITEM:
        return visible(subject, principals, table.item_id)
    return visible(replace(subject, level=Level.DOCUMENT), principals, table.document_id)


def require_few(n: int, field: str) -> None:
    """Raise InvalidInput or TooLarge for nothing, or more than one request may hold."""
    most = get_config().max_given_labels
    if not n:
        raise InvalidInput("must not be empty", field)
    if n > most:
        raise TooLarge(f"{n:,} in one request; at most {most:,} are accepted", field)


def require_known(held: LabelSet, labels: Sequence[str | None]) -> None:
    """Raise InvalidInput for a label that the set does not list, if it lists any."""
    known = {one["name"] for one in held.labels}
    if not known or held.source == "field":
        return
    for place, label in enumerate(labels):
        if label is not None and label not in known:
            raise InvalidInput(
                f"the set has no label {label!r}: add it to the set first", f"labels.{place}.label"
            )


def _targets(session: Session, subject: Subject, inputs: Sequence[GivenInput]) -> list[Target]:
    external_ids = list(dict.fromkeys(one.external_id for one in inputs))
    there = queries.targets(session, subject, external_ids)
    found = []
    seen: set[int] = set()
    for place, one in enumerate(inputs):
        if subject.level is Level.CHUNK and one.position is None:
            raise InvalidInput("say which passage of the document", f"labels.{place}.position")
        target = there.get((one.external_id, one.position or 0))
        if target is None:
            raise NotFound(subject.level.value, one.external_id)
        if target.node_id in seen:
            raise InvalidInput(f"row {one.external_id!r} is there twice", f"labels.{place}")
        seen.add(target.node_id)
        found.append(target)
    return found


def _told(one: GivenInput, before: Standing) -> str:
    label = "none of the labels" if before.label is None else repr(before.label)
    return (
        f"{before.given_by} gave {one.external_id!r} {label} at"
        f" {before.given_at:%Y-%m-%d %H:%M} UTC: send seen = {before.id} to change it"
    )
