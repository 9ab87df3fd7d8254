"""The SQL of placements: what holds for a list, which items match, rules kept and replaced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    Text,
    and_,
    bindparam,
    delete,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.recommend.rules.rule import Match
from embedhub.tables import Experiment, Item, Placement, PlacementRevision


@dataclass(frozen=True, slots=True)
class Holding:
    """What holds in a placement: its rules, and the experiment that runs there, if one does."""

    rules: list[dict[str, Any]] = field(default_factory=list)
    experiment_id: int | None = None
    variants: list[dict[str, Any]] = field(default_factory=list)
    holdout_share: float = 0.0


# Asked by every list: made once. A placement needs no rules to have an experiment.
RULES = select(Placement.rules).where(
    Placement.catalog_id == bindparam("catalog_id"), Placement.name == bindparam("name")
)
RUNNING = select(Experiment.id, Experiment.variants, Experiment.holdout_share).where(
    Experiment.catalog_id == bindparam("catalog_id"),
    Experiment.placement == bindparam("name"),
    Experiment.status == "running",
)
_rules, _running = RULES.subquery("rules"), RUNNING.subquery("running")
HOLDING = (
    select(_rules.c.rules, _running)
    .select_from(select(true().label("one")).subquery("always"))
    .outerjoin(_rules, true())
    .outerjoin(_running, true())
)


def find_holding(session: Session, *, catalog_id: int, name: str) -> Holding:
    """Return what holds in a placement, nothing for one that nobody set up."""
    row = session.execute(HOLDING, {"catalog_id": catalog_id, "name": name}).one()
    return Holding(row.rules or [], row.id, row.variants or [], row.holdout_share or 0.0)


def matching(
    session: Session,
    *,
    workspace_id: int,
    catalog_id: int,
    of: Mapping[int, Match],
    item_ids: Sequence[int],
) -> dict[int, frozenset[int]]:
    """Return the items among `item_ids` that each match holds for."""
    numbers = list(of)
    statement = select(Item.id, *(_holds(of[number]) for number in numbers)).where(
        Item.workspace_id == workspace_id,
        Item.catalog_id == catalog_id,
        Item.id == func.any(list(item_ids)),
    )
    found: dict[int, list[int]] = {number: [] for number in numbers}
    for ident, *holds in session.execute(statement).tuples():
        for number, is_match in zip(numbers, holds, strict=True):
            if is_match:
                found[number].append(ident)
    return {number: frozenset(ids) for number, ids in found.items()}


def find_placement(session: Session, *, catalog_id: int, name: str) -> Placement | None:
    """Return a placement."""
    statement = select(Placement).where(Placement.catalog_id == catalog_id, Placement.name == name)
    return session.scalars(statement).one_or_none()


def list_placements(
    session: Session, *, catalog_id: int, after: str, limit: int
) -> Sequence[Placement]:
    """Return placements by name, from the one behind `after` on."""
    statement = (
        select(Placement)
        .where(Placement.catalog_id == catalog_id, Placement.name > after)
        .order_by(Placement.name)
        .limit(limit)
    )
    return session.scalars(statement).all()


def count_placements(session: Session, catalog_id: int) -> int:
    """Return how many placements of a catalog have rules."""
    statement = select(func.count()).where(Placement.catalog_id == catalog_id)
    return session.scalars(statement).one()


def insert_placement(session: Session, **columns: object) -> Placement | None:
    """Insert a placement and return it; None if there is one of its name."""
    statement = insert(Placement).values(**columns).on_conflict_do_nothing().returning(Placement)
    return session.scalars(statement).one_or_none()


def hold_placement(session: Session, *, catalog_id: int, name: str) -> Placement | None:
    """Return a placement that nobody else changes before the transaction ends."""
    statement = (
        select(Placement)
        .where(Placement.catalog_id == catalog_id, Placement.name == name)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one_or_none()


def keep_revision(session: Session, placement: Placement) -> None:
    """Keep the rules that a held placement has now."""
    session.execute(
        insert(PlacementRevision).values(
            placement_id=placement.id,
            revision=placement.revision,
            workspace_id=placement.workspace_id,
            rules=placement.rules,
            changed_at=placement.changed_at,
            changed_by=placement.changed_by,
        )
    )


def replace_rules(
    session: Session, placement: Placement, rules: Sequence[Mapping[str, Any]], *, by: str
) -> Placement:
    """Give a held placement other rules, its next revision, and return it."""
    statement = (
        update(Placement)
        .where(Placement.id == placement.id)
        .values(
            rules=list(rules),
            revision=Placement.revision + 1,
            changed_at=func.now(),
            changed_by=by,
        )
        .returning(Placement)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one()


def forget_revisions(session: Session, placement: Placement, *, kept: int) -> None:
    """Delete the oldest revisions of a placement beyond so many."""
    session.execute(
        delete(PlacementRevision).where(
            PlacementRevision.placement_id == placement.id,
            PlacementRevision.revision < placement.revision - kept,
        )
    )


def list_revisions(session: Session, *, placement_id: int) -> Sequence[PlacementRevision]:
    """Return the rules that a placement had before, the latest first."""
    statement = (
        select(PlacementRevision)
        .where(PlacementRevision.placement_id == placement_id)
        .order_by(PlacementRevision.revision.desc())
    )
    return session.scalars(statement).all()


def find_revision(
    session: Session, *, placement_id: int, revision: int
) -> PlacementRevision | None:
    """Return rules that a placement had before."""
    return session.get(PlacementRevision, (placement_id, revision))


def delete_placement(session: Session, *, catalog_id: int, name: str) -> Placement | None:
    """Delete a placement with its revisions, and return it as it was; None if there is none."""
    statement = (
        delete(Placement)
        .where(Placement.catalog_id == catalog_id, Placement.name == name)
        .returning(Placement)
    )
    return session.scalars(statement).one_or_none()


def _holds(match: Match) -> Any:
    """Return whether a row of items matches."""
    holds = match.filter.predicate(Item.index_attributes)
    if not match.categories:
        return holds
    names = literal(list(match.categories), ARRAY(Text))
    return and_(holds, Item.categories.op("&&", return_type=Boolean())(names))
