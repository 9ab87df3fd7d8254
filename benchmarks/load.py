"""Loading supplied vectors: until searchable, until indexed, against a raw COPY and CREATE INDEX.

python -m benchmarks.load --home HOME [--rows 100000] [--vectors FILE.npy] [--json FILE]
python -m benchmarks.load --home HOME --gigabytes 1 [--lines vectors|texts] [--json FILE]

The first form sends the same vectors as base64 and as JSON numbers, one client with a few
connections, and waits for the index; then it does the same by hand in the same Postgres. The second
one streams a generated NDJSON of that size in one request and watches the memory of the server's
processes. Use a home of its own, on the machine that the server runs on.
"""

import argparse
import base64
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import httpx
import numpy as np
import orjson
import psutil
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
from embedhub.cli.client import HubClient
from embedhub.local.home import Home

DIMENSION = 384
# Rows of one request: while one is stored, another connection sends the next.
PART_ROWS = 12_500
SENT_BYTES = 1 << 17
TIMEOUT_S = 3_600
POLL_S = 0.05
SAMPLE_S = 0.1
CHECKED_ROWS = 20
CHUNK_LINES = 64
TEXT_WORDS = 300
MIB = 2**20
Form = Literal["base64", "json"]


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


def send_all(
    client: HubClient, slug: str, vectors: Vectors, form: Form = "base64", *, senders: int = 2
) -> int:
    """Import vectors under the ids "0", "1", ...; return how many were new.

    In parts of one import: while one is stored, the next is on its way. What the client does for it
    is counted in.
    """
    import_id = int(client.call("POST", f"/v1/collections/{slug}/imports")["id"])
    starts = range(0, len(vectors), PART_ROWS)

    def send(start: int) -> int:
        part = vectors[start : start + PART_ROWS]
        more = str(start != starts[-1]).lower()
        query = {"import_id": import_id, "from_line": start + 1, "more": more}
        return send_part(client, slug, start, part, form=form, query=query)

    with ThreadPoolExecutor(senders) as pool:
        return sum(pool.map(send, starts))


def send_part(
    client: HubClient,
    slug: str,
    start: int,
    vectors: Vectors,
    *,
    form: Form,
    query: Mapping[str, Any] | None = None,
) -> int:
    """Import some vectors; return how many were new."""
    body = b"".join(
        line_of(str(start + place), vector, form) for place, vector in enumerate(vectors)
    )
    return send_lines(client, slug, body, query)


def send_lines(
    client: HubClient, slug: str, body: bytes, query: Mapping[str, Any] | None = None
) -> int:
    """Import lines in one request; return how many were new, raises Nonsense if any is refused."""
    response = httpx.post(
        f"{client.server.url}/v1/collections/{slug}/documents/import",
        # In pieces: of one large string httpx copies the rest each time the socket took some.
        content=(body[at : at + SENT_BYTES] for at in range(0, len(body), SENT_BYTES)),
        params=dict(query or {}),
        headers={
            "Authorization": f"Bearer {client.server.key}",
            "Content-Length": str(len(body)),
        },
        timeout=TIMEOUT_S,
        trust_env=False,
    )
    if not response.is_success:
        raise Nonsense(f"import refused: {response.text[:300]}")
    answer = response.json()
    if answer["n_errors"]:
        raise Nonsense(f"lines refused: {answer['errors'][:3]}")
    return int(answer["counts"].get("created", 0))


def line_of(
    external_id: str, vector: Vectors, form: Form, *, text: str = "", **metadata: int
) -> bytes:
    """Return a document as a line; without text and metadata it is a vector and nothing else."""
    if form == "json":
        packed = orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY)
    else:
        packed = b'"' + base64.b64encode(vector.astype("<f4", copy=False).tobytes()) + b'"'
    rest = orjson.dumps({"text": text, "metadata": metadata})[1:] if text or metadata else b"}"
    comma = b"," if len(rest) > 1 else b""
    return (
        b'{"external_id":"' + external_id.encode() + b'","vector":' + packed + comma + rest + b"\n"
    )


def check(client: HubClient, slug: str, vectors: Vectors) -> None:
    """Raise Nonsense unless some of the vectors are found by themselves."""
    for place in np.linspace(0, len(vectors) - 1, CHECKED_ROWS).astype(int).tolist():
        answer = client.search(
            slug, {"vector": vectors[place].tolist(), "mode": "dense", "limit": 3}
        )
        if str(place) not in [hit["document"]["external_id"] for hit in answer["hits"]]:
            raise Nonsense(f"vector {place} was not found by itself")


def wait_for_index(arguments: argparse.Namespace, slug: str) -> None:
    """Return when the collection's vectors have a shelf of their own with its HNSW index."""
    statement = """
        SELECT s.is_indexed FROM spaces s JOIN collections c ON c.id = s.collection_id
        WHERE c.slug = %s AND s.kind = 'dense'
    """
    deadline = time.monotonic() + TIMEOUT_S
    with psycopg.connect(database_url(arguments), autocommit=True) as connection:
        while time.monotonic() < deadline:
            row = connection.execute(statement, (slug,)).fetchone()
            if row is not None and row[0]:
                return
            time.sleep(POLL_S)
    raise Nonsense("the index was not built in an hour")


def load_raw(arguments: argparse.Namespace, vectors: Vectors) -> dict[str, Any]:
    """Load the same vectors by a binary COPY and build the same index, as one would by hand."""
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


def database_url(arguments: argparse.Namespace) -> str:
    """Return the URL of the home's database; raises Nonsense without a running home."""
    running = None if arguments.home is None else Home.at(arguments.home).running()
    if running is None:
        raise Nonsense("name a running installation with --home")
    return running.database_url


def watch_import(arguments: argparse.Namespace, client: HubClient) -> dict[str, Any]:
    """Stream one generated import and return how far each process rose above idle, in MiB."""
    slug = f"stream-{int(time.time())}"
    wanted: dict[str, Any] = {"slug": slug, "encoder": "supplied", "dimension": DIMENSION}
    if arguments.lines == "texts":
        wanted = {"slug": slug, "encoder": f"hashing-{DIMENSION}"}
    client.call("POST", "/v1/collections", wanted)
    # Warm: what every process loads at its first work is no part of an import.
    stream(client, slug, 2 * MIB, arguments.lines)
    time.sleep(3)
    memory = Memory(arguments.home)
    started = time.perf_counter()
    with memory:
        answer = stream(client, slug, int(arguments.gigabytes * 1e9), arguments.lines)
    took_s = time.perf_counter() - started
    client.call("DELETE", f"/v1/collections/{slug}")
    if answer["n_errors"] or not answer["is_done"]:
        raise Nonsense(f"the import was not whole: {answer}")
    return {
        "lines": answer["n_lines"],
        "GB": arguments.gigabytes,
        "s": took_s,
        "MB/s": arguments.gigabytes * 1000 / took_s,
        **{f"{name} +MiB": rise for name, rise in memory.rises().items()},
    }


def stream(client: HubClient, slug: str, n_bytes: int, lines: str) -> Any:
    """Import generated lines of about so many bytes in one request; return the answer."""
    with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as http:
        response = http.post(
            f"{client.server.url}/v1/collections/{slug}/documents/import",
            content=generated(n_bytes, lines),
            headers={"Authorization": f"Bearer {client.server.key}"},
        )
    if not response.is_success:
        raise Nonsense(f"import refused: {response.text[:300]}")
    return response.json()


def generated(n_bytes: int, lines: str) -> Iterator[bytes]:
    """Yield chunks of lines until their bytes are enough; no two vectors or texts are the same."""
    random = np.random.default_rng(n_bytes)
    words = [f"word{n}" for n in range(5_000)]
    number, sent = 0, 0
    while sent < n_bytes:
        chunk = []
        for _ in range(CHUNK_LINES):
            number += 1
            ident = f"{n_bytes}-{number}"
            if lines == "vectors":
                chunk.append(line_of(ident, random.random(DIMENSION, dtype=np.float32), "json"))
            else:
                text = " ".join(words[n] for n in random.integers(len(words), size=TEXT_WORDS))
                chunk.append(orjson.dumps({"external_id": ident, "text": text}) + b"\n")
        joined = b"".join(chunk)
        sent += len(joined)
        yield joined


class Memory:
    """The largest resident memory of each process of a home within the block, above its idle."""

    def __init__(self, home: Path) -> None:
        running = Home.at(home).running()
        if running is None:
            raise Nonsense("name a running installation with --home")
        found = psutil.Process(running.pid).children(recursive=True)
        self._processes = {process: named(process) for process in found if named(process)}
        if "web" not in self._processes.values():
            raise Nonsense("the web process was not found")
        self._idle = {process: process.memory_info().rss for process in self._processes}
        self._most = dict(self._idle)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def rises(self) -> dict[str, float]:
        """Return the rise in MiB by the name of the process; of several the largest."""
        rises: dict[str, float] = {}
        for process, name in self._processes.items():
            rise = (self._most[process] - self._idle[process]) / MIB
            rises[name] = max(rise, rises.get(name, 0.0))
        return rises

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_S):
            for process in self._processes:
                try:
                    rss = process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
                self._most[process] = max(rss, self._most[process])


def named(process: psutil.Process) -> str:
    """Return what a process of an installation does; empty for Postgres and the like."""
    try:
        command = process.cmdline()
    except psutil.Error:
        return ""
    if any("embedhub.local.web" in part for part in command):
        return "web"
    if "celery" in command and "-Q" in command:
        return str(command[command.index("-Q") + 1])
    return ""


if __name__ == "__main__":
    main()
