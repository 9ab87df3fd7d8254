"""Training recommenders: what a caller may rely on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.service import find_catalog
from embedhub.errors import NotFound
from embedhub.recommend.queries import versions as queries
from embedhub.recommend.training_run import setting
from embedhub.recommend.training_run.publishing import publish_version
from embedhub.recommend.training_run.queries import events, storing
from embedhub.recommend.training_run.setting import TrainingSetting, setting_of
from embedhub.recommend.training_run.view import FLAGGED, VersionView, view_of
from embedhub.runs.service import RunKind, start_run, unfinished_run
from embedhub.tables import Catalog

__all__ = [
    "TrainingView",
    "VersionView",
    "change_training",
    "describe_training",
    "get_version",
    "list_versions",
    "publish_version",
    "start_training",
]


@dataclass(frozen=True, slots=True)
class TrainingView:
    """When a catalog is trained by itself, the version that answers and the run at work."""

    setting: TrainingSetting
    live: VersionView | None
    run_id: int | None


def start_training(caller: Caller, slug: str, *, publish: bool = True) -> int:
    """Ask for a training of a catalog and return its run: one under way already, or a new one.

    Without `publish` a version that is better than what there is waits until it is published.
    """
    caller.require_writing()
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        return start_run(
            session,
            workspace_id=catalog.workspace_id,
            kind=RunKind.TRAIN_RECOMMENDER,
            subject=subject_of(catalog.id),
            arguments={"catalog_id": catalog.id, "publish": publish},
        )


def describe_training(caller: Caller, slug: str) -> TrainingView:
    """Return when a catalog is trained by itself, and how its recommender stands."""
    with db.reading() as session:
        return _training(session, find_catalog(session, caller, slug))


def change_training(caller: Caller, slug: str, wished: Mapping[str, Any]) -> TrainingView:
    """Change when a catalog is trained by itself; None goes by the installation's settings again.

    Raises InvalidInput naming what cannot be.
    """
    caller.require_writing()
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        held = storing.hold_catalog(session, catalog.id)
        if held is None:
            raise NotFound("catalog", slug)
        wishes = setting.changed(held.training, wished)
        storing.set_training(session, catalog.id, wishes)
        session.refresh(held)
        return _training(session, held)


def list_versions(
    caller: Caller, slug: str, *, before: int | None = None, limit: int = 50
) -> list[VersionView]:
    """Return the versions of a catalog's recommender, newest first."""
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        rows = queries.list_versions(session, catalog_id=catalog.id, before=before, limit=limit)
        return [view_of(row) for row in rows]


def get_version(caller: Caller, slug: str, number: int) -> VersionView:
    """Return a version; raises NotFound."""
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        row = queries.find_version(session, catalog_id=catalog.id, number=number)
        if row is None:
            raise NotFound("version", number)
        flagged = row.metrics.get(FLAGGED, [])
        names = events.external_ids_of_users(session, catalog_id=catalog.id, ids=flagged)
        return view_of(row, names)


def subject_of(catalog_id: int) -> str:
    """Return what the trainings of a catalog name as their subject."""
    return f"catalog {catalog_id}"


def _training(session: Session, catalog: Catalog) -> TrainingView:
    live = queries.find_live(session, catalog_id=catalog.id)
    return TrainingView(
        setting=setting_of(catalog.training),
        live=None if live is None else view_of(live),
        run_id=unfinished_run(
            session, kinds=[RunKind.TRAIN_RECOMMENDER], subject=subject_of(catalog.id)
        ),
    )
