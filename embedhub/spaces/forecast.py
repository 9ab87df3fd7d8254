"""What building an HNSW index will take, before it begins: rows, time, memory, disk; pure.

The sizes follow pgvector 0.8's layouts. Measured against it: the bytes a row takes in memory within
2 %, those on disk within 5 %. Times scale a typical machine by what builds here took before.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from embedhub.spaces.distance import Precision

PAGE = 8192
MIB = 2**20
# A page without its header and pgvector's own mark at the end.
PAGE_ROOM = PAGE - 24 - 8
LINE_POINTER = 4
# An element of the graph in memory beside its value and its links.
ELEMENT_BYTES = 168
# What Postgres writes of a stored row beside its values.
ROW_BYTES = 64
# Milliseconds a row costs at m = 16 and ef_construction = 64 with one helper, on two virtual CPUs.
ROW_MS, DIMENSION_MS = 0.15, 0.0005
# A row that no longer fits the memory given is linked on disk instead.
SLOWER_ON_DISK = 6
# A little more than needed: the formula is not the allocator.
MEMORY_MARGIN = 1.15
LEAST_MEMORY = 64 * MIB


@dataclass(frozen=True, slots=True)
class HnswShape:
    """What the size of an HNSW index depends on."""

    dimension: int
    precision: str
    m: int
    ef_construction: int

    @property
    def value_bytes(self) -> int:
        """Return the bytes of one vector as the index holds it."""
        match Precision(self.precision):
            case Precision.HALFVEC:
                return 8 + 2 * self.dimension
            case Precision.VECTOR:
                return 8 + 4 * self.dimension
            case Precision.BIT:
                return 8 + -(-self.dimension // 8)

    @property
    def memory_per_row(self) -> float:
        """Return the bytes a row takes while the graph is built in memory."""
        upper_layers = (self.m * 16 + 8) / (self.m - 1)
        return ELEMENT_BYTES + 2 * self.m * 16 + 8 + upper_layers + _aligned(self.value_bytes)

    @property
    def disk_per_row(self) -> float:
        """Return the bytes a row takes in the finished index."""
        element = _aligned(72 + self.value_bytes)
        links = _aligned(4 + 2 * self.m * 6) + self.m * 6 / (self.m - 1)
        room = element + links + 2 * LINE_POINTER
        if room <= PAGE_ROOM:
            return PAGE / math.floor(PAGE_ROOM / room)
        # The element has a page of its own, and the links share others.
        return PAGE + PAGE / math.floor(PAGE_ROOM / (links + LINE_POINTER))

    @property
    def ms_per_row(self) -> float:
        """Return the milliseconds a row costs on a typical machine while the graph fits memory."""
        effort = (self.ef_construction / 64) * math.sqrt(self.m / 16)
        return (ROW_MS + DIMENSION_MS * self.value_bytes / 2) * effort


@dataclass(frozen=True, slots=True)
class Means:
    """What the database server and its disk offer to a build; None: nobody can tell from here."""

    # the most a build may take, and how many processes may help
    memory_bytes: int
    workers: int
    disk_free_bytes: int | None
    # the most that Postgres keeps of its log before it is recycled
    log_bytes: int
    # helpers share memory in files, where no folder of memory is large enough
    shares_memory_on_disk: bool = False
    # what builds here took, measured against the typical machine
    pace: float = 1.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a build is expected to take, and whether there is room for it."""

    rows: int
    seconds: float
    memory_needed_bytes: int
    memory_given_bytes: int
    fits_in_memory: bool
    workers: int
    index_bytes: int
    disk_needed_bytes: int
    disk_free_bytes: int | None
    has_room: bool

    def as_mapping(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def forecast_build(
    shape: HnswShape, rows: int, means: Means, *, keep_free: int, moved_rows: int = 0
) -> Forecast:
    """Return what building this index over so many rows takes, `moved_rows` of them moved before.

    `keep_free` bytes of disk are never counted on.
    """
    needed = math.ceil(rows * shape.memory_per_row)
    given = memory_to_give(needed, means.memory_bytes)
    index_bytes = math.ceil(rows * shape.disk_per_row)
    # A moved row is written anew, and everything written is written to the log as well.
    written = index_bytes + moved_rows * (ROW_BYTES + 8 + 4 * shape.dimension)
    disk = written + min(written, means.log_bytes)
    if means.shares_memory_on_disk and means.workers:
        disk += given
    free = means.disk_free_bytes
    return Forecast(
        rows=rows,
        seconds=round(model_seconds(shape, rows, given) * means.pace, 1),
        memory_needed_bytes=needed,
        memory_given_bytes=given,
        fits_in_memory=needed <= given,
        workers=means.workers,
        index_bytes=index_bytes,
        disk_needed_bytes=disk,
        disk_free_bytes=free,
        has_room=free is None or disk + keep_free <= free,
    )


def memory_to_give(needed: int, allowed: int) -> int:
    """Return the memory to set for a build: what it needs with a margin, within what is allowed.

    A build with helpers reserves all it is given, so a small one is not given everything.
    """
    return min(allowed, max(LEAST_MEMORY, math.ceil(needed * MEMORY_MARGIN)))


def model_seconds(shape: HnswShape, rows: int, memory: int) -> float:
    """Return what a build would take on the typical machine, rows beyond memory included."""
    in_memory = min(rows, memory / shape.memory_per_row)
    return (in_memory + (rows - in_memory) * SLOWER_ON_DISK) * shape.ms_per_row / 1000


def refusal(forecast: Forecast, *, keep_free: int) -> str:
    """Return in plain words why there is no room for a build."""
    free = forecast.disk_free_bytes or 0
    return (
        f"not enough disk: the index of {forecast.rows:,} rows needs about"
        f" {in_mib(forecast.disk_needed_bytes)} while it is built, {in_mib(free)} are free, and"
        f" {in_mib(keep_free)} of these are never taken (EMBEDHUB_MIN_FREE_DISK_BYTES)"
    )


def in_mib(n_bytes: int) -> str:
    """Return bytes as people read them: "3.1 MiB", "1,204 MiB"."""
    mib = n_bytes / MIB
    return f"{mib:,.1f} MiB" if mib < 10 else f"{mib:,.0f} MiB"


def _aligned(n_bytes: float) -> float:
    return math.ceil(n_bytes / 8) * 8
