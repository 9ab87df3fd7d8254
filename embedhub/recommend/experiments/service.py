"""Experiments: what a caller may rely on.

An experiment is set up, runs once, and stays stopped: its figures are of one time and one setting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.service import find_catalog
from embedhub.config import get_config
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.recommend.experiments.variant import Variant, read_variants
from embedhub.recommend.queries import experiments as queries
from embedhub.recommend.queries import versions
from embedhub.recommend.rules.service import check_name, who
from embedhub.search.ranking import values
from embedhub.tables import Catalog, Experiment

MAX_NOTE_CHARS = 2_000
MAX_HOLDOUT = 0.9
# of a version: it has all that lists are made from
ANSWERING = ("ready", "live", "retired")


class Status(StrEnum):
    """The life of an experiment."""

    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ExperimentInput:
    """An experiment as asked for; the first of its variants is what others are compared with."""

    name: str
    placement: str
    variants: Sequence[Mapping[str, Any]]
    holdout_share: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class ExperimentView:
    """An experiment; `variants` as they were sent."""

    id: int
    name: str
    placement: str
    status: Status
    variants: list[dict[str, Any]]
    holdout_share: float
    note: str
    created_at: datetime
    created_by: str
    started_at: datetime | None
    stopped_at: datetime | None


def create_experiment(
    caller: Caller, slug: str, wanted: ExperimentInput, *, by: str | None = None
) -> ExperimentView:
    """Set up an experiment, which does nothing until it is started.

    Raises InvalidInput or TooLarge naming the part, Conflict if the name is taken.
    """
    caller.require_writing()
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        columns = _columns(session, catalog, wanted)
        limit = get_config().max_experiments
        if queries.count_experiments(session, catalog.id) >= limit:
            raise Conflict(f"a catalog has at most {limit} experiments: delete old ones")
        row = queries.insert_experiment(
            session,
            workspace_id=catalog.workspace_id,
            catalog_id=catalog.id,
            created_by=who(caller, by),
            **columns,
        )
        if row is None:
            raise Conflict(f"there is already an experiment {wanted.name!r}")
        return _view(row)


def replace_experiment(caller: Caller, slug: str, wanted: ExperimentInput) -> ExperimentView:
    """Change an experiment that was not started; raises Conflict afterwards, NotFound."""
    caller.require_writing()
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        columns = _columns(session, catalog, wanted)
        row = _held(session, catalog, wanted.name)
        if row.status != Status.DRAFT:
            raise Conflict("it was started: people already have their variants")
        return _view(queries.update_experiment(session, row, **columns))


def start_experiment(caller: Caller, slug: str, name: str) -> ExperimentView:
    """Give people their variants from the next list on; one that runs already stays so.

    Raises Conflict for one that was stopped, and if another runs in its placement.
    """
    caller.require_writing()
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        row = _held(session, catalog, name)
        if row.status == Status.STOPPED:
            raise Conflict("it was stopped: its figures stand, set up another one")
        if row.status == Status.RUNNING:
            return _view(row)
        # What was allowed when it was set up may be gone by now.
        _check(session, catalog, read_variants(row.variants, catalog.filterable))
        db.take_turn(session, db.Turn.CATALOG, catalog.id)
        other = queries.find_running(session, catalog_id=catalog.id, placement=row.placement)
        if other is not None:
            raise Conflict(f"experiment {other.name!r} runs in this placement: stop it first")
        return _view(queries.set_running(session, row))


def stop_experiment(caller: Caller, slug: str, name: str) -> ExperimentView:
    """Let everybody have the placement's lists again; one that was stopped already stays so.

    Raises Conflict for one that was never started.
    """
    caller.require_writing()
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        row = _held(session, catalog, name)
        if row.status == Status.DRAFT:
            raise Conflict("it was not started")
        return _view(row if row.status == Status.STOPPED else queries.set_stopped(session, row))


def delete_experiment(caller: Caller, slug: str, name: str) -> ExperimentView:
    """Delete an experiment that does not run, and return it; what was shown and clicked stays."""
    caller.require_writing()
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        row = _held(session, catalog, name)
        if row.status == Status.RUNNING:
            raise Conflict("it runs: stop it first")
        view = _view(row)
        queries.delete_experiment(session, row)
        return view


def get_experiment(caller: Caller, slug: str, name: str) -> ExperimentView:
    """Return an experiment; raises NotFound."""
    with db.reading() as session:
        return _view(find(session, find_catalog(session, caller, slug), name))


def list_experiments(
    caller: Caller, slug: str, *, before: int | None = None, limit: int = 100
) -> list[ExperimentView]:
    """Return experiments, the latest first, from the one before id `before` on."""
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        rows = queries.list_experiments(session, catalog_id=catalog.id, before=before, limit=limit)
        return [_view(row) for row in rows]


def find(session: Session, catalog: Catalog, name: str) -> Experiment:
    """Return the row of an experiment; raises NotFound."""
    row = queries.find_experiment(session, catalog_id=catalog.id, name=name)
    if row is None:
        raise NotFound("experiment", name)
    return row


def _columns(session: Session, catalog: Catalog, wanted: ExperimentInput) -> dict[str, Any]:
    """Return the columns of what is asked for, checked."""
    check_name(wanted.name)
    check_name(wanted.placement, "placement")
    _check(session, catalog, read_variants(wanted.variants, catalog.filterable))
    values.number(wanted.holdout_share, "holdout_share", lowest=0, highest=MAX_HOLDOUT)
    if wanted.note:
        values.text(wanted.note, "note", MAX_NOTE_CHARS)
    return {
        "name": wanted.name,
        "placement": wanted.placement,
        "variants": list(wanted.variants),
        "holdout_share": float(wanted.holdout_share),
        "note": wanted.note,
    }


def _check(session: Session, catalog: Catalog, variants: Sequence[Variant]) -> None:
    """Raise InvalidInput for a version that cannot answer."""
    for place, variant in enumerate(variants):
        if variant.version is None:
            continue
        row = versions.find_version(session, catalog_id=catalog.id, number=variant.version)
        if row is None or row.status not in ANSWERING:
            raise InvalidInput(
                f"no version {variant.version} that could answer", f"variants.{place}.version"
            )


def _held(session: Session, catalog: Catalog, name: str) -> Experiment:
    row = queries.hold_experiment(session, catalog_id=catalog.id, name=name)
    if row is None:
        raise NotFound("experiment", name)
    return row


def _view(row: Experiment) -> ExperimentView:
    return ExperimentView(
        id=row.id,
        name=row.name,
        placement=row.placement,
        status=Status(row.status),
        variants=row.variants,
        holdout_share=row.holdout_share,
        note=row.note,
        created_at=row.created_at,
        created_by=row.created_by,
        started_at=row.started_at,
        stopped_at=row.stopped_at,
    )
