"""How a label set is trained, as its setting says; pure."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from embedhub.errors import InvalidInput
from embedhub.labels.training import Wishes

MOST_REJECTED = 0.5
NAMES = tuple(field.name for field in fields(Wishes))


def wishes_of(stored: Mapping[str, Any]) -> Wishes:
    """Return how a set with this stored setting is trained."""
    return Wishes(**{name: value for name, value in stored.items() if name in NAMES})


def changed(stored: Mapping[str, Any], wished: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored setting with changes; raises InvalidInput naming what cannot be."""
    result = dict(stored)
    for name, value in wished.items():
        if name not in NAMES:
            raise InvalidInput(f"is not one of {', '.join(NAMES)}", f"setting.{name}")
        if name == "rejected_share" and not 0 <= value <= MOST_REJECTED:
            raise InvalidInput(f"must be from 0 to {MOST_REJECTED}", f"setting.{name}")
        result[name] = value
    return result


def shown(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return every part of a setting."""
    return asdict(wishes_of(stored))
