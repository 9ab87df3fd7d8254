"""Finds the files of a path that may be read."""

import os
from collections.abc import Iterator
from pathlib import Path

from embedhub.documents.parsing.kinds import ENDINGS
from embedhub.documents.parsing.parsed import ParsedDocument, RefusedFile, Unreadable
from embedhub.documents.parsing.reader import read_file


def find_files(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the readable files at or below `path`, each with the name it goes by.

    A file's name is its path below `path`, a lone file's its own. Hidden files, linked folders and
    endings that nobody reads are left out.
    """
    if path.is_file():
        yield path.name, path
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.lower().endswith(ENDINGS):
                file = Path(folder) / name
                yield file.relative_to(path).as_posix(), file


def read_path(path: Path) -> Iterator[ParsedDocument | RefusedFile]:
    """Yield the documents of a file or of a folder and all below it, in the order of their names.

    What cannot be read is yielded as a RefusedFile and does not stop the rest.
    """
    for name, file in find_files(path):
        try:
            name.encode()
        except UnicodeEncodeError:
            yield RefusedFile(ascii(name)[1:-1], "its name is not UTF-8")
            continue
        try:
            yield from read_file(name, file)
        except Unreadable as error:
            yield RefusedFile(name, str(error), error.reason)
        except OSError as error:
            yield RefusedFile(name, error.strerror or str(error))
