"""Files: what a caller may rely on.

A file is stored as it came and then read into documents by a run. Sending it again under its name
replaces it; the same content with the same fields changes nothing, and tries a failed one again.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO, Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import find_collection
from embedhub.config import get_config
from embedhub.documents.files import storage
from embedhub.documents.files.inputs import FileFields
from embedhub.documents.files.narrowing import narrow
from embedhub.documents.files.queries import files as queries
from embedhub.documents.files.queries.files import Place
from embedhub.documents.files.removal import remove_file
from embedhub.documents.files.storage import OriginalMissing, StoredOriginal
from embedhub.documents.files.view import Accepted, FileStatus, FileView, Original, view_of
from embedhub.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge
from embedhub.runs.kinds import RunKind
from embedhub.runs.service import start_run
from embedhub.tables import File

__all__ = [
    "Accepted",
    "FileStatus",
    "FileView",
    "Original",
    "add_address",
    "add_file",
    "allow_fetching",
    "ask_to_read",
    "delete_file",
    "get_file",
    "get_files",
    "list_files",
    "open_original",
    "retry_file",
]


def add_file(
    caller: Caller, slug: str, fields: FileFields, source: IO[bytes], *, field: str
) -> Accepted:
    """Store an original and have it read; raises TooLarge, Conflict for too many files.

    Nothing of it stays if it is refused or breaks off.
    """
    place = _place_for_writing(caller, slug)
    config = get_config()
    storage.require_room(0)
    original = storage.store(
        source,
        workspace_id=place.workspace_id,
        collection_id=place.collection_id,
        max_bytes=config.max_file_bytes,
        field=field,
    )
    return _accept(place, fields, original)


def add_address(caller: Caller, slug: str, fields: FileFields, url: str) -> Accepted:
    """Have a file fetched from its address and read; Forbidden unless the workspace allows it."""
    place = _place_for_writing(caller, slug)
    with db.reading() as session:
        if not queries.may_fetch(session, place.workspace_id):
            raise Forbidden("this workspace does not have files fetched from the web")
    return _accept(place, fields, StoredOriginal("", 0, b""), url=url)


def _accept(
    place: Place, fields: FileFields, original: StoredOriginal, url: str | None = None
) -> Accepted:
    outdated: str | None = original.path
    try:
        # Whoever stores its documents at this moment holds them, and then its row.
        accepted, outdated = db.retry_deadlocks(partial(_write, place, fields, original, url))
    finally:
        # What was replaced; or, if it was refused or unchanged, what was stored just now.
        if outdated:
            storage.remove(outdated)
    return accepted


def _write(
    place: Place, fields: FileFields, original: StoredOriginal, url: str | None
) -> tuple[Accepted, str | None]:
    """Write the row of a file; return what became of it and the original no longer needed."""
    with db.writing() as session:
        return _insert_or_replace(session, place, fields, original, url)


def _insert_or_replace(
    session: Session, place: Place, fields: FileFields, original: StoredOriginal, url: str | None
) -> tuple[Accepted, str | None]:
    columns = _columns(fields, original, url)
    stored = queries.hold_file(session, place, fields.external_id)
    if stored is None:
        limit = get_config().max_files
        if queries.is_at_least(session, place, limit):
            raise Conflict(f"a collection has at most {limit:,} files")
        where = {"workspace_id": place.workspace_id, "collection_id": place.collection_id}
        if queries.insert_file(session, **where, **columns, external_id=fields.external_id):
            return _have_read(session, place, fields.external_id, "created"), None
        # Somebody sent the same name at this moment.
        stored = queries.hold_file(session, place, fields.external_id)
        if stored is None:
            raise Conflict("this file is being removed at this moment")
    is_same = bool(original.path) and all(
        getattr(stored, name) == value
        for name, value in columns.items()
        if name not in {"storage_path", "media_type"}
    )
    if is_same and stored.status != FileStatus.FAILED:
        return Accepted(view_of(stored), "unchanged", stored.run_id), original.path
    outdated = stored.storage_path or None
    queries.replace_file(session, stored.id, **columns)
    narrow(session, stored)
    kind = "retried" if is_same else "updated"
    return _have_read(session, place, fields.external_id, kind), outdated


def _columns(fields: FileFields, original: StoredOriginal, url: str | None) -> dict[str, Any]:
    return {
        "url": url or fields.url,
        "n_bytes": original.n_bytes,
        "content_hash": original.content_hash,
        "storage_path": original.path,
        "fields": fields.as_json() | ({"fetch": url} if url else {}),
        "access": None if fields.access is None else list(fields.access),
        "expires_at": fields.expires_at,
        "media_type": None,
    }


def _have_read(session: Session, place: Place, name: str, outcome: str) -> Accepted:
    run_id = ask_to_read(session, place)
    session.expire_all()
    file = queries.hold_file(session, place, name)
    if file is None:
        raise NotFound("file", name)
    return Accepted(view_of(file), outcome, run_id)


def ask_to_read(session: Session, place: Place) -> int:
    """Return the run that reads what waits in a collection, begun if there is none."""
    return start_run(
        session,
        workspace_id=place.workspace_id,
        kind=RunKind.READ_FILES,
        subject=f"collection {place.collection_id}",
        arguments={"collection_id": place.collection_id},
    )


def list_files(
    caller: Caller, slug: str, *, status: str | None = None, before: int | None = None, limit: int
) -> list[FileView]:
    """Return the files that the caller may see, the newest first."""
    if status is not None and status not in list(FileStatus):
        raise InvalidInput(f"must be one of {', '.join(FileStatus)}", "status")
    with db.reading() as session:
        place = _place(session, caller, slug)
        rows = queries.list_files(session, place, status=status, before=before, limit=limit)
        return [view_of(row) for row in rows]


def get_file(caller: Caller, slug: str, file_id: int) -> FileView:
    """Return a file; raises NotFound, also for one that the caller may not see."""
    with db.reading() as session:
        return view_of(_find(session, _place(session, caller, slug), file_id))


def get_files(
    caller: Caller, slug: str, file_ids: Sequence[int] | None, names: Sequence[str] | None = None
) -> list[FileView | None]:
    """Return files in the order asked, by ids or by the callers' names, None where none is seen."""
    field, asked = ("external_ids", names) if file_ids is None else ("ids", file_ids)
    if asked is None or (file_ids is not None and names is not None):
        raise InvalidInput("give either ids or external_ids", field)
    limit = get_config().max_limit
    if len(asked) > limit:
        raise TooLarge(f"{len(asked):,} files; at most {limit:,} at once", field)
    with db.reading() as session:
        place = _place(session, caller, slug)
        if file_ids is not None:
            rows = queries.find_files(session, place, file_ids)
            by_id = {file.id: view_of(file) for file in rows}
            return [by_id.get(file_id) for file_id in file_ids]
        by_name = {f.external_id: view_of(f) for f in queries.files_named(session, place, asked)}
        return [by_name.get(str(name)) for name in asked]


def open_original(caller: Caller, slug: str, file_id: int) -> Original:
    """Return an original as it was sent; raises NotFound, also when the storage lost it."""
    with db.reading() as session:
        file = _find(session, _place(session, caller, slug), file_id)
        name, path, n_bytes = file.external_id, file.storage_path, file.n_bytes
    if not path:
        raise NotFound("original of file", file_id)
    found = storage.pieces(path)
    try:
        first = next(found, b"")
    except OriginalMissing:
        raise NotFound("original of file", file_id) from None
    return Original(name.rsplit("/", 1)[-1], n_bytes, _again(first, found))


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def retry_file(caller: Caller, slug: str, file_id: int) -> Accepted:
    """Have a failed file read again; raises Conflict for one that did not fail."""
    place = _place_for_writing(caller, slug)
    with db.writing() as session:
        file = queries.hold_file(session, place, _find(session, place, file_id).external_id)
        if file is None:
            raise NotFound("file", file_id)
        if file.status != FileStatus.FAILED:
            raise Conflict(f"file {file_id} did not fail")
        queries.replace_file(session, file.id)
        return _have_read(session, place, file.external_id, "retried")


def delete_file(caller: Caller, slug: str, file_id: int) -> int:
    """Delete a file, its original and its documents; return how many documents there were."""
    place = _place_for_writing(caller, slug)
    with db.writing() as session:
        file = queries.hold_file(session, place, _find(session, place, file_id).external_id)
        if file is None:
            raise NotFound("file", file_id)
        path = file.storage_path
    return remove_file(file_id, path)


def allow_fetching(workspace_id: int, *, is_allowed: bool) -> None:
    """Let a workspace name files by their address, or not any more; raises NotFound."""
    with db.writing() as session:
        if not queries.allow_fetching(session, workspace_id, is_allowed=is_allowed):
            raise NotFound("workspace", workspace_id)


def _place(session: Session, caller: Caller, slug: str) -> Place:
    collection = find_collection(session, caller, slug)
    return Place(caller.workspace_id, collection.id, caller.principals)


def _place_for_writing(caller: Caller, slug: str) -> Place:
    with db.reading() as session:
        place = _place(session, caller, slug)
    caller.require_writing()
    return place


def _find(session: Session, place: Place, file_id: int) -> File:
    file = queries.find_file(session, place, file_id)
    if file is None:
        raise NotFound("file", file_id)
    return file
