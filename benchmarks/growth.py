"""What ten times the rows cost: load, index build, size, search time and recall, synthetic vectors.

python -m benchmarks.growth --home HOME [--rows 100000 1000000] [--json FILE]

The vectors lie in clusters on few directions, as embeddings do. Queries are vectors of the same
kind that are not stored. Each size is a collection of its own, removed before the next.
"""

import argparse
import time
from functools import partial
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

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
    recall,
    timed,
    timing,
    write_report,
)
from benchmarks.sending import database_url, send_all, wait_for_index
from embedhub.cli.client import HubClient

DIMENSION = 384
K = 10
WARM_UP = 50
BLOCK = 100_000
SIZES = """
    SELECT s.precision, pg_table_size(c.oid),
           (SELECT sum(pg_relation_size(i.indexrelid)) FROM pg_index i JOIN pg_class k
            ON k.oid = i.indexrelid JOIN pg_am a ON a.oid = k.relam
            WHERE i.indrelid = c.oid AND a.amname = 'hnsw')
    FROM spaces s JOIN collections l ON l.id = s.collection_id
    JOIN pg_class c ON c.oid = to_regclass('vectors.embeddings_' || s.shelf_id)
    WHERE l.slug = %s AND s.kind = 'dense'
"""


def main() -> None:
    """Measure every size, print a table, and write the figures as JSON where asked to."""
    arguments = parse_arguments()
    client = client_of(arguments)
    rows: list[dict[str, Any]] = []
    for n in sorted(arguments.rows):
        rows.append(measure(arguments, client, n))
        console.print(rows[-1])
    for row in rows:
        row["p95, times the smallest"] = row["p95 ms"] / rows[0]["p95 ms"]
    print_table(f"synthetic vectors of {DIMENSION} dimensions, the nearest {K}", rows)
    console.print(machine_line())
    write_report(arguments.json, "growth", rows)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_server_options(parser)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=300)
    return parser.parse_args()


def measure(arguments: argparse.Namespace, client: HubClient, n: int) -> dict[str, Any]:
    """Load so many vectors, wait for the index, and ask for the nearest of vectors not stored."""
    vectors = clustered_vectors(n + arguments.queries, DIMENSION)
    stored, queries = vectors[:n], vectors[n:]
    slug = f"growth-{n}-{int(time.time())}"
    wanted = {"slug": slug, "encoder": "supplied", "dimension": DIMENSION}
    client.call("POST", "/v1/collections", wanted)
    started = time.perf_counter()
    if send_all(client, slug, stored) != n:
        raise Nonsense("not every row was stored")
    searchable_s = time.perf_counter() - started
    wait_for_index(arguments, slug)
    indexed_s = time.perf_counter() - started
    with psycopg.connect(database_url(arguments)) as connection:
        found = connection.execute(SIZES, [slug]).fetchone()
    if found is None:
        raise Nonsense("the space has no shelf of its own")
    precision, table_bytes, index_bytes = found
    true = nearest(stored, queries)
    for query in queries[:WARM_UP]:
        search(client, slug, query)
    answers = [timed(partial(search, client, slug, query)) for query in queries]
    seen = timing([milliseconds for _, milliseconds in answers])
    client.call("DELETE", f"/v1/collections/{slug}")
    return {
        "rows": n,
        "load rows/s": n / searchable_s,
        "index build s": indexed_s - searchable_s,
        "precision": precision,
        "table MB": table_bytes / 1e6,
        "index MB": int(index_bytes) / 1e6,
        "p50 ms": seen.p50,
        "p95 ms": seen.p95,
        "recall@10": mean(
            [recall(rows, wanted) for (rows, _), wanted in zip(answers, true, strict=True)]
        ),
    }


def search(client: HubClient, slug: str, query: Vectors) -> list[int]:
    """Return the rows found for a vector, best first."""
    wanted = {"vector": query.tolist(), "mode": "dense", "limit": K}
    return [int(hit["document"]["external_id"]) for hit in client.search(slug, wanted)["hits"]]


def nearest(vectors: Vectors, queries: Vectors) -> list[list[int]]:
    """Return the true nearest rows of each query, by inner product of unit vectors."""
    scores: NDArray[np.float32] = np.empty((len(queries), len(vectors)), dtype=np.float32)
    for start in range(0, len(vectors), BLOCK):
        scores[:, start : start + BLOCK] = queries @ vectors[start : start + BLOCK].T
    return [row.tolist() for row in np.argpartition(-scores, K, axis=1)[:, :K]]


if __name__ == "__main__":
    main()
