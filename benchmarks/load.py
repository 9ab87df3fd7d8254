"""Loading supplied vectors: until searchable, until indexed, against a raw COPY and CREATE INDEX.

python -m benchmarks.load --home HOME [--rows 100000] [--vectors FILE.npy] [--json FILE]
python -m benchmarks.load --home HOME --gigabytes 1 [--lines vectors|texts] [--json FILE]

The first form sends the same vectors as base64 and as JSON numbers, one client with a few
connections, and waits for the index; then it does the same by hand in the same Postgres. The second
one streams a generated NDJSON of that size in one request and watches the memory of the server's
processes. Use a home of its own, on the machine that the server runs on.
"""

import argparse
import struct
import time
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.measure import (
    Nonsense,
    Vectors,
    add_server_options,
    client_of,
    clustered_vectors,
    console,
    machine_line,
    print_table,
    read_vectors,
    write_report,
)
from benchmarks.memory import DIMENSION, watch_import
from benchmarks.sending import (
    Form,
    check,
    database_url,
    send_all,
    wait_for_index,
    wait_until_idle,
)
from embedhub.cli.client import HubClient


def main() -> None:
    """Measure, print a table, and write the figures as JSON where asked to."""
    arguments = parse_arguments()
    client = client_of(arguments)
    if arguments.gigabytes:
        rows = [watch_import(arguments, client)]
        print_table("memory while importing", rows)
        write_report(arguments.json, "load", rows, what="memory")
    else:
        vectors = (
            clustered_vectors(arguments.rows, DIMENSION)
            if arguments.vectors is None
            else read_vectors(arguments.vectors, arguments.rows)
        )
        rows = [load(arguments, client, vectors, form) for form in arguments.forms]
        raw = load_raw(arguments, vectors)
        for row in rows:
            row["times raw"] = row["indexed s"] / raw["indexed s"]
        rows.append(raw)
        print_table(f"load of {len(vectors):,} × {vectors.shape[1]}", rows)
        write_report(arguments.json, "load", rows, what="load")
    console.print(machine_line())


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_server_options(parser)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--vectors", type=Path, help=".npy file; default: clustered random ones")
    parser.add_argument(
        "--forms", nargs="+", choices=["base64", "json"], default=["base64", "json"]
    )
    parser.add_argument("--senders", type=int, default=2, help="connections of the client")
    parser.add_argument("--gigabytes", type=float, default=0)
    parser.add_argument("--lines", choices=["vectors", "texts"], default="vectors")
    return parser.parse_args()


def load(
    arguments: argparse.Namespace, client: HubClient, vectors: Vectors, form: Form
) -> dict[str, Any]:
    """Send vectors to a new collection; return the seconds until searchable and until indexed."""
    wait_until_idle(arguments)
    slug = f"load-{form}-{int(time.time())}"
    wanted = {"slug": slug, "encoder": "supplied", "dimension": int(vectors.shape[1])}
    client.call("POST", "/v1/collections", wanted)
    started = time.perf_counter()
    stored = send_all(client, slug, vectors, form, senders=arguments.senders)
    searchable_s = time.perf_counter() - started
    if stored != len(vectors):
        raise Nonsense(f"{stored} of {len(vectors)} rows were stored")
    check(client, slug, vectors)
    wait_for_index(arguments, slug)
    indexed_s = time.perf_counter() - started
    client.call("DELETE", f"/v1/collections/{slug}")
    return {
        "way": f"REST, {form}",
        "rows/s until searchable": len(vectors) / searchable_s,
        "searchable s": searchable_s,
        "indexed s": indexed_s,
        "times raw": None,
    }


def load_raw(arguments: argparse.Namespace, vectors: Vectors) -> dict[str, Any]:
    """Load the same vectors by a binary COPY and build the same index, as one would by hand."""
    wait_until_idle(arguments)
    dimension = vectors.shape[1]
    head = struct.pack(">ihh", 4 + 4 * dimension, dimension, 0)
    with psycopg.connect(database_url(arguments), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS benchmark_load")
        connection.execute(
            f"CREATE TABLE benchmark_load (id bigint PRIMARY KEY, embedding vector({dimension}))"
        )
        try:
            started = time.perf_counter()
            copied = "COPY benchmark_load FROM STDIN (FORMAT BINARY)"
            with connection.cursor().copy(copied) as copy:
                copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
                packed = vectors.astype(">f4")
                for ident, vector in enumerate(packed):
                    place = b"\0\2\0\0\0\x08" + ident.to_bytes(8, "big")
                    copy.write(place + head + vector.tobytes())
                copy.write(b"\xff\xff")
            copied_s = time.perf_counter() - started
            connection.execute(
                "CREATE INDEX ON benchmark_load"
                f" USING hnsw ((embedding::halfvec({dimension})) halfvec_cosine_ops)"
            )
            indexed_s = time.perf_counter() - started
        finally:
            connection.execute("DROP TABLE benchmark_load")
    return {
        "way": "raw COPY + CREATE INDEX",
        "rows/s until searchable": len(vectors) / copied_s,
        "searchable s": copied_s,
        "indexed s": indexed_s,
        "times raw": 1.0,
    }


if __name__ == "__main__":
    main()
