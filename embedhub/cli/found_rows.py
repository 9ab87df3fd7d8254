"""Findings as rows: of a table on a terminal, or of a file; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

Column = tuple[str, Sequence[str]]

# Of each analysis what is shown: the heading, and where the value stands, the first that is there.
COLUMNS: dict[str, tuple[Column, ...]] = {
    "duplicates": (
        ("id", ("id",)),
        ("score", ("score",)),
        ("kind", ("kind",)),
        ("status", ("status",)),
        ("left", ("left.title", "left.external_id")),
        ("right", ("right.title", "right.external_id")),
    ),
    "anomalies": (
        ("id", ("id",)),
        ("score", ("score",)),
        ("status", ("status",)),
        ("row", ("row.title", "row.external_id")),
        ("why", ("reasons.0.words",)),
    ),
    "topics": (
        ("number", ("number",)),
        ("name", ("name",)),
        ("rows", ("n_rows",)),
        ("share", ("share",)),
    ),
    "labels": (
        ("id", ("id",)),
        ("row", ("row.title", "row.external_id")),
        ("label", ("label",)),
        ("suggested", ("suggested",)),
        ("status", ("status",)),
    ),
}
MAX_CELL_CHARS = 60
# What a spreadsheet would compute.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Decisions:
    """How an analysis is told what was decided: the field, its values, and how it is undone."""

    field: str
    names: tuple[str, ...]
    undo: str


DECISIONS = {
    "duplicates": Decisions("action", ("link", "hide", "merge", "not_duplicate"), "undo"),
    "anomalies": Decisions("decision", ("accept", "confirm"), "undo"),
    "labels": Decisions("decision", ("confirmed", "dismissed"), "open"),
}


def cells(analysis: str, row: dict[str, Any]) -> list[str]:
    """Return a finding as the cells of its table."""
    return [shown(first_of(row, paths)) for _, paths in COLUMNS[analysis]]


def first_of(row: dict[str, Any], paths: Sequence[str]) -> Any:
    """Return the first value of these paths that says something."""
    return next((value for path in paths if (value := at(row, path)) not in (None, "")), None)


def at(row: Any, path: str) -> Any:
    """Return what stands at a path such as "reasons.0.words", None if nothing does."""
    for part in path.split("."):
        if isinstance(row, dict):
            row = row.get(part)
        elif isinstance(row, list) and part.isdecimal() and int(part) < len(row):
            row = row[int(part)]
        else:
            return None
    return row


def shown(value: Any) -> str:
    """Return a value as a cell: one line, cut, figures with three digits."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    words = " ".join(str(value).split())
    return words if len(words) <= MAX_CELL_CHARS else words[: MAX_CELL_CHARS - 1] + "…"


def flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a finding as columns of a CSV: objects become "left.title", lists stay JSON."""
    return dict(_flat(row, prefix))


def _flat(row: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield f"{prefix}{name}", orjson.dumps(value).decode()
        else:
            yield f"{prefix}{name}", value


def harmless(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
