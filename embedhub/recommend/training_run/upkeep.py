"""What the timetable does for recommenders: starts trainings that are due, removes left-overs."""

from datetime import UTC, datetime

from embedhub import db
from embedhub.recommend.training_run.placing import place_items
from embedhub.recommend.training_run.queries import publishing as queries
from embedhub.recommend.training_run.queries.publishing import DueCatalog
from embedhub.recommend.training_run.setting import is_paused, is_time, setting_of
from embedhub.runs.service import RunKind, start_run


def start_due() -> int:
    """Ask for the trainings whose time or amount of new interactions has come; return how many."""
    now = datetime.now(UTC)
    with db.reading() as session:
        due = [
            catalog
            for catalog in queries.idle_catalogs(session)
            if (wanted := new_ones_wanted(catalog, now)) is not None
            and queries.has_more(session, catalog_id=catalog.id, after=catalog.last_id, n=wanted)
        ]
    for catalog in due:
        with db.writing() as session:
            start_run(
                session,
                workspace_id=catalog.workspace_id,
                kind=RunKind.TRAIN_RECOMMENDER,
                subject=f"catalog {catalog.id}",
                arguments={"catalog_id": catalog.id},
            )
    return len(due)


def place_missed() -> int:
    """Place items whose doorbell was lost, in every catalog; return how many."""
    with db.reading() as session:
        catalogs = queries.catalogs_with_texts(session)
    return sum(place_items(catalog_id) for catalog_id in catalogs)


def new_ones_wanted(catalog: DueCatalog, now: datetime) -> int | None:
    """Return with how many new interactions a catalog is trained now; None: not at all. Pure."""
    setting = setting_of(catalog.training)
    if not setting.automatic or is_paused(catalog.tried_at, now):
        return None
    if not catalog.has_version:
        return setting.min_interactions
    if is_time(setting, catalog.tried_at, now):
        return 1
    return setting.new_ones_wanted(catalog.n_interactions)
