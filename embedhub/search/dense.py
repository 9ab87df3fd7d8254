"""Which plan the dense leg takes: exact, or the HNSW index."""

from dataclasses import dataclass
from enum import StrEnum

from embedhub.tables.spaces import SHARED_SHELF


class DensePlan(StrEnum):
    """How the nearest vectors are found."""

    EXACT = "exact"
    HNSW = "hnsw"


# The bits only propose: this many candidates a wanted row are compared in full.
BIT_OVERSAMPLING = 4
# pgvector's largest candidate list.
MAX_EF_SEARCH = 1_000
# Rows looked at to guess how many pass a filter.
SAMPLE_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Sample:
    """What a random part of a shelf showed: rows of the space, and how many pass."""

    n_rows: int
    n_passing: int

    def estimate(self, n_total: int) -> int:
        """Return how many of all rows pass, 0 if the sample was empty."""
        return round(n_total * self.n_passing / self.n_rows) if self.n_rows else 0


def has_index(shelf_id: int, *, is_indexed: bool) -> bool:
    """Return whether an HNSW index answers for the space: the shared shelf never has one."""
    return shelf_id != SHARED_SHELF and is_indexed


def choose_plan(n_matching: int, exact_rows: int) -> DensePlan:
    """Return the plan for about so many rows that pass filter and access on an indexed shelf.

    Few rows are compared one by one, which is exact; for many the index is faster, and its scan
    goes on until enough of them pass (pgvector's iterative scan).
    """
    return DensePlan.EXACT if n_matching <= exact_rows else DensePlan.HNSW


def ef_search_for(wanted: int, configured: int) -> int:
    """Return the size of the candidate list: never less than the rows wanted."""
    return min(MAX_EF_SEARCH, max(wanted, configured))
