"""What recall is, and over which classes of filters it is kept; pure."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from embedhub.search.fusion import Candidate

# Recall is told of this many nearest.
K = 10
# Scores are computed by one expression over one snapshot: they differ by nothing but its rounding.
TIE = 1e-9


class FilterClass(StrEnum):
    """Searches without a filter, or with one that keeps about this part of the rows."""

    NONE = "none"
    HALF = "50%"
    TENTH = "10%"
    HUNDREDTH = "1%"
    THOUSANDTH = "0.1%"


# Largest first.
SHARES = {
    FilterClass.HALF: 0.5,
    FilterClass.TENTH: 0.1,
    FilterClass.HUNDREDTH: 0.01,
    FilterClass.THOUSANDTH: 0.001,
}


def class_of_share(share: float) -> FilterClass:
    """Return the class whose share is nearest by ratio; what keeps still less is in the last."""
    if share <= 0:
        return FilterClass.THOUSANDTH
    return min(SHARES, key=lambda one: abs(math.log(share / SHARES[one])))


def recall_of(found: Sequence[Candidate], true: Sequence[Candidate], k: int = K) -> float | None:
    """Return which part of the true `k` nearest was found among the first `k`.

    Both lists are best first. A row as good as the last true one counts as well: among equals it
    is chance which of them exact search puts first. None if there is nothing to find.
    """
    wanted = true[:k]
    if not wanted:
        return None
    ids = {candidate.chunk_id for candidate in wanted}
    last = wanted[-1].score
    tolerance = TIE * max(1.0, abs(last))
    hits = {
        candidate.chunk_id
        for candidate in found[:k]
        if candidate.chunk_id in ids or abs(candidate.score - last) <= tolerance
    }
    return min(1.0, len(hits) / len(wanted))


@dataclass(slots=True)
class Tally:
    """The checked searches of one class of filters in one visit of a space."""

    recalls: list[float] = field(default_factory=list)
    plans: Counter[str] = field(default_factory=Counter)
    n_asked: int = 0
    n_incomplete: int = 0
    rows_compared: int = 0
    took_ms: float = 0.0

    @property
    def recall(self) -> float | None:
        """Return the mean recall, None if nothing was checked."""
        return math.fsum(self.recalls) / len(self.recalls) if self.recalls else None

    @property
    def lowest(self) -> float | None:
        """Return the recall of the worst search, None if nothing was checked."""
        return min(self.recalls, default=None)
