"""When a catalog is trained by itself: its own wishes over the installation's settings; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from embedhub.config import get_config
from embedhub.errors import InvalidInput

NAMES = ("automatic", "hours", "new_share", "min_interactions")
# A training that failed, or whose version was rejected, is not tried again sooner.
PAUSE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class TrainingSetting:
    """Trained by itself every `hours` if anything is new, sooner after a share of new events."""

    automatic: bool
    hours: float
    new_share: float
    min_interactions: int

    def new_ones_wanted(self, n_trained: int) -> int:
        """Return how many new interactions a training is worth before its time."""
        return max(round(self.new_share * n_trained), 1)


def setting_of(stored: Mapping[str, Any]) -> TrainingSetting:
    """Return what holds for a catalog that has stored these wishes."""
    config = get_config()
    return TrainingSetting(
        automatic=stored.get("automatic", True),
        hours=stored.get("hours", config.training_hours),
        new_share=stored.get("new_share", config.training_new_share),
        min_interactions=stored.get("min_interactions", config.training_min_interactions),
    )


def changed(stored: Mapping[str, Any], wished: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored wishes with changes: None takes a wish back. Raises InvalidInput."""
    result = dict(stored)
    for name, value in wished.items():
        if name not in NAMES:
            raise InvalidInput(f"is not one of {', '.join(NAMES)}", name)
        if value is None:
            result.pop(name, None)
            continue
        if name != "automatic" and not value > 0:
            raise InvalidInput("must be above 0", name)
        result[name] = value
    return result


def is_paused(tried_at: datetime | None, now: datetime) -> bool:
    """Say whether the last try is too short ago for the timetable to ask again."""
    return tried_at is not None and now - tried_at < PAUSE


def is_time(setting: TrainingSetting, tried_at: datetime | None, now: datetime) -> bool:
    """Say whether the time for the next training has come, if anything is new."""
    return tried_at is None or now - tried_at >= timedelta(hours=setting.hours)
