"""Files that hold many documents: .json, .jsonl and .csv.

A record's fields are found by their usual names: an id (`external_id`, `_id`, `id`), a title, a
text, a url; `metadata` and every other field become metadata. A record without a text field is
searched by all its fields.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from embedhub.documents.parsing.encoding import read_text, text_lines
from embedhub.documents.parsing.parsed import (
    MAX_LINE_BYTES,
    ParsedDocument,
    RefusedFile,
    Unreadable,
    shorten_title,
    why_unsendable,
)
from embedhub.documents.parsing.plain import stem

ID_NAMES = ("external_id", "_id", "id", "doc_id", "docid", "uuid")
TITLE_NAMES = ("title", "headline", "name", "subject")
TEXT_NAMES = ("text", "content", "contents", "body", "abstract", "passage", "description")
URL_NAMES = ("url", "link", "href")
WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}")

Parsed = Iterator[ParsedDocument | RefusedFile]


def parse_json(name: str, path: Path) -> Parsed:
    """Yield the documents of a .json file: an array of objects, one under a key, or one object."""
    content = _load(read_text(path))
    for key in ("documents", "data", "items", "records", "results"):
        if isinstance(content, dict) and isinstance(content.get(key), list):
            content = content[key]
    if isinstance(content, list):
        for number, record in enumerate(content, 1):
            place = f"{name}#{number}"
            try:
                yield _as_document(record, place)
            except Unreadable as error:
                yield RefusedFile(place, str(error))
    elif isinstance(content, dict):
        yield _as_document(content, name)
    else:
        raise Unreadable("holds neither an object nor an array of objects")


def parse_json_lines(name: str, path: Path) -> Parsed:
    """Yield the documents of a .jsonl file, one a line, of any length in bounded memory."""
    for number, line in enumerate(text_lines(path), 1):
        if not line.strip():
            continue
        place = f"{name}#{number}"
        try:
            yield _as_document(_load(line), place)
        except Unreadable as error:
            yield RefusedFile(place, str(error))


def parse_csv(name: str, path: Path) -> Parsed:
    """Yield the documents of a .csv file with a header line, one a row, in bounded memory."""
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = text_lines(path)
    head = next(lines, "")
    reader = csv.reader(_with_first(head, lines), delimiter=_delimiter(head))
    try:
        columns = [column.strip() for column in next(reader, [])]
        if not any(columns):
            raise Unreadable("has no header line")
        for cells in reader:
            if not any(cells):
                continue
            place = f"{name}#{reader.line_num}"
            try:
                yield _as_document(_row(columns, cells), place)
            except Unreadable as error:
                yield RefusedFile(place, str(error))
    except csv.Error as error:
        raise Unreadable(f"line {reader.line_num}: {error}") from error


def record_document(record: Mapping[str, Any], place: str) -> ParsedDocument:
    """Return the document of one record; `place` is its id when it brings none of its own."""
    rest = dict(record)
    external_id = _take(rest, ID_NAMES)
    title = _take(rest, TITLE_NAMES)
    text = _take(rest, TEXT_NAMES)
    url = _take(rest, URL_NAMES)
    metadata = rest.pop("metadata", None)
    if isinstance(metadata, dict):
        rest |= metadata
    elif metadata is not None:
        rest["metadata"] = metadata
    metadata = {key: value for key, value in rest.items() if value is not None and value != ""}
    return ParsedDocument(
        external_id=str(external_id) if external_id not in (None, "") else place,
        title=shorten_title(_plain(title)) if title else stem(place) if not text else "",
        text=_plain(text) if text else _all_fields(metadata),
        url=url if isinstance(url, str) and url else None,
        metadata=metadata,
    )


def _as_document(record: object, place: str) -> ParsedDocument:
    if not isinstance(record, dict):
        raise Unreadable("is not an object")
    try:
        document = record_document(record, place)
    except RecursionError as error:
        raise Unreadable("is nested too deeply") from error
    reason = why_unsendable(document)
    if reason is not None:
        raise Unreadable(reason)
    return document


def _load(text: str) -> object:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise Unreadable("is nested too deeply") from error
    except ValueError as error:
        raise Unreadable(f"is not JSON: {error}") from error


def _take(record: dict[str, Any], names: tuple[str, ...]) -> Any:
    """Remove and return the first field that is there and filled, whatever the case of its name."""
    by_lower = {key.lower(): key for key in reversed(record)}
    for name in names:
        key = by_lower.get(name)
        if key is not None and record[key] not in (None, "", [], {}):
            return record.pop(key)
    return None


def _plain(value: object) -> str:
    """Return a field as text: a list of sentences (as some corpora keep them) becomes lines."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "\n".join(value)
    return json.dumps(value, ensure_ascii=False)


def _all_fields(metadata: Mapping[str, object]) -> str:
    return "\n".join(f"{key}: {_plain(value)}" for key, value in metadata.items())


def _row(columns: list[str], cells: list[str]) -> dict[str, object]:
    if len(cells) > len(columns):
        raise Unreadable(f"a row has {len(cells)} cells under {len(columns)} columns")
    return {
        column: _typed(column, cell) for column, cell in zip(columns, cells, strict=False) if column
    }


def _typed(column: str, cell: str) -> object:
    """Return a number where the cell is written like one, so that range filters work.

    "007" and "1.50e3" stay text: numbers are not written so, codes are.
    """
    if column.lower() in {*ID_NAMES, *TITLE_NAMES, *TEXT_NAMES}:
        return cell
    if WHOLE_NUMBER.fullmatch(cell):
        return int(cell)
    return float(cell) if DECIMAL.fullmatch(cell) else cell


def _delimiter(head: str) -> str:
    return max(",;\t|", key=head.count)


def _with_first(first: str, rest: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from rest
