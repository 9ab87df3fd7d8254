"""What the benchmarks share: timing, ratios, tables, reports as JSON, and reading of data sets.

Run a benchmark as a module from the repository root: python -m benchmarks.NAME --help
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from embedhub.cli.client import HubClient
from embedhub.cli.options import find_server
from embedhub.evaluation.judged import corpus_file, read_lines

Value = TypeVar("Value")
Vectors = NDArray[np.float32]
PACKAGES = ("embedhub", "pgvector", "psycopg", "sqlalchemy", "numpy", "torch")
N_BUCKETS = 1_000
# Into a file a table goes unbroken, whatever the terminal's width.
console = Console(width=None if sys.stdout.isatty() else 160)


class Nonsense(SystemExit):
    """A figure that cannot be true; the process ends with status 1 and says which."""


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile, linear between the two nearest values; raises Nonsense for none."""
    if not values:
        raise Nonsense("nothing was measured")
    return float(np.percentile(np.asarray(values, dtype=np.float64), percent))


@dataclass(frozen=True, slots=True)
class Timing:
    """A distribution of milliseconds."""

    n: int
    p50: float
    p95: float
    p99: float


def timing(milliseconds: Sequence[float]) -> Timing:
    """Return the percentiles; raises Nonsense for no values or a time that is not above zero."""
    if any(not value > 0 for value in milliseconds):
        raise Nonsense("a time is not above zero")
    p50, p95, p99 = (percentile(milliseconds, percent) for percent in (50, 95, 99))
    return Timing(len(milliseconds), p50, p95, p99)


def timed(work: Callable[[], Value]) -> tuple[Value, float]:
    """Return what the work returns, and the milliseconds it took."""
    started = time.perf_counter()
    value = work()
    return value, (time.perf_counter() - started) * 1000


@dataclass(frozen=True, slots=True)
class Ratio:
    """How two ways compare, pair by pair: a shared machine changes its speed between pairs."""

    median: float
    lower: float
    upper: float
    n: int


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Return ours over theirs, median and quartiles; the two were measured right after another."""
    if len(ours) != len(theirs) or not ours or min(*ours, *theirs) <= 0:
        raise Nonsense("pairs need two positive measurements each")
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    lower, median, upper = (percentile(ratios, percent) for percent in (25, 50, 75))
    return Ratio(median, lower, upper, len(ratios))


def recall(found: Sequence[Any], true: Sequence[Any]) -> float:
    """Return which part of the true ones was found; 1 if there are none."""
    return len(set(found) & set(true)) / len(set(true)) if true else 1.0


def mean(values: Sequence[float]) -> float:
    """Return the mean; raises Nonsense for no values."""
    if not values:
        raise Nonsense("nothing was measured")
    return statistics.fmean(values)


def print_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as a table; the columns are the keys of the first row."""
    if not rows:
        raise Nonsense(f"{title}: no rows")
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(shown(row.get(name)) for name in rows[0]))
    console.print(table)


def shown(value: object) -> str:
    """Return a cell: three digits that count, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def command_line(benchmark: str, arguments: Sequence[str]) -> str:
    """Return how a benchmark was called, for others to see: without the API key."""
    shown = re.sub(r"(--key[ =])\S+", r"\1KEY", " ".join(arguments))
    return f"python -m benchmarks.{benchmark} {shown}".rstrip()


def write_report(
    path: Path | None, benchmark: str, rows: Sequence[Mapping[str, Any]], **facts: Any
) -> None:
    """Write rows and facts as JSON with date, command, machine and versions; None writes nothing.

    Dataclasses become objects.
    """
    if path is None:
        return
    report = {
        "benchmark": benchmark,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command_line(benchmark, sys.argv[1:]),
        "machine": machine(),
        "versions": versions(),
        **facts,
        "rows": list(rows),
    }
    path.write_text(json.dumps(report, indent=2, default=_plain) + "\n")


def machine() -> dict[str, Any]:
    """Return what the figures depend on: processor, cores this process may use, memory."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_1m": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
    }


def machine_line() -> str:
    """Return date, machine and load as one line to stand under a table."""
    facts = machine()
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {facts['processor']}, {facts['cores']} cores,"
        f" {facts['memory_gb']} GB, load {facts['load_1m']}"
    )


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that do the work, where installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add which server to measure, and where to write the figures."""
    parser.add_argument("--url", help="address of the server; default: the one of --home")
    parser.add_argument("--key", help="API key; default: the first key of --home")
    parser.add_argument("--home", type=Path, help="home of an embedded installation")
    parser.add_argument("--json", type=Path, help="file for the figures")


def client_of(arguments: argparse.Namespace) -> HubClient:
    """Return a client of the server that the options name."""
    return HubClient(find_server(arguments.home, arguments.url, arguments.key))


def read_vectors(path: Path, n: int | None = None) -> Vectors:
    """Return the first rows of a .npy file as float32, shape (rows, dimension)."""
    stored = np.load(path, mmap_mode="r")
    if stored.ndim != 2 or not len(stored):
        raise Nonsense(f"{path} holds no rows of vectors")
    return np.ascontiguousarray(stored[:n], dtype=np.float32)


def read_metadata(path: Path, n: int | None = None) -> list[dict[str, Any]]:
    """Return the records of a JSON-lines file that goes with vectors, as documents.

    A record holds external_id (or id) and, where known, title, text and metadata; without
    metadata, what else it holds is the metadata.
    """
    return [_document(record) for record in islice(read_lines(path), n)]


def read_corpus(folder: Path, n: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield a judged set's documents with its own fields and a random `bucket` as metadata."""
    for record in islice(read_lines(corpus_file(folder)), n):
        yield _document(record)


def random_bucket(ident: str) -> int:
    """Return a number below 1,000 that depends on nothing but the id."""
    return int(hashlib.md5(f"bucket{ident}".encode()).hexdigest(), 16) % N_BUCKETS


def clustered_vectors(
    n: int, dimension: int, *, n_clusters: int = 200, intrinsic: int = 24, seed: int = 0
) -> Vectors:
    """Return unit vectors in clusters on few directions, as embeddings are; the same for a seed."""
    random = np.random.default_rng(seed)
    basis = np.linalg.qr(random.normal(size=(dimension, intrinsic)))[0].T
    centres = random.normal(size=(n_clusters, intrinsic))
    found = np.empty((n, dimension), dtype=np.float32)
    for start in range(0, n, 50_000):
        size = min(50_000, n - start)
        own = centres[random.integers(n_clusters, size=size)]
        low = own + 0.6 * random.normal(size=(size, intrinsic))
        wide = low @ basis + 0.02 * random.normal(size=(size, dimension))
        found[start : start + size] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return found


def _document(record: Mapping[str, Any]) -> dict[str, Any]:
    ident = str(record.get("external_id", record.get("id")))
    rest = {
        key: value
        for key, value in record.items()
        if key not in {"external_id", "id", "title", "text", "metadata", "vector"}
    }
    metadata = dict(record.get("metadata") or rest)
    if isinstance(metadata.get("categories"), str):
        metadata["categories"] = metadata["categories"].split(",")
    metadata.setdefault("bucket", random_bucket(ident))
    return {
        "external_id": ident,
        "title": record.get("title") or "",
        "text": record.get("text") or "",
        "metadata": metadata,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    return asdict(value)
