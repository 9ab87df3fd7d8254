"""What is flagged among rows, and how much of it: the setting of one owner and level; pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from embedhub.anomalies.fusion import Budget
from embedhub.errors import InvalidInput

MAX_SHARE = 0.2
MAX_PER_DAY = 10_000
MAX_FIELD_CHARS = 100


class Detector(StrEnum):
    """What makes a row stand out."""

    FUSED = "fused"  # the sum of all signals, within the budget
    CENTROID = "centroid"  # its similarity to the mean of all rows is below a limit


@dataclass(frozen=True, slots=True)
class Setting:
    """The budget of false alarms, the detector, and the field whose values are labels.

    `limit` is the cosine to the mean of all rows below which `centroid` flags.
    """

    budget: Budget = field(default_factory=Budget)
    detector: Detector = Detector.FUSED
    limit: float = 0.1
    label_field: str | None = None


def setting_of(stored: Mapping[str, Any]) -> Setting:
    """Return the setting that was stored by `as_stored`; what is missing is the default."""
    given = dict(stored)
    if "budget" in given:
        given["budget"] = Budget(**given["budget"])
    if "detector" in given:
        given["detector"] = Detector(given["detector"])
    return Setting(**given)


def as_stored(setting: Setting) -> dict[str, Any]:
    """Return a setting as JSON."""
    return asdict(setting) | {"detector": setting.detector.value}


def changed(setting: Setting, wished: Mapping[str, Any]) -> Setting:
    """Return a setting with changes; raises InvalidInput naming what cannot be."""
    given = as_stored(setting)
    for name, value in wished.items():
        if name not in given:
            raise InvalidInput(f"must be one of {', '.join(given)}", name)
        given[name] = _checked(name, value)
    return setting_of(given)


def _checked(name: str, value: Any) -> Any:
    checks = {
        "budget": _checked_budget,
        "detector": _checked_detector,
        "limit": _checked_limit,
        "label_field": _checked_label_field,
    }
    return checks[name](value)


def _checked_budget(value: Any) -> dict[str, Any]:
    """Return a budget of exactly one kind."""
    given = {name: one for name, one in dict(value or {}).items() if one is not None}
    if len(given) != 1 or not set(given) <= {"share", "per_day"}:
        raise InvalidInput("give either a share of the rows or a number per_day", "budget")
    share, per_day = given.get("share"), given.get("per_day")
    if share is not None and not 0 < share <= MAX_SHARE:
        raise InvalidInput(f"must be above 0 and at most {MAX_SHARE}", "budget.share")
    if per_day is not None and not 1 <= per_day <= MAX_PER_DAY:
        raise InvalidInput(f"must be from 1 to {MAX_PER_DAY:,}", "budget.per_day")
    return {"share": share, "per_day": per_day}


def _checked_detector(value: Any) -> str:
    if value not in list(Detector):
        raise InvalidInput(f"must be {' or '.join(Detector)}", "detector")
    return str(value)


def _checked_limit(value: Any) -> float:
    if not isinstance(value, int | float) or not -1 <= value <= 1:
        raise InvalidInput("is a cosine: must be from -1 to 1", "limit")
    return float(value)


def _checked_label_field(value: Any) -> str | None:
    if value in {None, ""}:
        return None
    if not isinstance(value, str) or len(value) > MAX_FIELD_CHARS:
        raise InvalidInput(f"must be text of at most {MAX_FIELD_CHARS} characters", "label_field")
    return value
