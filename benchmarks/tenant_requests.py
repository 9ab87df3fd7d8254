"""Work over REST for many tenants, by several clients at once."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx

from benchmarks.installation import Installation
from benchmarks.measure import Nonsense, timed, timing

Tenant = tuple[str, str]  # key, slug


def each(
    place: Installation,
    tenants: Sequence[Tenant],
    n_clients: int,
    work: Callable[[httpx.Client, Tenant], None],
) -> tuple[int, float, list[float]]:
    """Do work for each tenant, by so many clients at once; return n, seconds and milliseconds."""

    def share(part: Sequence[Tenant]) -> list[float]:
        with place.client() as client:
            return [timed(partial(work, client, tenant))[1] for tenant in part]

    started = time.perf_counter()
    with ThreadPoolExecutor(n_clients) as pool:
        parts = list(pool.map(share, [tenants[n::n_clients] for n in range(n_clients)]))
    return len(tenants), time.perf_counter() - started, [ms for part in parts for ms in part]


def rate(what: str, measured: tuple[int, float, list[float]]) -> dict[str, Any]:
    n, seconds, times = measured
    each_time = timing(times)
    return {
        "what": what,
        "n": n,
        "seconds": seconds,
        "per s": n / seconds,
        "p50 ms": each_time.p50,
        "p95 ms": each_time.p95,
    }


def bearer(tenant: Tenant) -> dict[str, str]:
    return {"Authorization": f"Bearer {tenant[0]}"}


def expect(answer: httpx.Response, status: int) -> Any:
    """Return the body of an answer of this status; raises Nonsense for another one."""
    if answer.status_code != status:
        raise Nonsense(f"{answer.status_code} instead of {status}: {answer.text[:300]}")
    return answer.json()
