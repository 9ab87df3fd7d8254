"""CSV as rows of a catalog: which column becomes which field, and as what."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from embedhub.errors import InvalidInput

# By what stands in a row: fields that may be named, and where other columns go.
NAMED = {
    "items": frozenset(
        {
            "external_id",
            "categories",
            "labels",
            "is_hidden",
            "available_from",
            "available_until",
            "source_version",
        }
    ),
    "users": frozenset({"external_id", "text"}),
    "interactions": frozenset({"user", "item", "type", "value", "time", "request_id"}),
}
GROUPS = {"items": ("fields", "attributes"), "users": ("attributes",), "interactions": ()}
LISTS = frozenset({"categories", "labels"})
TIMES = frozenset({"time", "available_from", "available_until"})
TRUE, FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})
NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d+)?([eE][+-]?\d{1,2})?")
# Seconds since 1970 as exports write them.
EPOCH = re.compile(r"\d{1,11}(\.\d+)?")


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Which fields each column becomes, values that are the same in every row, and list marks."""

    kind: str
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    separator: str = ","

    def of(self, column: str) -> Sequence[str]:
        """Return the fields that a column becomes; raises InvalidInput if nobody said."""
        if column in self.fields:
            return self.fields[column]
        if column in NAMED[self.kind]:
            return (column,)
        if GROUPS[self.kind]:
            return (f"{GROUPS[self.kind][0]}.{column}",)
        known = ", ".join(sorted(NAMED[self.kind]))
        raise InvalidInput(
            f"column {column!r} is none of {known}: say which with --map {column}=FIELD, or leave"
            f" it out with --map {column}="
        )

    def check(self) -> None:
        """Raise InvalidInput for a field that no row has."""
        named = [name for names in self.fields.values() for name in names]
        for name in (*named, *self.constants):
            group, _, rest = name.partition(".")
            if name in NAMED[self.kind] or (group in GROUPS[self.kind] and rest):
                continue
            groups = [f"{one}.NAME" for one in GROUPS[self.kind]]
            known = ", ".join([*sorted(NAMED[self.kind]), *groups])
            raise InvalidInput(f"{name!r} is no field of {self.kind}: {known}")


class CsvRows:
    """The rows of a CSV file with a header, as the REST interface takes them."""

    def __init__(self, path: Path, mapping: ColumnMap) -> None:
        self.path, self.mapping = path, mapping
        self.n_read = 0

    def __call__(self) -> Iterator[dict[str, Any]]:
        """Yield the rows; raises InvalidInput for a file without a header, or no UTF-8."""
        self.n_read = 0
        with self.path.open("rb") as file:
            reader = csv.reader(self._decoded(file))
            header = next(reader, None)
            if not header:
                raise InvalidInput(f"{self.path} has no header")
            targets = [self.mapping.of(column.strip()) for column in header]
            for cells in reader:
                if cells:
                    yield row_of(cells, targets, self.mapping)

    def _decoded(self, lines: Iterable[bytes]) -> Iterator[str]:
        for number, line in enumerate(lines, start=1):
            self.n_read += len(line)
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise InvalidInput(f"{self.path}, line {number}: is not UTF-8") from None


def row_of(
    cells: Sequence[str], targets: Sequence[Sequence[str]], mapping: ColumnMap
) -> dict[str, Any]:
    """Return the row of some cells; an empty cell is left out."""
    row: dict[str, Any] = {}
    filled = [
        (name, cell.strip()) for cell, names in zip(cells, targets, strict=False) for name in names
    ]
    for name, cell in (*mapping.constants.items(), *filled):
        if cell:
            group, _, rest = name.partition(".")
            value = value_of(group, cell, mapping)
            if rest:
                row.setdefault(group, {})[rest] = value
            else:
                row[name] = value
    return row


def value_of(name: str, cell: str, mapping: ColumnMap) -> object:
    """Return what a cell says, by the field it belongs to; what it cannot be the server refuses."""
    if name in LISTS:
        return [part.strip() for part in cell.split(mapping.separator) if part.strip()]
    if name in TIMES and EPOCH.fullmatch(cell):
        return datetime.fromtimestamp(float(cell), UTC).isoformat()
    if name in {"value", "source_version", "attributes"} and NUMBER.fullmatch(cell):
        number = float(cell)
        return int(cell) if number.is_integer() and cell.lstrip("-").isdigit() else number
    if name == "is_hidden" and cell.lower() in TRUE | FALSE:
        return cell.lower() in TRUE
    return cell


def pairs_of(maps: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the fields of each column; raises a usage error for what is no pair."""
    fields: dict[str, list[str]] = {}
    for one in maps:
        column, sign, name = one.rpartition("=")
        if not sign or not column:
            raise click.BadParameter(f"{one!r} is not COLUMN=FIELD", param_hint="--map")
        fields.setdefault(column, []).extend([name] if name else [])
    return fields


def constants_of(pairs: tuple[str, ...], option: str, form: str) -> dict[str, str]:
    """Return the value of each field; raises a usage error for what is no pair."""
    values = {}
    for one in pairs:
        name, sign, value = one.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{one!r} is not {form}", param_hint=option)
        values[name] = value
    return values
