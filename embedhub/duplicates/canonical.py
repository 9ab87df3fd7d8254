"""Which row of a cluster stands for the others: by a policy; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Policy(StrEnum):
    """How the one that is kept is chosen."""

    LONGEST = "longest"
    NEWEST = "newest"
    TRUSTED = "trusted"  # of the source that stands first in a list, of one source the longest
    MANUAL = "manual"  # as people say; where nobody has, the oldest


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of a cluster, by what policies look at."""

    id: int
    n_chars: int
    created_at: datetime
    source: str | None


def canonical_of(
    rows: Sequence[Candidate],
    policy: Policy,
    *,
    trusted: Sequence[str] = (),
    chosen: int | None = None,
) -> int:
    """Return the id of the row that stands for the others; of equals the oldest.

    What people have chosen goes before any policy. `trusted` are sources, the best first.
    """
    if chosen is not None and any(row.id == chosen for row in rows):
        return chosen
    rank = {source: place for place, source in enumerate(trusted)}

    def key(row: Candidate) -> tuple[float, float, float, int]:
        trust = rank.get(row.source or "", len(rank)) if policy is Policy.TRUSTED else 0
        is_by_length = policy in {Policy.LONGEST, Policy.TRUSTED}
        newest = -row.created_at.timestamp() if policy is Policy.NEWEST else 0.0
        oldest = row.created_at.timestamp()
        return (trust, -row.n_chars if is_by_length else newest, oldest, row.id)

    return min(rows, key=key).id
