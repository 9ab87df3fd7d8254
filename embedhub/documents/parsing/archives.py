"""Archives: zip, tar and gzip, one member after the other, each in a temporary file of its own.

A member's name is only ever part of an id: nothing is written where an archive says.
"""

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, cast

from embedhub.documents.parsing.encoding import guess_encoding
from embedhub.documents.parsing.kinds import Kind
from embedhub.documents.parsing.parsed import Limits, Reason, Unreadable, storable

READ_BYTES = 1 << 20
MAX_NAME_CHARS = 300
ENCRYPTED = 0x1
UTF8_NAME = 0x800
# What the makers of archives add for themselves.
NOISE = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


class Budget:
    """What all archives inside of one file may unpack to, together."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._n_bytes = self._n_files = 0

    def count_file(self) -> None:
        """Note one more file; raises Unreadable beyond the limit."""
        self._n_files += 1
        if self._n_files > self._limits.max_archive_files:
            told = f"more than {self._limits.max_archive_files:,} files inside"
            raise Unreadable(told, Reason.LIMIT)

    def count_bytes(self, n_bytes: int) -> None:
        """Note unpacked bytes; raises Unreadable beyond the limit."""
        self._n_bytes += n_bytes
        if self._n_bytes > self._limits.max_archive_bytes:
            told = f"unpacks to more than {self._limits.max_archive_bytes:,} bytes"
            raise Unreadable(told, Reason.LIMIT)


def members(
    kind: Kind, name: str, path: Path, budget: Budget
) -> Iterator[tuple[str, Path | Unreadable]]:
    """Yield each file of an archive with its id and where it lies for the moment, or why not.

    Raises Unreadable when the archive itself is damaged or beyond a limit.
    """
    found = {Kind.ZIP: _zip, Kind.TAR: _tar}.get(kind, _gzip)(path)
    with TemporaryDirectory(prefix="embedhub-") as folder:
        place = Path(folder) / "member"
        for member, opened in found:
            if member.endswith(NOISE) or member.startswith(NOISE):
                continue
            budget.count_file()
            ident = f"{name}/{harmless(member)}" if member else inner_name(name)
            if isinstance(opened, Unreadable):
                yield ident, opened
                continue
            try:
                _unpack(opened, place, budget)
            except (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
                yield ident, Unreadable(f"is damaged inside the archive: {_words(error)}")
                continue
            yield ident, place


def harmless(member: str) -> str:
    """Return a member's name without what leads out of a folder, and not too long."""
    parts = [p for p in storable(member).replace("\\", "/").split("/") if p not in {"", ".", ".."}]
    return "/".join(parts)[-MAX_NAME_CHARS:] or "file"


def told_apart(name: str, taken: set[str]) -> str:
    """Return a name that is not taken, with a number before its ending, and take it."""
    stem, dot, ending = name.rpartition(".")
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{stem} ({number}).{ending}" if dot else f"{name} ({number})"
    taken.add(found)
    return found


def inner_name(name: str) -> str:
    """Return what a file was called before it was packed alone."""
    return name[:-3] if name.lower().endswith(".gz") else f"{name}/content"


@contextmanager
def _damaged() -> Iterator[None]:
    try:
        yield
    except Unreadable:
        raise
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError) as error:
        raise Unreadable(f"is a damaged archive: {_words(error)}") from error
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, MemoryError, OverflowError) as error:
        raise Unreadable(f"is a damaged archive: {_words(error)}") from error


def _zip(path: Path) -> Iterator[tuple[str, IO[bytes] | Unreadable]]:
    with _damaged(), zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            name = _zip_name(info)
            if info.flag_bits & ENCRYPTED:
                yield name, Unreadable("a password is needed to unpack it", Reason.PASSWORD)
                continue
            try:
                opened = archive.open(info)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                yield name, Unreadable(f"is damaged inside the archive: {_words(error)}")
                continue
            with opened:
                yield name, opened


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return the name of a member, which is in the sender's code page unless it says UTF-8."""
    if info.flag_bits & UTF8_NAME:
        return info.filename
    try:
        raw = info.filename.encode("cp437")
        return raw.decode("utf-8") if _is_utf8(raw) else raw.decode(guess_encoding(raw), "replace")
    except UnicodeEncodeError:
        return info.filename


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _tar(path: Path) -> Iterator[tuple[str, IO[bytes] | Unreadable]]:
    # As a stream: a tar that jumps about in itself cannot be read twice.
    with _damaged(), tarfile.open(path, "r|*") as archive:
        for info in archive:
            if not info.isfile():
                continue
            opened = archive.extractfile(info)
            if opened is not None:
                yield info.name, opened


def _gzip(path: Path) -> Iterator[tuple[str, IO[bytes] | Unreadable]]:
    with _damaged(), gzip.open(path) as opened:
        yield "", cast("IO[bytes]", opened)


def _unpack(source: IO[bytes], place: Path, budget: Budget) -> None:
    with place.open("wb") as unpacked:
        while piece := source.read(READ_BYTES):
            budget.count_bytes(len(piece))
            unpacked.write(piece)


def _words(error: BaseException) -> str:
    return str(error)[:200] or type(error).__name__
