"""Which plan the dense leg takes, exact or the HNSW index, and how far the index is scanned; pure.

Costs are in rows read in order from the table and compared, 0.7 microseconds each. They were
measured over 110,000 vectors of 384 dimensions; what matters is how they compare.
"""

from dataclasses import dataclass
from enum import StrEnum

from embedhub.search.estimate import Estimate
from embedhub.spaces.distance import Precision
from embedhub.tables.spaces import SHARED_SHELF


class DensePlan(StrEnum):
    """How the nearest vectors are found."""

    EXACT = "exact"
    HNSW = "hnsw"


# The bits only propose: this many candidates a wanted row are compared in full.
BIT_OVERSAMPLING = 4
# pgvector's largest candidate list.
MAX_EF_SEARCH = 1_000

# A row that an index on filter or access hands out: its page is read out of order.
LOOKED_UP_COST = 3.0
# A row that the HNSW scan comes by, its neighbours among them, and the way down to the first.
HNSW_ROW_COST = 3.0
HNSW_START_COST = 4_500.0
# Exact search is sure: it may cost so much more than the index is guessed to.
WORTH_OF_CERTAINTY = 1.5
# The scan comes by so many times the rows it takes until enough pass, if those that pass are
# spread evenly. Where they lie far from the query that does not suffice, and exact search follows.
PATIENCE = 4
MIN_SCAN_TUPLES = 2_000
MAX_SCAN_TUPLES = 200_000
# Memory of a scan, as a multiple of work_mem: so many rows a multiple fit.
TUPLES_A_MULTIPLE = 20_000


@dataclass(frozen=True, slots=True)
class DenseChoice:
    """A plan, with what the HNSW scan is given, and why, in plain words."""

    plan: DensePlan
    reason: str
    ef_search: int | None = None
    max_scan_tuples: int = 0

    @property
    def memory_multiple(self) -> int:
        """Return how many times work_mem the scan may take."""
        return 1 + self.max_scan_tuples // TUPLES_A_MULTIPLE


def n_candidates(wanted: int, precision: str) -> int:
    """Return how many rows the index proposes for so many wanted."""
    return wanted * BIT_OVERSAMPLING if precision == Precision.BIT else wanted


def has_index(shelf_id: int, *, is_indexed: bool) -> bool:
    """Return whether an HNSW index answers for the space: the shared shelf never has one."""
    return shelf_id != SHARED_SHELF and is_indexed


def exact_cost(estimate: Estimate) -> float:
    """Return what comparing all rows that pass costs: found by an index, or reading them all."""
    return min(float(estimate.n_rows), LOOKED_UP_COST * estimate.n_looked_up)


def scan_tuples(estimate: Estimate, wanted: int) -> int:
    """Return how many rows the HNSW scan may come by until as many as wanted pass."""
    needed = PATIENCE * wanted / estimate.share
    return round(min(MAX_SCAN_TUPLES, max(MIN_SCAN_TUPLES, needed)))


def choose(
    estimate: Estimate, *, wanted: int, exact_rows: int, ef_search: int, is_guess_told: bool = True
) -> DenseChoice:
    """Return the plan for an indexed shelf of its own.

    Few rows are compared one by one, which is exact. Of many the cheaper way is taken.
    `is_guess_told` says whether the reason may name how many rows there are.
    """
    if min(estimate.n_rows, estimate.n_looked_up) <= exact_rows:
        reason = f"at most {exact_rows:,} rows have to be compared: all of them are"
        return DenseChoice(DensePlan.EXACT, reason)
    tuples = scan_tuples(estimate, wanted)
    hnsw = HNSW_START_COST + HNSW_ROW_COST * tuples
    if exact_cost(estimate) <= WORTH_OF_CERTAINTY * hnsw:
        reason = "few of the rows pass: comparing them costs less than scanning the index for them"
        return DenseChoice(DensePlan.EXACT, reason)
    if estimate.n_passing >= estimate.n_rows:
        reason = "all rows pass: the index finds the nearest without comparing every one"
    elif is_guess_told:
        reason = (
            f"about {100 * estimate.share:.2g} % of the rows pass: the index comes by {wanted:,} of"
            f" them within {tuples:,} rows, with less work than comparing all that pass"
        )
    else:
        reason = "many rows pass: the index gives enough of them sooner than comparing them all"
    return DenseChoice(DensePlan.HNSW, reason, ef_search_for(wanted, ef_search), tuples)


def is_affordable(estimate: Estimate, fallback_rows: int) -> bool:
    """Return whether exact search may follow a scan that ended before enough rows passed."""
    return min(estimate.n_rows, estimate.n_looked_up) <= fallback_rows


def ef_search_for(wanted: int, configured: int) -> int:
    """Return the size of the candidate list: never less than the rows wanted."""
    return min(MAX_EF_SEARCH, max(wanted, configured))
