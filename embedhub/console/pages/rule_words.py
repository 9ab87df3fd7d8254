"""Rules of placements, and filters, as sentences; pure."""

from collections.abc import Mapping, Sequence
from typing import Any

COMPARED = {
    "$eq": "is",
    "$ne": "is not",
    "$gt": "is above",
    "$gte": "is at least",
    "$lt": "is below",
    "$lte": "is at most",
    "$contains": "contains",
}
LISTED = {"$in": "is", "$nin": "is not"}


def sentence(rule: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return what a rule does; `titles` name items by their external ids."""
    match rule["action"]:
        case "pin":
            item = str(rule["item"])
            return f"Pin “{titles.get(item, item)}” to place {rule['position']}"
        case "boost":
            return f"Boost {which(rule)} {_change(rule)}"
        case "bury":
            return f"Bury {which(rule)} {_change(rule)}"
        case "cap":
            of = f"of each {rule['field']}" if rule.get("field") else f"of {which(rule)}"
            window = rule.get("window", 10)
            within = f"in any {window} places" if window else "in the whole list"
            return f"At most {rule['most']} {of} {within}"
        case "at_least":
            return f"At least {percent(rule['share'])} of the places for {which(rule)}"
        case _:
            of = which(rule) if rule.get("filter") or rule.get("categories") else "any items"
            most = rule.get("max_events")
            known = "" if most is None else f" with at most {most} interactions"
            depth = rule.get("depth", 100)
            return (
                f"{percent(rule['share'])} of the places for {of}{known}, drawn at random from the"
                f" best {depth}"
            )


def which(rule: Mapping[str, Any]) -> str:
    """Return which items a rule is about."""
    parts = []
    if rule.get("categories"):
        parts.append(f"in {any_of(rule['categories'])}")
    if rule.get("filter"):
        parts.append(f"whose {filter_words(rule['filter'])}")
    return f"items {' and '.join(parts)}" if parts else "all items"


def filter_words(condition: Mapping[str, Any]) -> str:
    """Return a filter in words, such as "year is at least 1990 and lang is en"."""
    parts = []
    for key, value in condition.items():
        if key in {"$and", "$or"}:
            joined = " and " if key == "$and" else " or "
            parts.append(f"({joined.join(filter_words(part) for part in value)})")
        elif key == "$not":
            parts.append(f"not ({filter_words(value)})")
        else:
            parts += _field_words(key, value)
    return " and ".join(parts)


def percent(share: float) -> str:
    """Return a share as people read it: 0.25 is "25 %"."""
    return f"{100 * share:g} %"


def any_of(words: Sequence[object]) -> str:
    """Return "a", "a or b", "a, b or c"."""
    shown = [str(word) for word in words]
    return shown[-1] if len(shown) < 2 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _field_words(name: str, value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"{name} is {_plain(value)}"]
    return [_test(name, operator, operand) for operator, operand in value.items()]


def _test(name: str, operator: str, operand: Any) -> str:
    if operator in LISTED:
        return f"{name} {LISTED[operator]} {any_of([_plain(one) for one in operand])}"
    if operator == "$exists":
        return f"{name} {'is there' if operand else 'is missing'}"
    if operator == "$not":
        return f"not ({' and '.join(_field_words(name, operand))})"
    return f"{name} {COMPARED.get(operator, operator)} {_plain(operand)}"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "missing" if value is None else str(value)


def _change(rule: Mapping[str, Any]) -> str:
    if rule.get("factor") is not None:
        return f"by factor {rule['factor']:g}"
    return f"by {rule['amount']:g}"
