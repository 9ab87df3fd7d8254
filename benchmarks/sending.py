"""What benchmarks share that send vectors: lines, parts of an import, and waiting for the index."""

import argparse
import base64
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import httpx
import numpy as np
import orjson
import psycopg

from benchmarks.measure import Nonsense, Vectors
from embedhub.cli.client import HubClient
from embedhub.local.home import Home

# Rows of one request: while one is stored, another connection sends the next, and the server makes
# that ready. Small: until the first is there whole, nothing is stored.
PART_ROWS = 5_000
SENT_BYTES = 1 << 17
TIMEOUT_S = 3_600
POLL_S = 0.05
CHECKED_ROWS = 20
Form = Literal["base64", "json"]
# What a row has beside its vector: the arguments of `line_of`.
Beside = Callable[[int], Mapping[str, Any]]


def send_all(
    client: HubClient,
    slug: str,
    vectors: Vectors,
    form: Form = "base64",
    *,
    senders: int = 2,
    beside: Beside = lambda _: {},
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
        return send_part(client, slug, start, part, form=form, query=query, beside=beside)

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
    beside: Beside = lambda _: {},
) -> int:
    """Import some vectors; return how many were new."""
    body = b"".join(
        line_of(str(row), vector, form, **beside(row))
        for row, vector in enumerate(vectors, start=start)
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


def wait_until_idle(arguments: argparse.Namespace) -> None:
    """Return when no run is at work and no deleted collection's rows are left to remove.

    What was measured before takes nothing from what is measured next.
    """
    statement = """
        SELECT EXISTS (SELECT FROM runs WHERE status IN ('queued', 'running'))
            OR EXISTS (SELECT FROM collections WHERE deleted_at IS NOT NULL)
    """
    deadline = time.monotonic() + TIMEOUT_S
    with psycopg.connect(database_url(arguments), autocommit=True) as connection:
        while time.monotonic() < deadline:
            row = connection.execute(statement).fetchone()
            if row is not None and not row[0]:
                return
            time.sleep(POLL_S)
    raise Nonsense("the installation was not idle in an hour")


def database_url(arguments: argparse.Namespace) -> str:
    """Return the URL of the home's database; raises Nonsense without a running home."""
    running = None if arguments.home is None else Home.at(arguments.home).running()
    if running is None:
        raise Nonsense("name a running installation with --home")
    return running.database_url
