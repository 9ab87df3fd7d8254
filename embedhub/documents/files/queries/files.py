"""All SQL about files: each statement within a workspace, or by the clock over all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.search.access import access_predicate
from embedhub.tables import Collection, Document, File, Run, Workspace

UNFINISHED = ("waiting", "reading")
BEING_DELETED = "is being deleted"


@dataclass(frozen=True, slots=True)
class Place:
    """A collection of a workspace, and who looks into it; None restricts nothing."""

    workspace_id: int
    collection_id: int
    principals: Sequence[str] | None = None


def _visible(place: Place) -> list[ColumnElement[bool]]:
    return [
        File.workspace_id == place.workspace_id,
        File.collection_id == place.collection_id,
        access_predicate(File.access, place.principals),
        or_(File.expires_at.is_(None), File.expires_at > func.now()),
    ]


def find_file(session: Session, place: Place, file_id: int) -> File | None:
    """Return a file that may be seen."""
    return session.scalars(select(File).where(*_visible(place), File.id == file_id)).one_or_none()


def find_files(session: Session, place: Place, file_ids: Sequence[int]) -> Sequence[File]:
    """Return those of the files that may be seen."""
    return session.scalars(select(File).where(*_visible(place), File.id.in_(file_ids))).all()


def list_files(
    session: Session, place: Place, *, status: str | None, before: int | None, limit: int
) -> Sequence[File]:
    """Return files that may be seen, the newest first."""
    statement = select(File).where(*_visible(place))
    if status is not None:
        statement = statement.where(File.status == status)
    if before is not None:
        statement = statement.where(File.id < before)
    return session.scalars(statement.order_by(File.id.desc()).limit(limit)).all()


def files_named(session: Session, place: Place, names: Sequence[Any]) -> Sequence[File]:
    """Return those of the files of these names that may be seen."""
    chosen = (*_visible(place), File.external_id.in_(names))
    return session.scalars(select(File).where(*chosen)).all()


def hold_file(session: Session, place: Place, name: str) -> File | None:
    """Return the file of this name, locked."""
    statement = (
        select(File)
        .where(
            File.workspace_id == place.workspace_id,
            File.collection_id == place.collection_id,
            File.external_id == name,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).one_or_none()


def insert_file(session: Session, **columns: Any) -> int | None:
    """Insert a waiting file and return its id; None if there is one of its name."""
    statement = (
        insert(File)
        .values(**columns)
        .on_conflict_do_nothing(index_elements=["collection_id", "external_id"])
        .returning(File.id)
    )
    return session.scalars(statement).one_or_none()


def replace_file(session: Session, file_id: int, **columns: Any) -> None:
    """Let a file wait to be read again, unless `columns` say otherwise of it."""
    fresh = {
        "status": "waiting",
        "reason_code": None,
        "reason": None,
        "attempts": 0,
        "finished_at": None,
        "updated_at": func.now(),
    }
    session.execute(update(File).where(File.id == file_id).values(**fresh | columns))


def narrow_documents(session: Session, file_id: int) -> list[int]:
    """Let the documents of a file be seen by nobody who may not see the file, and by nobody new.

    Returns the ids of those that this changed.
    """
    name = func.unnest(Document.access).column_valued("name")
    both = select(name).where(name == func.any(File.access)).correlate(Document, File)
    statement = (
        update(Document)
        .where(
            Document.file_id == File.id,
            File.id == file_id,
            File.access.is_not(None),
            or_(Document.access.is_(None), ~Document.access.op("<@")(File.access)),
        )
        .values(
            access=case(
                (Document.access.is_(None), File.access),
                else_=func.array(both.scalar_subquery(), type_=ARRAY(Text)),
            ),
            updated_at=func.now(),
        )
        .returning(Document.id)
        .execution_options(synchronize_session=False)
    )
    return list(session.scalars(statement))


def is_at_least(session: Session, place: Place, limit: int) -> bool:
    """Say whether a collection has so many files."""
    statement = select(File.id).where(File.collection_id == place.collection_id)
    return session.execute(statement.offset(limit - 1).limit(1)).first() is not None


def may_fetch(session: Session, workspace_id: int) -> bool:
    """Say whether files may be named by their address in this workspace."""
    statement = select(Workspace.is_fetching_urls).where(Workspace.id == workspace_id)
    return bool(session.execute(statement).scalar_one_or_none())


def allow_fetching(session: Session, workspace_id: int, *, is_allowed: bool) -> bool:
    """Say from now on whether a workspace may; False if there is none."""
    statement = (
        update(Workspace).where(Workspace.id == workspace_id).values(is_fetching_urls=is_allowed)
    )
    return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def take_next(session: Session, *, collection_id: int, run_id: int) -> File | None:
    """Take the oldest file that waits or was left by a run that is no more; None if none is."""
    found = (
        select(File.id)
        .where(File.collection_id == collection_id, File.status.in_(UNFINISHED))
        .order_by(File.id)
        .limit(1)
        # Whoever stores a document of it holds its key: that must not make it look taken.
        .with_for_update(skip_locked=True, key_share=True)
        .scalar_subquery()
    )
    statement = (
        update(File)
        .where(File.id == found)
        .values(status="reading", run_id=run_id, attempts=File.attempts + 1, updated_at=func.now())
        .returning(File)
    )
    return session.scalars(statement).one_or_none()


def count_unfinished(session: Session, collection_id: int) -> int:
    """Return how many files of a collection are still to be read."""
    statement = select(func.count()).where(
        File.collection_id == collection_id, File.status.in_(UNFINISHED)
    )
    return session.execute(statement).scalar_one()


def settle(
    session: Session,
    *,
    file_id: int,
    run_id: int,
    path: str,
    is_finished: bool = False,
    **columns: Any,
) -> bool:
    """Write what became of a file; False if it was replaced, taken over or removed meanwhile."""
    statement = (
        update(File)
        .where(
            File.id == file_id,
            File.run_id == run_id,
            File.status == "reading",
            File.storage_path == path,
        )
        .values(
            updated_at=func.now(),
            finished_at=func.now() if is_finished else None,
            **columns,
        )
    )
    return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def fail_unfinished(session: Session, *, collection_id: int, reason_code: str, reason: str) -> int:
    """Give up what is still to be read of a collection; return how many files."""
    statement = (
        update(File)
        .where(File.collection_id == collection_id, File.status.in_(UNFINISHED))
        .values(
            status="failed",
            reason_code=reason_code,
            reason=reason,
            updated_at=func.now(),
            finished_at=func.now(),
        )
    )
    return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def documents_of(
    session: Session, file_id: int, *, after: int, limit: int
) -> list[tuple[int, str]]:
    """Return ids and names of the documents read from a file, by id."""
    statement = (
        select(Document.id, Document.external_id)
        .where(Document.file_id == file_id, Document.id > after)
        .order_by(Document.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in session.execute(statement)]


def still_of(session: Session, file_id: int, document_ids: Sequence[int]) -> list[int]:
    """Return those of the documents that belong to the file now."""
    statement = select(Document.id).where(
        Document.file_id == file_id, Document.id.in_(document_ids)
    )
    return list(session.scalars(statement.order_by(Document.id)))


def begin_deletion(session: Session, file_id: int, path: str) -> bool:
    """Mark a file as being deleted; False if it has another original by now, or is gone."""
    statement = (
        update(File)
        .where(File.id == file_id, File.storage_path == path)
        .values(status="failed", reason_code=None, reason=BEING_DELETED, updated_at=func.now())
    )
    return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def hold_deleted(session: Session, file_id: int, path: str) -> bool:
    """Keep a file that is being deleted as it is; False if it was sent again, or is gone."""
    is_same = (File.id == file_id, File.storage_path == path, File.reason == BEING_DELETED)
    statement = select(File.id).where(*is_same, File.status == "failed")
    return session.execute(statement.with_for_update(key_share=True)).first() is not None


def has_documents(session: Session, file_id: int) -> bool:
    """Say whether any document was read from a file."""
    return bool(documents_of(session, file_id, after=0, limit=1))


def delete_if_bare(session: Session, file_id: int) -> bool:
    """Delete the row of a file that has no document left; False if it has."""
    # Whoever stores a document of it waits for this lock, or is waited for.
    session.execute(select(File.id).where(File.id == file_id).with_for_update())
    if has_documents(session, file_id):
        return False
    session.execute(delete(File).where(File.id == file_id))
    return True


def expired_files(session: Session, *, limit: int) -> list[tuple[int, str]]:
    """Return id and path of files past their time, over all workspaces."""
    statement = (
        select(File.id, File.storage_path)
        .where(File.expires_at <= func.now())
        .order_by(File.expires_at)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in session.execute(statement)]


def left_waiting(session: Session, *, older_than: timedelta, limit: int) -> list[tuple[int, int]]:
    """Return (workspace, collection) where files wait and no run reads them, over all."""
    reading = (
        select(Run.id)
        .where(
            Run.kind == "read_files",
            Run.subject == func.concat("collection ", File.collection_id),
            Run.status.in_(("queued", "running")),
        )
        .exists()
    )
    statement = (
        select(File.workspace_id, File.collection_id)
        .join(Collection, Collection.id == File.collection_id)
        .where(
            File.status.in_(UNFINISHED),
            File.updated_at < func.now() - older_than,
            Collection.deleted_at.is_(None),
            ~reading,
        )
        .distinct()
        .limit(limit)
    )
    return [(row[0], row[1]) for row in session.execute(statement)]
