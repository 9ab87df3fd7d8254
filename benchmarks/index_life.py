"""What rebuilding takes against its forecast, what searches feel of it, and what prewarming brings.

python -m benchmarks.index_life [--rows 100000] [--vectors FILE.npy] [--folder DIR] [--json FILE]

An installation of its own is made, loaded and indexed. Its index is rebuilt with each precision
while a client searches; then Postgres is started with cold caches, without and with prewarming.
"""

import argparse
import os
import tempfile
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from benchmarks.measure import (
    Nonsense,
    Timing,
    Vectors,
    client_of,
    clustered_vectors,
    console,
    machine_line,
    mean,
    percentile,
    print_table,
    read_vectors,
    recall,
    timed,
    timing,
    write_report,
)
from benchmarks.sending import PART_ROWS, send_part, wait_for_index
from embedhub.cli.client import HubClient
from embedhub.local.home import Home
from embedhub.local.network import free_port
from embedhub.local.service import start_detached, stop

SLUG = "papers"
DIMENSION = 384
K = 10
PRECISIONS = ("vector", "bit", "halfvec")
FIRST = 30
POLL_S = 0.1
STABLE_S = 4.0
TIMEOUT_S = 3_600


def main() -> None:
    """Measure, print the tables, and write the figures as JSON where asked to."""
    arguments = parse_arguments()
    vectors = (
        read_vectors(arguments.vectors, arguments.rows + arguments.queries)
        if arguments.vectors
        else clustered_vectors(arguments.rows + arguments.queries, DIMENSION)
    )
    stored, queries = vectors[: -arguments.queries], vectors[-arguments.queries :]
    with tempfile.TemporaryDirectory(prefix="embedhub-bench-") as temporary:
        arguments.home = arguments.folder or Path(temporary) / "home"
        try:
            client = start(arguments, prewarm=True)
            load(arguments, client, stored)
            rebuilt = [rebuild(client, stored, queries, one) for one in PRECISIONS]
            print_table(f"{len(stored):,} vectors: rebuilding the index", rebuilt)
            warmed = [first_searches(arguments, queries, prewarm=p) for p in (False, True)]
            print_table(f"the first {FIRST} searches after a start with cold caches", warmed)
        finally:
            stop(Home.at(arguments.home))
    console.print(machine_line())
    write_report(arguments.json, "index_life", [*rebuilt, *warmed])


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--vectors", type=Path, help=".npy of vectors; default: synthetic ones")
    parser.add_argument("--folder", type=Path, help="home that must not exist yet and stays")
    parser.add_argument("--json", type=Path, help="file for the figures")
    # The server is always the one that is made here.
    parser.set_defaults(url=None, key=None)
    return parser.parse_args()


def start(arguments: argparse.Namespace, *, prewarm: bool) -> HubClient:
    """Start the installation and return a client of it."""
    os.environ["EMBEDHUB_DEFAULT_ENCODER"] = "hashing-64"
    os.environ["EMBEDHUB_SWEEP_S"] = "1"
    os.environ["EMBEDHUB_PREWARM"] = str(prewarm).lower()
    start_detached(Home.at(arguments.home), "127.0.0.1", free_port("127.0.0.1", 0))
    return client_of(arguments)


def load(arguments: argparse.Namespace, client: HubClient, vectors: Vectors) -> None:
    """Load the vectors and return when the index answers."""
    wanted = {"slug": SLUG, "encoder": "supplied", "dimension": vectors.shape[1]}
    client.call("POST", "/v1/collections", wanted)
    for place in range(0, len(vectors), PART_ROWS):
        send_part(client, SLUG, place, vectors[place : place + PART_ROWS], form="base64")
    wait_for_index(arguments, SLUG)


def rebuild(client: HubClient, stored: Vectors, queries: Vectors, precision: str) -> dict[str, Any]:
    """Rebuild with a precision while somebody searches; return forecast, figures and recall."""
    idle = timing([ms for _, ms in ask_all(client, queries)])
    done = threading.Event()
    during: list[float] = []
    asking = threading.Thread(target=keep_asking, args=(client, queries, during, done))
    asking.start()
    try:
        asked = client.call("POST", f"/v1/collections/{SLUG}/index", {"precision": precision})
        run = wait_for_run(client, int(asked["run_id"]))
    finally:
        done.set()
        asking.join()
    index = client.call("GET", f"/v1/collections/{SLUG}/index")
    if index["precision"] != precision or not index["is_valid"]:
        raise Nonsense(f"the index is not one of precision {precision}")
    forecast, result = asked["forecast"], run["result"]
    after = ask_all(client, queries)
    busy: Timing = timing(during)
    return {
        "precision": precision,
        "foretold s": forecast["seconds"],
        "took s": result["seconds"],
        "rows/s": len(stored) / result["seconds"],
        "foretold MB": forecast["index_bytes"] / 1e6,
        "index MB": index["index_bytes"] / 1e6,
        "memory given MB": forecast["memory_given_bytes"] / 1e6,
        "fit": result["fit_in_memory"],
        "p95 ms before": idle.p95,
        "p95 ms meanwhile": busy.p95,
        "p95 ms after": timing([ms for _, ms in after]).p95,
        "recall@10": mean(
            [
                recall(found, wanted)
                for (found, _), wanted in zip(after, nearest(stored, queries), strict=True)
            ]
        ),
    }


def keep_asking(
    client: HubClient, queries: Vectors, during: list[float], done: threading.Event
) -> None:
    """Search one query after the other until told to stop, noting what each took."""
    place = 0
    while not done.is_set():
        during.append(timed(partial(search, client, queries[place % len(queries)]))[1])
        place += 1


def wait_for_run(client: HubClient, run_id: int) -> dict[str, Any]:
    """Return a run that has succeeded; raises Nonsense if it has not."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        run: dict[str, Any] = client.call("GET", f"/v1/runs/{run_id}")
        if run["status"] == "succeeded":
            return run
        if run["status"] not in {"queued", "running"}:
            raise Nonsense(f"the rebuild {run['status']}: {run['error']}")
        time.sleep(POLL_S)
    raise Nonsense("the index was not built in an hour")


def first_searches(
    arguments: argparse.Namespace, queries: Vectors, *, prewarm: bool
) -> dict[str, Any]:
    """Start with cold caches and return what the first searches take."""
    home = Home.at(arguments.home)
    stop(home)
    drop_cached_pages(home.postgres)
    client = start(arguments, prewarm=prewarm)
    if prewarm:
        wait_until_read(arguments)
    found = [timed(partial(search, client, query))[1] for query in queries[:FIRST]]
    return {
        "prewarm": prewarm,
        "first ms": found[0],
        "p50 ms": percentile(found, 50),
        "p95 ms": percentile(found, 95),
        f"all {FIRST} ms": sum(found),
    }


def drop_cached_pages(folder: Path) -> None:
    """Ask the system to forget the pages of all files of a folder that it has in memory."""
    for path in folder.rglob("*"):
        with suppress(OSError), path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def wait_until_read(arguments: argparse.Namespace) -> None:
    """Return when upkeep has read the index in: no more of its blocks are touched for a while."""
    state = Home.at(arguments.home).running()
    if state is None:
        raise Nonsense("the installation does not run")
    seen, since = -1, time.monotonic()
    begun = since
    statement = """
        SELECT coalesce(sum(idx_blks_read + idx_blks_hit), 0)
        FROM pg_statio_user_indexes WHERE indexrelname ~ '_hnsw$'
    """
    with psycopg.connect(state.database_url, autocommit=True) as connection:
        while time.monotonic() - since < STABLE_S or seen <= 0:
            row = connection.execute(statement).fetchone()
            blocks = int(row[0]) if row else 0
            if blocks != seen:
                seen, since = blocks, time.monotonic()
            if time.monotonic() - begun > TIMEOUT_S / 10:
                raise Nonsense("the index was not read in")
            time.sleep(POLL_S)


def ask_all(client: HubClient, queries: Vectors) -> list[tuple[list[int], float]]:
    """Return the rows found for each query, and the milliseconds each took."""
    return [timed(partial(search, client, query)) for query in queries]


def search(client: HubClient, query: Vectors) -> list[int]:
    """Return the rows found for a vector, best first."""
    wanted = {"vector": query.tolist(), "mode": "dense", "limit": K}
    return [int(hit["document"]["external_id"]) for hit in client.search(SLUG, wanted)["hits"]]


def nearest(vectors: Vectors, queries: Vectors) -> list[list[int]]:
    """Return the true nearest rows of each query, by inner product of unit vectors."""
    scores: NDArray[np.float32] = queries @ vectors.T
    return [row.tolist() for row in np.argpartition(-scores, K, axis=1)[:, :K]]


if __name__ == "__main__":
    main()
