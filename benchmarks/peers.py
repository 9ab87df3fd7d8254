"""EmbedHub beside what one would pick instead: the same vectors, one run, one client.

python -m venv .venv-peers && .venv-peers/bin/pip install -r benchmarks/peers.txt
python -m benchmarks.peers --home HOME --interpreter .venv-peers/bin/python [--vectors FILE.npy]

Each store is filled with the same vectors, a short text and a number a row, then asked for the
nearest ten of vectors it does not hold, without a filter and with one that a tenth of the rows
pass. The peers run in a process of their own on the interpreter that has them (raw SQL and
langchain-postgres in a database of their own on the home's Postgres); EmbedHub is asked over REST.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psycopg
from numpy.typing import NDArray
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from benchmarks.clients import Client, post
from benchmarks.measure import (
    Nonsense,
    Vectors,
    add_server_options,
    client_of,
    clustered_vectors,
    console,
    machine_line,
    mean,
    print_table,
    read_vectors,
    recall,
    timing,
    write_report,
)
from benchmarks.peer_stores import WANTED_BUCKET, WARM_UP, text_of
from benchmarks.sending import database_url, send_all, wait_for_index
from embedhub.cli.client import HubClient

K = 10
DIMENSION = 384
SCRATCH = "embedhub_peers"
STORES = ("raw_sql", "hnswlib", "chromadb", "langchain")
N_BUCKETS = 10


def main() -> None:
    """Fill and ask every store, print a table, and write the figures as JSON where asked to."""
    arguments = parse_arguments()
    stored, queries = read(arguments)
    buckets = np.arange(len(stored)) % N_BUCKETS
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        for name, array in (("vectors", stored), ("queries", queries), ("buckets", buckets)):
            np.save(Path(folder) / f"{name}.npy", array)
        reports = {"embedhub (REST)": embedhub(arguments, stored, queries, buckets)}
        for store in arguments.stores:
            console.print(f"filling {store} …")
            reports[store] = peer(arguments, store, Path(folder))
    truth = {
        "plain": nearest(stored, queries),
        "filtered": nearest(stored, queries, np.flatnonzero(buckets == WANTED_BUCKET)),
    }
    ours = reports["embedhub (REST)"]
    rows = [
        {
            "store": name,
            # A peer answers when its loading returns, be it with an index or without.
            "rows/s until searchable": len(stored) / searchable_s(report),
            "ours times faster": searchable_s(report) / searchable_s(ours),
            "rows/s until indexed": len(stored) / report["load_s"],
            **columns("", report["plain"], truth["plain"]),
            **columns("10 % ", report["filtered"], truth["filtered"]),
        }
        for name, report in reports.items()
    ]
    print_table(f"{len(stored):,} × {stored.shape[1]}, the nearest {K}, one client", rows)
    console.print(machine_line())
    write_report(arguments.json, "peers", rows, n=len(stored), dimension=stored.shape[1])


def searchable_s(report: dict[str, Any]) -> float:
    """Return the seconds until a store answered with every row."""
    return float(report.get("searchable_s", report["load_s"]))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_server_options(parser)
    parser.add_argument("--interpreter", type=Path, required=True, help="Python that has the peers")
    parser.add_argument("--vectors", type=Path, help=".npy file; default: clustered random ones")
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--stores", nargs="*", choices=STORES, default=list(STORES))
    return parser.parse_args()


def read(arguments: argparse.Namespace) -> tuple[Vectors, Vectors]:
    """Return the vectors to store, and the last ones as the queries, which are not stored."""
    n = arguments.rows + arguments.queries
    if arguments.vectors is None:
        vectors = clustered_vectors(n, DIMENSION)
    else:
        vectors = read_vectors(arguments.vectors, n)
    if len(vectors) <= arguments.queries:
        raise Nonsense("more vectors than queries are needed")
    return vectors[: -arguments.queries], vectors[-arguments.queries :]


def embedhub(
    arguments: argparse.Namespace, vectors: Vectors, queries: Vectors, buckets: NDArray[np.int64]
) -> dict[str, Any]:
    """Fill a collection over REST until its index is built, and ask it over one connection."""
    client = client_of(arguments)
    slug = f"peers-{int(time.time())}"
    wanted = {
        "slug": slug,
        "encoder": "supplied",
        "dimension": int(vectors.shape[1]),
        "filterable": {"bucket": "number"},
    }
    client.call("POST", "/v1/collections", wanted)
    started = time.perf_counter()
    stored = send_all(
        client,
        slug,
        vectors,
        beside=lambda row: {"text": text_of(row), "bucket": int(buckets[row])},
    )
    if stored != len(vectors):
        raise Nonsense("not every row was stored")
    searchable_s = time.perf_counter() - started
    wait_for_index(arguments, slug)
    report: dict[str, Any] = {
        "searchable_s": searchable_s,
        "load_s": time.perf_counter() - started,
    }
    for name, filter_ in (("plain", {}), ("filtered", {"bucket": WANTED_BUCKET})):
        report[name] = asked(client, slug, queries, filter_)
    client.call("DELETE", f"/v1/collections/{slug}")
    return report


def asked(
    client: HubClient, slug: str, queries: Vectors, filter_: dict[str, int]
) -> dict[str, Any]:
    """Return the milliseconds and the rows found of every query, as a peer reports them."""
    connection = Client(client.server.url)
    milliseconds, found = [], []
    for place, query in enumerate([*queries[:WARM_UP], *queries]):
        wanted = {"vector": query.tolist(), "mode": "dense", "limit": K, "filter": filter_}
        request = post(
            client.server.url, f"/v1/collections/{slug}/search", client.server.key, wanted
        )
        started = time.perf_counter()
        connection.send(request)
        while (body := connection.receive()) is None:
            pass
        if place >= WARM_UP:
            milliseconds.append((time.perf_counter() - started) * 1000)
            hits = orjson.loads(body)["hits"]
            found.append([int(hit["document"]["external_id"]) for hit in hits])
    connection.socket.close()
    return {"milliseconds": milliseconds, "found": found}


def peer(arguments: argparse.Namespace, store: str, folder: Path) -> dict[str, Any]:
    """Return what a peer saw that ran on its own interpreter, on a database of its own."""
    own = database_url(arguments)
    with psycopg.connect(own, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {SCRATCH}")
        url = make_url(own).set(database=SCRATCH).render_as_string(hide_password=False)
        conninfo_to_dict(url)  # raises for a URL that libpq would read otherwise
        script = Path(__file__).with_name("peer_stores.py")
        command = [str(arguments.interpreter), str(script), store, str(folder)]
        command += ["--database-url", url, "--k", str(K)]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
        finally:
            connection.execute(f"DROP DATABASE {SCRATCH} WITH (FORCE)")
    if ended.returncode:
        raise Nonsense(f"{store} failed: {ended.stderr[-500:]}")
    report: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return report


def nearest(
    vectors: Vectors, queries: Vectors, among: NDArray[np.int64] | None = None
) -> list[list[int]]:
    """Return the true nearest rows of each query by cosine, of all rows or among some."""
    places = np.arange(len(vectors)) if among is None else among
    chosen = vectors[places]
    chosen = chosen / np.linalg.norm(chosen, axis=1, keepdims=True)
    scores = queries @ chosen.T
    best = np.argpartition(-scores, K, axis=1)[:, :K]
    return [places[row].tolist() for row in best]


def columns(prefix: str, part: dict[str, Any], true: list[list[int]]) -> dict[str, float]:
    """Return the columns of one kind of query."""
    seen = timing(part["milliseconds"])
    recalls = [recall(found, wanted) for found, wanted in zip(part["found"], true, strict=True)]
    return {
        f"{prefix}p50 ms": seen.p50,
        f"{prefix}p95 ms": seen.p95,
        f"{prefix}recall": mean(recalls),
    }


if __name__ == "__main__":
    main()
