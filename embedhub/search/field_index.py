"""The B-tree of a declared field: which fields have one, its name, and the expression it is on.

A field's value is a scalar or a list. The tree orders scalars as jsonb does and puts every list in
one place above them: a condition looks up its scalars and that place, so a list is never missed and
never longer than a page takes.
"""

import hashlib
import re
from collections.abc import Mapping

from embedhub.search.attributes import FieldType

# Booleans have two values, which no index narrows; lists of an array field are in the GIN index.
INDEXED_TYPES = frozenset({FieldType.STRING, FieldType.NUMBER, FieldType.DATE})
# jsonb orders strings by the database's collation, filters by code point: no ranges of them.
RANGE_TYPES = frozenset({FieldType.NUMBER, FieldType.DATE})
# What stands for every list: jsonb orders objects above all else.
LISTS = "'{}'::jsonb"


def indexed_fields(filterable: Mapping[str, str]) -> list[str]:
    """Return the declared fields that have a B-tree on a shelf of its own, by name."""
    return sorted(name for name, declared in filterable.items() if declared in INDEXED_TYPES)


def index_suffix(field: str) -> str:
    """Return how the name of a field's index ends, behind the table's name and an underscore."""
    readable = re.sub(r"[^a-z0-9]+", "_", field.lower())[:16].strip("_")
    return f"by_{readable}_{hashlib.sha256(field.encode()).hexdigest()[:8]}"


def index_method(field: str) -> str:
    """Return method and expression of a field's index, as CREATE INDEX says it."""
    value = f"attributes -> {quoted(field)}"
    is_list = f"jsonb_typeof({value}) IN ('array', 'object')"
    return f"btree ((CASE WHEN {is_list} THEN {LISTS} ELSE {value} END))"


def quoted(text: str) -> str:
    """Return a text as an SQL literal of plain letters: no quote, colon or percent sign."""
    return "U&'" + "".join(map(_escaped, text)) + "'"


def _escaped(character: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_ .-]", character):
        return character
    return f"\\+{ord(character):06X}"
