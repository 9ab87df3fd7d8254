"""Label sets and labels as callers send them, checked; pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from embedhub.config import get_config
from embedhub.documents.inputs import check_string
from embedhub.errors import InvalidInput, TooLarge

MAX_NAME_CHARS = 64
MAX_FIELD_CHARS = 200
MAX_LABEL_CHARS = 200
MAX_DESCRIPTION_CHARS = 2_000
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")


def check_name(name: str) -> str:
    """Return the name of a set as paths can hold it; raises InvalidInput."""
    if len(name) > MAX_NAME_CHARS or not NAME.match(name):
        raise InvalidInput(
            f"must be 1 to {MAX_NAME_CHARS} lower-case letters, digits, - and _, beginning with a"
            " letter or digit",
            "name",
        )
    return name


def check_source(source: str, field: str | None) -> None:
    """Raise InvalidInput unless a field is named exactly where labels are read from one."""
    if source == "field":
        if not field:
            raise InvalidInput("name the field of the metadata that holds the labels", "field")
        check_string(field, "field", MAX_FIELD_CHARS)
    elif field is not None:
        raise InvalidInput("labels are given by people: there is no field", "field")


def checked_labels(labels: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return labels with their descriptions; raises InvalidInput or TooLarge."""
    most = get_config().max_labels
    if len(labels) > most:
        raise TooLarge(f"{len(labels):,} labels; at most {most:,} are accepted", "labels")
    found: dict[str, str] = {}
    for place, one in enumerate(labels):
        where = f"labels.{place}"
        name = check_label(one["name"], f"{where}.name")
        if name in found:
            raise InvalidInput(f"label {name!r} is there twice", f"{where}.name")
        description = one.get("description", "")
        found[name] = check_string(
            description, f"{where}.description", MAX_DESCRIPTION_CHARS
        ).strip()
    return [{"name": name, "description": words} for name, words in found.items()]


def check_label(label: str, path: str) -> str:
    """Return a label without spaces around it; raises InvalidInput."""
    found = check_string(label, path, MAX_LABEL_CHARS).strip()
    if not found:
        raise InvalidInput("must not be empty", path)
    return found


def label_of(value: Any) -> str | None:
    """Return the label that a field's value is; None if it is none.

    A list is one if it holds a single value; of several nobody can say which is meant.
    """
    if isinstance(value, list):
        return label_of(value[0]) if len(value) == 1 else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, str):
        return value.strip()[:MAX_LABEL_CHARS] or None
    return None
