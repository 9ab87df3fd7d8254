"""Many clients at once, against one process that loops the same SQL; and searching during ingest.

python -m benchmarks.concurrency --home HOME [--vectors FILE.npy] [--json FILE]

Without `--collection` a collection of its own is filled: with the vectors of a file (`--metadata`
names the records that go with them), or with random ones in clusters. Every request is a dense
search with a given vector. The raw side is one psycopg process that asks for the same candidates
with the same settings and joins the texts of the best ten, a statement after the other. All of it
takes place in rounds, each way once a round, because a shared machine changes its speed. During the
last part another process sends documents that the embed worker has to encode.

Client, web server and Postgres share this machine, so run it where nothing else does.
"""

import argparse
import base64
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clients import Load, load, post
from benchmarks.measure import (
    Nonsense,
    Vectors,
    add_server_options,
    client_of,
    clustered_vectors,
    machine_line,
    paired_ratio,
    percentile,
    print_table,
    read_metadata,
    read_vectors,
    timing,
    write_report,
)
from benchmarks.raw_search import RawSearch
from embedhub.cli.client import HubClient
from embedhub.cli.options import use_database
from embedhub.config import get_config

SLUG = "benchmark-concurrency"
INGEST_SLUG = "benchmark-concurrency-ingest"
DIMENSION = 384
BATCH = 500
WORDS = tuple(
    "the of and in a vector index search query latency protein galaxy quantum learning network"  # noqa: SIM905
    " energy model field state theory measure sample graph neural lattice".split()
)
RATIO_BAR, OVERHEAD_BAR_MS, INGEST_BAR = 0.35, 8.0, 3.0


def main() -> None:
    """Measure, print the tables, and write them as JSON where asked to."""
    arguments = parse_arguments()
    use_database(arguments.home)
    client = client_of(arguments)
    slug = arguments.collection or SLUG
    vectors = None if arguments.collection else fill(client, arguments)
    raw = RawSearch(get_config().database_url, slug)
    queries = chosen_queries(arguments, vectors, raw)
    requests = [
        post(client.server.url, f"/v1/collections/{slug}/search", client.server.key, dense(query))
        for query in queries
    ]
    plan = client.search(slug, {**dense(queries[0]), "explain": True})["plan"]
    check_same(raw, client, slug, queries[: arguments.checked])
    rows = throughput(client.server.url, requests, raw, queries, arguments)
    print_table(f"dense searches with given vectors, {raw.n_rows:,} rows, plan {plan}", rows)
    beside = during_ingest(client, requests, arguments) if arguments.ingest_seconds else []
    if beside:
        print_table("the same while the embed worker is busy", beside)
    print(machine_line())
    write_report(arguments.json, "concurrency", rows, during_ingest=beside, plan=plan)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_server_options(parser)
    parser.add_argument("--collection", help="an existing one, instead of one of its own")
    parser.add_argument("--vectors", type=Path, help=".npy with the rows to fill a collection with")
    parser.add_argument("--metadata", type=Path, help="JSON lines that go with --vectors")
    parser.add_argument("--queries", type=Path, help=".npy with query vectors; default: near rows")
    parser.add_argument("--rows", type=int, default=20_000, help="how many rows are made or read")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each way in a round")
    parser.add_argument("--ingest-seconds", type=float, default=20.0, help="0 leaves it out")
    parser.add_argument("--checked", type=int, default=10, help="queries compared with raw SQL")
    return parser.parse_args()


def dense(vector: Vectors) -> dict[str, object]:
    """Return the request of a dense search."""
    return {"vector": encoded(vector), "mode": "dense"}


def encoded(vector: Vectors) -> str:
    """Return a vector as the API takes it shortest."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def fill(client: HubClient, arguments: argparse.Namespace) -> Vectors:
    """Fill the benchmark's own collection, unless it is full already; return the vectors."""
    if arguments.vectors:
        vectors = read_vectors(arguments.vectors, arguments.rows)
    else:
        vectors = clustered_vectors(arguments.rows, DIMENSION)
    dimension = vectors.shape[1]
    found = client.find_collection(SLUG)
    if found is not None and found["dimension"] != dimension:
        raise Nonsense(f"collection {SLUG} holds vectors of {found['dimension']} dimensions")
    client.ensure_collection(SLUG, encoder="supplied", dimension=dimension)
    if client.call("GET", f"/v1/collections/{SLUG}/status")["n_embedded"] != len(vectors):
        send(client, vectors, arguments.metadata)
    deadline = time.monotonic() + 3_600
    while not is_ready(client, vectors):
        if time.monotonic() > deadline:
            raise Nonsense("the index was not built within an hour")
        time.sleep(1)
    return vectors


def send(client: HubClient, vectors: Vectors, metadata: Path | None) -> None:
    """Send every vector as a document of one passage."""
    records = [] if metadata is None else read_metadata(metadata, len(vectors))
    for start in range(0, len(vectors), BATCH):
        documents = [
            {
                **(records[place] if records else synthetic(place)),
                "vector": encoded(vectors[place]),
            }
            for place in range(start, min(start + BATCH, len(vectors)))
        ]
        client.call("POST", f"/v1/collections/{SLUG}/documents", {"documents": documents})


def synthetic(place: int, n_words: int = 150) -> dict[str, Any]:
    """Return a document about as long as an abstract, the same for a place."""
    random = np.random.default_rng(place)
    words = random.choice(WORDS, size=n_words)
    return {"external_id": str(place), "title": f"Document {place}", "text": " ".join(words)}


def is_ready(client: HubClient, vectors: Vectors) -> bool:
    """Say whether all vectors are stored, and the index answers where they are many enough."""
    status = client.call("GET", f"/v1/collections/{SLUG}/status")
    if status["n_embedded"] != len(vectors):
        return False
    answer = client.search(SLUG, {**dense(vectors[0]), "explain": True})
    return len(vectors) <= get_config().exact_rows or str(answer["plan"]).startswith("hnsw")


def chosen_queries(
    arguments: argparse.Namespace, vectors: Vectors | None, raw: RawSearch, n: int = 500
) -> Vectors:
    """Return the vectors to search with: those given, or rows moved a little."""
    if arguments.queries:
        return read_vectors(arguments.queries, n)
    rows = raw.some_vectors(n) if vectors is None else vectors[:: max(1, len(vectors) // n)][:n]
    random = np.random.default_rng(1)
    moved = rows + random.normal(scale=0.3 / np.sqrt(rows.shape[1]), size=rows.shape)
    unit: Vectors = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    return unit


def check_same(raw: RawSearch, client: HubClient, slug: str, queries: Vectors) -> None:
    """Raise Nonsense unless both ways find the same."""
    for query in queries:
        ours = client.search(slug, {**dense(query), "group": "chunk"})["hits"]
        theirs = raw.search(query)
        shared = {hit["document"]["external_id"] for hit in ours} & {row[0] for row in theirs}
        if len(ours) != len(theirs) or len(shared) < 0.9 * len(theirs):
            raise Nonsense("the raw SQL and the service find different rows")


def throughput(
    url: str,
    requests: Sequence[bytes],
    raw: RawSearch,
    queries: Vectors,
    arguments: argparse.Namespace,
) -> list[dict[str, Any]]:
    """Return a row for the raw loop and for each number of clients."""
    raw.loop(queries, 1.0)
    load(url, requests, max(arguments.clients), 2.0)
    loops: list[Load] = []
    loads: dict[int, list[Load]] = {n: [] for n in arguments.clients}
    for _ in range(arguments.rounds):
        loops.append(raw.loop(queries, arguments.seconds))
        for n in arguments.clients:
            loads[n].append(checked(load(url, requests, n, arguments.seconds)))
    rows = [row_of("raw SQL, one process", loops, loops)]
    rows += [row_of(f"REST, {n} client{'s'[: n > 1]}", loads[n], loops) for n in arguments.clients]
    if rows[-1]["ratio"] < RATIO_BAR:
        print(f"below the bar: {rows[-1]['ratio']:.2f} of raw, wanted {RATIO_BAR}")
    if 1 in loads and rows[1]["p50 - raw ms"] > OVERHEAD_BAR_MS:
        print(f"above the bar: raw + {rows[1]['p50 - raw ms']:.1f} ms, wanted {OVERHEAD_BAR_MS}")
    return rows


def row_of(name: str, loads: Sequence[Load], loops: Sequence[Load]) -> dict[str, Any]:
    """Return the figures of one way over all rounds, and against the raw loop of the same round."""
    times = timing([ms for one in loads for ms in one.milliseconds])
    ratio = paired_ratio([one.per_second for one in loads], [one.per_second for one in loops])
    medians = [
        percentile(one.milliseconds, 50) - percentile(loop.milliseconds, 50)
        for one, loop in zip(loads, loops, strict=True)
    ]
    return {
        "way": name,
        "n": times.n,
        "requests/s": float(np.median([one.per_second for one in loads])),
        "ratio": ratio.median,
        "p50 ms": times.p50,
        "p95 ms": times.p95,
        "p99 ms": times.p99,
        "p50 - raw ms": float(np.median(medians)),
    }


def checked(met: Load) -> Load:
    """Return what was met; raises Nonsense for an answer without hits."""
    if not met.bodies or not all(json.loads(body)["hits"] for body in met.bodies):
        raise Nonsense("a search found nothing")
    return met


def during_ingest(
    client: HubClient, requests: Sequence[bytes], arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Return p95 idle and while the embed worker encodes, for each number of clients."""
    url, seconds = client.server.url, arguments.ingest_seconds
    idle = {n: checked(load(url, requests, n, seconds)) for n in arguments.clients}
    with ingesting(arguments) as n_sent:
        busy = {n: checked(load(url, requests, n, seconds)) for n in arguments.clients}
        if not n_sent():
            raise Nonsense("nothing was ingested meanwhile")
    rows = []
    for n in arguments.clients:
        quiet, loud = timing(idle[n].milliseconds), timing(busy[n].milliseconds)
        rows.append(
            {
                "clients": n,
                "idle p50 ms": quiet.p50,
                "idle p95 ms": quiet.p95,
                "ingest p50 ms": loud.p50,
                "ingest p95 ms": loud.p95,
                "p95 ratio": loud.p95 / quiet.p95,
            }
        )
        if loud.p95 > INGEST_BAR * quiet.p95:
            print(f"above the bar: p95 of {n} clients times {loud.p95 / quiet.p95:.1f}")
    return rows


@contextmanager
def ingesting(arguments: argparse.Namespace) -> Iterator[Callable[[], int]]:
    """Send texts from another process, a batch after the other as they are indexed; yield a count
    of those sent."""
    context = multiprocessing.get_context("spawn")
    n_sent = context.Value("q", 0)
    process = context.Process(target=ingest, args=(arguments, n_sent), daemon=True)
    process.start()
    try:
        while not n_sent.value:
            if not process.is_alive():
                raise Nonsense("the ingest ended")
            time.sleep(0.1)
        yield lambda: int(n_sent.value)
    finally:
        process.kill()
        process.join()


def ingest(arguments: argparse.Namespace, n_sent: Any) -> None:
    """Send new texts for ever, never letting the embed worker run dry."""
    client = client_of(arguments)
    client.ensure_collection(INGEST_SLUG, chunking={"strategy": "document"})
    salt = time.time_ns()
    for batch in cycle([0]):
        del batch
        documents = [synthetic((salt + n_sent.value + i) % 2**63) for i in range(100)]
        client.call("POST", f"/v1/collections/{INGEST_SLUG}/documents", {"documents": documents})
        n_sent.value += len(documents)
        while client.call("GET", f"/v1/collections/{INGEST_SLUG}/status")["n_pending"] > 1_000:
            time.sleep(0.5)


if __name__ == "__main__":
    main()
