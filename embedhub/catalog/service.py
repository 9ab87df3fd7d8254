"""Catalogs: what a caller may rely on."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.checks import CatalogChanges, CatalogInput, Unknown, checked_columns
from embedhub.catalog.purge import purge_catalog
from embedhub.catalog.queries import catalogs as queries
from embedhub.catalog.queries.catalogs import CatalogCounts
from embedhub.catalog.relabelling import needs_relabelling, relabel_items, start_relabelling
from embedhub.config import get_config
from embedhub.errors import Conflict, NotFound
from embedhub.runs.service import RunKind, start_run
from embedhub.spaces import service as spaces
from embedhub.spaces.members import (
    DeadMember,
    content_counts,
    content_space,
    create_catalog_spaces,
    dead_members,
)
from embedhub.tables import Catalog

__all__ = [
    "CatalogChanges",
    "CatalogCounts",
    "CatalogInput",
    "CatalogStatus",
    "CatalogView",
    "Unknown",
    "catalog_status",
    "content_space",
    "create_catalog",
    "delete_catalog",
    "find_catalog",
    "get_catalog",
    "list_catalogs",
    "list_dead",
    "purge_catalog",
    "relabel_items",
    "resume_deletions",
    "retry_dead",
    "update_catalog",
]

DEFAULT_LANGUAGE = "english"
# A removal that failed is not tried again at every sweep.
PAUSE = timedelta(minutes=10)
RESUMED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class CatalogView:
    """A catalog."""

    id: int
    slug: str
    name: str
    content_template: str
    interaction_weights: dict[str, float]
    filterable: dict[str, str]
    unknown_users: str
    unknown_items: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogStatus(CatalogCounts):
    """How much a catalog holds, and how far the vectors of its items and users are.

    `n_dead` of their texts could not be encoded.
    """

    n_embedded: int
    n_pending: int
    n_dead: int


def create_catalog(caller: Caller, wanted: CatalogInput) -> CatalogView:
    """Create a catalog; Conflict if the slug is taken or there are too many, else InvalidInput."""
    caller.require_writing()
    caller.require_whole_workspace()
    columns = checked_columns(wanted)
    with db.writing() as session:
        limit = get_config().max_catalogs
        if queries.count_catalogs(session, workspace_id=caller.workspace_id) >= limit:
            raise Conflict(f"a workspace has at most {limit} catalogs")
        catalog = queries.insert_catalog(
            session,
            workspace_id=caller.workspace_id,
            language=DEFAULT_LANGUAGE,
            encoder=get_config().default_encoder,
            **{"name": wanted.slug, **columns},
        )
        if catalog is None:
            raise Conflict(f"there is already a catalog {wanted.slug!r}")
        create_catalog_spaces(session, catalog)
        return _view(catalog)


def find_catalog(session: Session, caller: Caller, slug: str) -> Catalog:
    """Return the row of a catalog in the caller's transaction.

    Raises NotFound, also for another workspace's and for a caller bound to collections or
    principals: what users did is for whoever may see the whole workspace.
    """
    catalog = None
    if _sees_catalogs(caller):
        catalog = queries.find_catalog(session, workspace_id=caller.workspace_id, slug=slug)
    if catalog is None:
        raise NotFound("catalog", slug)
    return catalog


def get_catalog(caller: Caller, slug: str) -> CatalogView:
    """Return a catalog; raises NotFound."""
    with db.reading() as session:
        return _view(find_catalog(session, caller, slug))


def list_catalogs(caller: Caller, *, after: int = 0, limit: int = 100) -> list[CatalogView]:
    """Return the catalogs the caller may open, by id, from the one behind `after` on."""
    if not _sees_catalogs(caller):
        return []
    with db.reading() as session:
        rows = queries.list_catalogs(
            session, workspace_id=caller.workspace_id, after=after, limit=limit
        )
        return [_view(row) for row in rows]


def catalog_status(caller: Caller, slug: str) -> CatalogStatus:
    """Return how much a catalog holds and how far its vectors are; raises NotFound."""
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        held = queries.count_rows(session, workspace_id=caller.workspace_id, catalog_id=catalog.id)
        content = content_counts(session, catalog)
        return CatalogStatus(**asdict(held), **asdict(content))


def list_dead(caller: Caller, slug: str, *, after: int = 0, limit: int = 100) -> list[DeadMember]:
    """Return items and users whose text could not be encoded, with the reasons; NotFound."""
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        return dead_members(session, catalog, after=after, limit=limit)


def retry_dead(caller: Caller, slug: str) -> int:
    """Give all of these a fresh start; return how many."""
    caller.require_writing()
    with db.reading() as session:
        catalog_id = find_catalog(session, caller, slug).id
    return spaces.retry_dead(caller, catalog_id=catalog_id)


def update_catalog(
    caller: Caller, slug: str, changes: CatalogChanges
) -> tuple[CatalogView, int | None]:
    """Change a catalog; return it and the run that follows, if any.

    Newly declared dates are stored in another form, so changed filterable fields start a run over
    the items; until it ends, filters on a changed field may miss some of them. Raises Conflict for
    another template once there are items: their texts were made with it.
    """
    caller.require_writing()
    columns = checked_columns(changes)
    run_id = None
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        if "filterable" in columns:
            # Whoever stores items meanwhile does so before, and the run sees them, or behind it.
            db.take_turn(session, db.Turn.CATALOG, catalog.id)
            session.refresh(catalog)
            if needs_relabelling(session, catalog, columns["filterable"]):
                run_id = start_relabelling(session, catalog)
        template = columns.get("content_template", catalog.content_template)
        if template != catalog.content_template:
            db.take_turn(session, db.Turn.CATALOG, catalog.id)
            if queries.has_items(session, workspace_id=caller.workspace_id, catalog_id=catalog.id):
                raise Conflict("content_template can be changed only while there are no items")
        if columns:
            catalog = queries.update_catalog(
                session, workspace_id=caller.workspace_id, catalog_id=catalog.id, **columns
            )
        return _view(catalog), run_id


def delete_catalog(caller: Caller, slug: str) -> int:
    """Hide a catalog at once, which frees its slug, and return the run that removes it."""
    caller.require_writing()
    with db.writing() as session:
        catalog = find_catalog(session, caller, slug)
        if not queries.mark_deleted(
            session, workspace_id=caller.workspace_id, catalog_id=catalog.id
        ):
            raise NotFound("catalog", slug)
        return _start_removal(session, caller.workspace_id, catalog.id)


def resume_deletions() -> int:
    """Start a run for what is deleted and no run removes, failed ones after a pause.

    Returns how many; what is beyond `RESUMED_AT_ONCE` waits for the next sweep.
    """
    with db.writing() as session:
        found = queries.deleted_catalogs(session, pause=PAUSE, limit=RESUMED_AT_ONCE)
        for workspace_id, catalog_id in found:
            _start_removal(session, workspace_id, catalog_id)
    return len(found)


def _start_removal(session: Session, workspace_id: int, catalog_id: int) -> int:
    return start_run(
        session,
        workspace_id=workspace_id,
        kind=RunKind.DELETE_CATALOG,
        subject=f"catalog {catalog_id}",
        arguments={"catalog_id": catalog_id},
    )


def _sees_catalogs(caller: Caller) -> bool:
    return caller.collection_ids is None and caller.principals is None


def _view(catalog: Catalog) -> CatalogView:
    return CatalogView(
        id=catalog.id,
        slug=catalog.slug,
        name=catalog.name,
        content_template=catalog.content_template,
        interaction_weights=catalog.interaction_weights,
        filterable=catalog.filterable,
        unknown_users=catalog.unknown_users,
        unknown_items=catalog.unknown_items,
        created_at=catalog.created_at,
    )
