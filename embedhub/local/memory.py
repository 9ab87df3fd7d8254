"""How much memory the embedded Postgres takes, from what the machine has."""

import os
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20

# Where containers state their limit (cgroup v2, then v1).
CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass(frozen=True, slots=True)
class PostgresMemory:
    """Memory settings of one Postgres server, in MiB."""

    shared_buffers: int
    maintenance_work_mem: int
    effective_cache_size: int
    work_mem: int


def machine_memory() -> int:
    """Return the bytes of memory this process may count on: the container's limit or the RAM."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in CGROUP_LIMITS:
        if path.is_file():
            limit = path.read_text().strip()
            if limit.isdigit():
                return min(total, int(limit))
    return total


def plan_memory(total: int) -> PostgresMemory:
    """Return settings for a machine of `total` bytes that also runs two processes with an encoder.

    Less than the usual quarter for shared_buffers: the encoder lives on the same machine.
    """
    mib = total // MIB
    return PostgresMemory(
        shared_buffers=_between(mib // 8, 64, 4096),
        # An HNSW graph that fits here is built several times faster than one that does not; a build
        # is given only what its forecast says it needs.
        maintenance_work_mem=_between(mib // 16, 64, 8192),
        effective_cache_size=_between(mib // 2, 128, 64 * 1024),
        work_mem=_between(mib // 512, 4, 32),
    )


def _between(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))
