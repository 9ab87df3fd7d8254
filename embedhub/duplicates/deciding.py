"""What people decide about pairs: rows of their own, taken back by rows, never overwritten."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from embedhub.catalog.hiding import set_hidden
from embedhub.duplicates.queries import decisions as queries
from embedhub.duplicates.queries import pairs
from embedhub.duplicates.reclustering import recluster
from embedhub.duplicates.subjects import subjects_of
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.graph import service as graphs
from embedhub.graph.service import Level, Subject
from embedhub.search.ranking.hiding import hide_document, show_document
from embedhub.tables import DuplicateDecision, DuplicatePair, DuplicateSet

MAX_NOTE_CHARS = 500


class Action(StrEnum):
    """What is said about two rows; all but the last two say that they are duplicates."""

    LINK = "link"  # both stay as they are
    HIDE = "hide"  # one is taken out of searches and lists
    MERGE = "merge"  # so, and the other one stands for the cluster whatever its policy
    NOT_DUPLICATE = "not_duplicate"  # they never meet in a cluster again
    UNDO = "undo"  # what holds is taken back


HIDING = (Action.HIDE, Action.MERGE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A decision as asked for.

    `keep` is the external id of the row that stays, for hiding and merging; None lets the row
    that stands for the cluster, else the older one, stay. `seen` is the decision that whoever
    decides has seen to hold, None for none.
    """

    action: Action
    keep: str | None = None
    note: str = ""
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A decision; `holds` until it is taken back, `undoes` the one that it takes back."""

    id: int
    action: str
    keep: str | None
    hidden: str | None
    note: str
    decided_by: str
    decided_at: datetime
    holds: bool
    undoes: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """A pair with its held set, its rows' subjects and how decisions name the rows."""

    found: DuplicateSet
    pair: DuplicatePair
    subjects: tuple[Subject, Subject]
    keys: tuple[str, str]

    @property
    def is_swapped(self) -> bool:
        """Say whether decisions name the right row first: of one set the lower key is the left."""
        return self.found.other_collection_id is None and self.keys[0] > self.keys[1]

    @property
    def stored_keys(self) -> tuple[str, str]:
        """Return the keys as decisions have them."""
        left, right = self.keys
        return (right, left) if self.is_swapped else (left, right)


def place_of(
    session: Session, found: DuplicateSet, pair: DuplicatePair, sets: tuple[int, int]
) -> Place:
    """Return a pair of a held set with its rows' names; NotFound if one of the rows is gone.

    `sets` are those that have the rows' fingerprints.
    """
    subjects = subjects_of(found)
    names = [
        queries.keys_of(session, subject, set_id, [node_id]).get(node_id)
        for subject, set_id, node_id in zip(
            subjects, sets, (pair.left_id, pair.right_id), strict=True
        )
    ]
    if names[0] is None or names[1] is None:
        raise NotFound("duplicate pair", pair.id)
    return Place(found, pair, subjects, (names[0], names[1]))


def decide(session: Session, place: Place, wanted: Wanted, *, by: str) -> DecisionView:
    """Write down a decision, or that one is taken back, with all that follows from it.

    Raises Conflict, saying who decided what and when, if something holds that `wanted.seen` does
    not name; InvalidInput for hiding passages or rows of two collections.
    """
    if len(wanted.note) > MAX_NOTE_CHARS:
        raise InvalidInput(f"must have at most {MAX_NOTE_CHARS} characters", "note")
    holding = queries.in_force(session, place.found.id, *place.stored_keys)
    _refuse_unseen(holding, wanted)
    if wanted.action is Action.UNDO:
        if holding is None:
            raise Conflict("nothing is decided about this pair")
        made = _take_back(session, place, holding, by=by)
    else:
        if holding is not None:
            _take_back(session, place, holding, by=by)
        made = _decide(session, place, wanted, by=by)
    _renew_clusters(session, place)
    return view_of(made)


def _refuse_unseen(holding: DuplicateDecision | None, wanted: Wanted) -> None:
    if holding is None or holding.id == wanted.seen:
        return
    if wanted.action is Action.UNDO and wanted.seen is None:
        return
    when = f"{holding.decided_at:%Y-%m-%d %H:%M} UTC"
    raise Conflict(
        f"{holding.decided_by} decided {holding.action!r} on {when};"
        f" send seen = {holding.id} to decide otherwise"
    )


def _decide(session: Session, place: Place, wanted: Wanted, *, by: str) -> DuplicateDecision:
    keep = hidden = None
    hiding_id = None
    if wanted.action in HIDING:
        keep, hidden = _kept_and_hidden(session, place, wanted)
        hiding_id = _hide(session, place, hidden, wanted.note, by=by)
    left, right = place.stored_keys
    made = queries.insert_decision(
        session,
        workspace_id=place.found.workspace_id,
        set_id=place.found.id,
        left_key=left,
        right_key=right,
        action=wanted.action.value,
        keep_key=keep if wanted.action is Action.MERGE else None,
        hidden_external_id=hidden,
        hiding_id=hiding_id,
        score=place.pair.score,
        note=wanted.note,
        decided_by=by,
    )
    if made is None:
        raise Conflict("somebody else has just decided about this pair")
    status = "dismissed" if wanted.action is Action.NOT_DUPLICATE else "confirmed"
    _set_status(session, place, status)
    return made


def _take_back(
    session: Session, place: Place, holding: DuplicateDecision, *, by: str
) -> DuplicateDecision:
    queries.mark_undone(session, holding.id, by=by)
    if holding.hidden_external_id is not None:
        _show(session, place, holding, by=by)
    reverse = queries.insert_decision(
        session,
        workspace_id=place.found.workspace_id,
        set_id=place.found.id,
        left_key=holding.left_key,
        right_key=holding.right_key,
        action=Action.UNDO.value,
        undoes_id=holding.id,
        decided_by=by,
    )
    if reverse is None:
        raise Conflict("somebody else has just decided about this pair")
    _set_status(session, place, "open")
    return reverse


def _set_status(session: Session, place: Place, status: str) -> None:
    pairs.set_status(session, place.found.id, [(place.pair.left_id, place.pair.right_id)], status)


def _kept_and_hidden(session: Session, place: Place, wanted: Wanted) -> tuple[str, str]:
    if place.subjects[0].level is Level.CHUNK:
        raise InvalidInput("passages are not hidden: decide about their documents", "action")
    if place.found.other_collection_id is not None:
        raise InvalidInput("rows of two collections are linked, or not", "action")
    left, right = place.keys
    keep = wanted.keep
    if keep is None:
        chosen = queries.canonical_among(
            session, place.found.id, [place.pair.left_id, place.pair.right_id]
        )
        keep = right if chosen == place.pair.right_id else left
    if keep not in place.keys:
        raise InvalidInput("must be the external id of one of the two", "keep")
    return keep, right if keep == left else left


def _hide(session: Session, place: Place, external_id: str, note: str, *, by: str) -> int | None:
    """Take a row out of searches; return what does, None if it was out of them already."""
    subject = place.subjects[0]
    if subject.collection_id is not None:
        return hide_document(
            session,
            workspace_id=subject.workspace_id,
            collection_id=subject.collection_id,
            external_id=external_id,
            note=note or "duplicate",
            by=by,
        ) or queries.hiding_of(session, place.found.id, external_id)
    if subject.catalog_id is None:
        return None
    was_shown = set_hidden(
        session, catalog_id=subject.catalog_id, external_id=external_id, is_hidden=True
    )
    # An item has no curation: 0 says that this decision, or one before it, hid it.
    return 0 if was_shown else queries.hiding_of(session, place.found.id, external_id)


def _show(session: Session, place: Place, holding: DuplicateDecision, *, by: str) -> None:
    """Let a row be found again, unless another decision hides it, or it was hidden before."""
    subject, external_id = place.subjects[0], holding.hidden_external_id
    if external_id is None or holding.hiding_id is None:
        return
    if queries.is_hidden_by_others(session, place.found.id, external_id, besides=holding.id):
        return
    if subject.collection_id is not None:
        show_document(
            session, collection_id=subject.collection_id, curation_id=holding.hiding_id, by=by
        )
    elif subject.catalog_id is not None:
        set_hidden(session, catalog_id=subject.catalog_id, external_id=external_id, is_hidden=False)


def _renew_clusters(session: Session, place: Place) -> None:
    # Two collections have no clusters: their pairs are what was asked for.
    if place.found.other_collection_id is None:
        ids = [place.pair.left_id, place.pair.right_id]
        recluster(session, place.found, place.subjects[0], ids)


def may_see(
    session: Session, place_subjects: tuple[Subject, Subject], pair: DuplicatePair,
    principals: Sequence[str] | None,
) -> bool:  # fmt: skip
    """Say whether somebody may see both rows of a pair."""
    return all(
        graphs.visible_among(session, subject, principals, [node_id])
        for subject, node_id in zip(place_subjects, (pair.left_id, pair.right_id), strict=True)
    )


def view_of(row: DuplicateDecision) -> DecisionView:
    """Return a decision as it is shown."""
    return DecisionView(
        id=row.id,
        action=row.action,
        keep=row.keep_key,
        hidden=row.hidden_external_id,
        note=row.note,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        holds=row.undone_at is None and row.action != Action.UNDO,
        undoes=row.undoes_id,
    )
