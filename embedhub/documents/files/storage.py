"""Where originals lie: a folder of this machine, or whatever fsspec reaches (S3 and its likes)."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

import fsspec
import orjson

from embedhub.config import get_config
from embedhub.errors import NotReady, TooLarge

COPIED_BYTES = 1 << 20
FOLDER = "files"


class OriginalMissing(Exception):
    """The storage has no such object any more."""


@dataclass(frozen=True, slots=True)
class StoredOriginal:
    """An object of the storage, and what is in it."""

    path: str
    n_bytes: int
    content_hash: bytes


def store(
    source: IO[bytes], *, workspace_id: int, collection_id: int, max_bytes: int, field: str
) -> StoredOriginal:
    """Copy a stream into the storage under a name that nobody else has; raises TooLarge.

    Nothing of a stream that breaks off, or is too large, stays.
    """
    path = f"{folder_of(workspace_id, collection_id)}/{uuid.uuid4().hex}"
    digest, n_bytes = hashlib.sha256(), 0
    try:
        with _open(path, "wb") as target:
            while piece := source.read(COPIED_BYTES):
                n_bytes += len(piece)
                refuse_larger(n_bytes, max_bytes, field)
                digest.update(piece)
                target.write(piece)
    except BaseException:
        remove(path)
        raise
    return StoredOriginal(path, n_bytes, digest.digest())


def refuse_larger(n_bytes: int, max_bytes: int, field: str) -> None:
    """Return if a file may have so many bytes; raises TooLarge."""
    if n_bytes > max_bytes:
        raise TooLarge(f"more than {max_bytes:,} bytes, which is the most", field)


def pieces(path: str) -> Iterator[bytes]:
    """Yield an original; raises OriginalMissing before the first piece."""
    try:
        source = _open(path, "rb")
    except FileNotFoundError:
        raise OriginalMissing(path) from None
    with source:
        while piece := source.read(COPIED_BYTES):
            yield piece


def copy_to(path: str, target: Path) -> None:
    """Copy an original into a file of this machine; raises OriginalMissing."""
    with target.open("wb") as copied:
        for piece in pieces(path):
            copied.write(piece)


def remove(path: str) -> None:
    """Remove an original; nothing happens if it is gone."""
    filesystem, root = _storage()
    try:
        filesystem.rm_file(f"{root}/{path}")
    except FileNotFoundError:
        return


def remove_folder(folder: str) -> None:
    """Remove all originals below a folder that `folder_of` has named."""
    filesystem, root = _storage()
    try:
        filesystem.rm(f"{root}/{folder}", recursive=True)
    except FileNotFoundError:
        return


def list_originals(folder: str) -> Iterator[str]:
    """Yield the paths in a folder that `folder_of` has named; none if there is no such folder.

    A local folder is read as it is asked for, others are listed whole.
    """
    filesystem, root = _storage()
    try:
        if "file" in filesystem.protocol:
            with os.scandir(f"{root}/{folder}") as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        yield f"{folder}/{entry.name}"
            return
        # What was listed before may be kept, and be older than what is asked here.
        filesystem.invalidate_cache()
        names = filesystem.ls(f"{root}/{folder}", detail=False)
    except FileNotFoundError:
        return
    for name in names:
        yield f"{folder}/{str(name).rstrip('/').rsplit('/', 1)[-1]}"


def written_at(path: str) -> datetime | None:
    """Return when an original was last written to; None if it is gone."""
    filesystem, root = _storage()
    try:
        found: datetime = filesystem.modified(f"{root}/{path}")
    except FileNotFoundError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def folder_of(workspace_id: int, collection_id: int) -> str:
    """Return where a collection's originals lie."""
    return f"{workspace_id}/{collection_id}"


def require_room(n_bytes: int) -> None:
    """Return if the local folder can take so many bytes; raises NotReady."""
    filesystem, root = _storage()
    if "file" not in filesystem.protocol:
        return
    config = get_config()
    Path(root).mkdir(parents=True, exist_ok=True, mode=0o700)
    if shutil.disk_usage(root).free - n_bytes < config.spool_free_bytes:
        raise NotReady("no room on disk for a file of this size now", retry_after_s=60)


def _open(path: str, mode: str) -> IO[bytes]:
    filesystem, root = _storage()
    place = f"{root}/{path}"
    if "w" in mode and "file" in filesystem.protocol:
        Path(place).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return cast("IO[bytes]", filesystem.open(place, mode))


def _storage() -> tuple[Any, str]:
    config = get_config()
    url = config.file_storage or str(config.home.expanduser() / FOLDER)
    return _connected(url, config.file_storage_options.get_secret_value())


@lru_cache(maxsize=4)
def _connected(url: str, options: str) -> tuple[Any, str]:
    filesystem, root = fsspec.core.url_to_fs(url, **orjson.loads(options or "{}"))
    return filesystem, str(root).rstrip("/")
