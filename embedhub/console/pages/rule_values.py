"""Values and conditions as people type them, and back; pure."""

from collections.abc import Mapping
from typing import Any

from embedhub.console.pages.rule_words import COMPARED


def plain_value(text: str) -> Any:
    """Return what a value typed by a person means: a number, yes or no, else the text."""
    stripped = text.strip()
    if stripped.lower() in {"yes", "no", "true", "false"}:
        return stripped.lower() in {"yes", "true"}
    for number in (int, float):
        try:
            found = number(stripped)
        except ValueError:
            continue
        # Python reads words such as nan and inf as numbers.
        if stripped[-1:].isdigit():
            return found
    return stripped


def simple_condition(condition: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a filter of one comparison as field, operator and value; None for any other."""
    if len(condition) != 1:
        return None
    [(name, value)] = condition.items()
    operator = "$eq"
    if isinstance(value, Mapping):
        if len(value) != 1:
            return None
        [(operator, value)] = value.items()
    if name.startswith("$") or operator not in COMPARED or isinstance(value, list | Mapping):
        return None
    shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
    # A text that looks like a number would come back as one.
    if value is None or (isinstance(value, str) and plain_value(value) != value):
        return None
    return {"field": name, "operator": operator, "value": shown}
