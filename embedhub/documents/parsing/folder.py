"""Finds the files of a path that can be read, and reads each with the parser of its kind."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from embedhub.documents.parsing import html, plain, records
from embedhub.documents.parsing.encoding import read_text
from embedhub.documents.parsing.parsed import (
    ParsedDocument,
    RefusedFile,
    Unreadable,
    why_unsendable,
)

WHOLE_FILE: dict[str, Callable[[str, str], ParsedDocument]] = {
    ".txt": plain.parse_text,
    ".md": plain.parse_markdown,
    ".markdown": plain.parse_markdown,
    ".rst": plain.parse_restructured,
    ".html": html.parse_html,
    ".htm": html.parse_html,
}
MANY_RECORDS: dict[str, Callable[[str, Path], records.Parsed]] = {
    ".json": records.parse_json,
    ".jsonl": records.parse_json_lines,
    ".ndjson": records.parse_json_lines,
    ".csv": records.parse_csv,
}
ENDINGS = (*WHOLE_FILE, *MANY_RECORDS)


def read_path(path: Path) -> Iterator[ParsedDocument | RefusedFile]:
    """Yield the documents of a file or of a folder and all below it, in the order of their names.

    The external_id of a whole file is its path below `path`. What cannot be read is yielded as a
    RefusedFile and does not stop the rest.
    """
    for file in find_files(path):
        name = file.name if file == path else file.relative_to(path).as_posix()
        try:
            name.encode()
        except UnicodeEncodeError:
            yield RefusedFile(ascii(name)[1:-1], "its name is not UTF-8")
            continue
        try:
            yield from read_file(name, file)
        except (Unreadable, OSError) as error:
            yield RefusedFile(name, getattr(error, "strerror", None) or str(error))


def find_files(path: Path) -> Iterator[Path]:
    """Yield the readable files at or below `path`; hidden ones and linked folders are left out."""
    if path.is_file():
        yield path
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.lower().endswith(ENDINGS):
                yield Path(folder) / name


def read_file(name: str, file: Path) -> Iterator[ParsedDocument | RefusedFile]:
    """Yield the documents of one file; raises Unreadable when it is not what its ending says."""
    ending = file.suffix.lower()
    if ending in WHOLE_FILE:
        document = WHOLE_FILE[ending](name, read_text(file))
        reason = why_unsendable(document) if document.text.strip() else "holds no text"
        yield document if reason is None else RefusedFile(name, reason)
    elif ending in MANY_RECORDS:
        yield from MANY_RECORDS[ending](name, file)
    else:
        raise Unreadable(f"is none of {', '.join(ENDINGS)}")
