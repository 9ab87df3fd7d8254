"""An item that may be recommended, on its way from the scores through the rules to a list; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Parts:
    """What a score is made of; the sum of all is the score.

    `history` maps items of the history (our ids) to what each adds by behaviour, `profile` is what
    a supplied vector of the user adds, `content` what texts add, `popularity` what is the same for
    everyone, `seen` what an item loses that the user has seen and that may be shown again.
    """

    history: Mapping[int, float] = field(default_factory=dict)
    profile: float = 0.0
    content: float = 0.0
    popularity: float = 0.0
    seen: float = 0.0

    @property
    def total(self) -> float:
        """Return the sum of all parts."""
        return (
            sum(self.history.values()) + self.profile + self.content + self.popularity + self.seen
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item and its score, best first in every list of candidates.

    `n_events` is how many interactions of it the live version was trained on, 0 for a new item.
    `parts` are known only of what is shown.
    """

    item_id: int
    external_id: str
    score: float
    attributes: Mapping[str, Any] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    n_events: int = 0
    parts: Parts | None = None
