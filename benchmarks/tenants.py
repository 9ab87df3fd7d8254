"""Thousands of tenants: created, searched beside one that is alone, swept, and deleted again.

python -m benchmarks.tenants [--collections 2000 --workspaces 200 --documents 50 --shelves 300]

Two fresh installations run side by side, one with all the tenants, one with a single collection of
the same documents; each search of the one is followed by the same search of the other. The vectors
come with the documents, so that nothing but the house itself is measured.
"""

import argparse
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from benchmarks.installation import Installation, as_base64, installation
from benchmarks.measure import (
    Nonsense,
    Vectors,
    clustered_vectors,
    console,
    machine_line,
    paired_ratio,
    print_table,
    timed,
    timing,
    write_report,
)
from benchmarks.tenant_requests import Tenant, bearer, each, expect, rate
from benchmarks.tenant_upkeep import SETTLE_S, add_shelves, lock_row, settle, upkeep_rows
from embedhub.access.service import create_key, create_workspace

DIMENSION = 384
WORDS = [f"word{n}" for n in range(2_000)]
WORDS_A_TEXT = 60
MAX_SEARCH_RATIO, MIN_CREATED_PER_S = 1.3, 20.0
WARM_UP = 40


def main() -> None:
    """Measure, print the tables, write JSON where asked to; status 1 for what cannot be true."""
    arguments = parse_arguments()
    corpus = clustered_vectors(arguments.documents + arguments.queries, DIMENSION, seed=1)
    with ExitStack() as stack:
        many = stack.enter_context(installation())
        one = stack.enter_context(installation())
        tenants = make_tenants(many, arguments)
        alone = make_tenants(one, arguments, n_workspaces=1, n_collections=1)
        rows = [
            create_all(many, tenants, arguments.clients),
            fill_all(many, tenants, corpus, arguments),
        ]
        create_all(one, alone, 1)
        fill_all(one, alone, corpus, arguments)
        rows.append(settle(many))
        settle(one)
        crowd, single = Side(many, tenants), Side(one, alone)
        searches = []
        locks = [lock_row("one collection", one, alone)]
        for beside, n_shelves in (("tenants", 0), ("tenants, shelves", arguments.shelves)):
            add_shelves(many, n_shelves)
            for mode in ("dense", "hybrid"):
                measured = compare(crowd, single, corpus, arguments, mode)
                searches.append({"beside": beside} | measured)
            locks.append(lock_row(beside, many, tenants))
        upkeep = upkeep_rows(many)
        rows += delete_all(many, tenants, arguments.clients)
    report(arguments, rows, searches, locks, upkeep)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--collections", type=int, default=2_000)
    parser.add_argument("--workspaces", type=int, default=200)
    parser.add_argument("--documents", type=int, default=50, help="in each collection")
    parser.add_argument("--shelves", type=int, default=300, help="of other, large collections")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args()


def make_tenants(
    place: Installation,
    arguments: argparse.Namespace,
    *,
    n_workspaces: int | None = None,
    n_collections: int | None = None,
) -> list[Tenant]:
    """Return the key and the slug of each collection to be; the workspaces and keys are made."""
    place.use_database()
    keys = []
    for n in range(n_workspaces or arguments.workspaces):
        workspace_id = create_workspace(f"tenant-{n}")
        keys.append(create_key(workspace_id, name="bench", scopes=("read", "write", "admin"))[1])
    total = n_collections or arguments.collections
    return [(keys[n % len(keys)], f"docs-{n}") for n in range(total)]


def create_all(place: Installation, tenants: Sequence[Tenant], n_clients: int) -> dict[str, Any]:
    """Create the collections over REST; return how fast."""

    def create(client: httpx.Client, tenant: Tenant) -> None:
        body = {"slug": tenant[1], "encoder": "supplied", "dimension": DIMENSION}
        expect(client.post("/collections", json=body, headers=bearer(tenant)), 201)

    return rate("create a collection", each(place, tenants, n_clients, create))


def fill_all(
    place: Installation, tenants: Sequence[Tenant], corpus: Vectors, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Send each collection its documents in one batch; return how fast."""
    documents = make_documents(corpus, arguments.documents)

    def fill(client: httpx.Client, tenant: Tenant) -> None:
        path = f"/collections/{tenant[1]}/documents"
        expect(client.post(path, json={"documents": documents}, headers=bearer(tenant)), 200)

    return rate(
        f"send {arguments.documents} documents", each(place, tenants, arguments.clients, fill)
    )


def make_documents(corpus: Vectors, n: int) -> list[dict[str, Any]]:
    """Return documents with vectors, texts of random words and a filterable number."""
    chance = random.Random(7)
    return [
        {
            "external_id": str(i),
            "text": " ".join(chance.choices(WORDS, k=WORDS_A_TEXT)),
            "metadata": {"year": 2000 + i % 25},
            "vector": as_base64(corpus[i]),
        }
        for i in range(n)
    ]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two installations with its collections."""

    place: Installation
    tenants: Sequence[Tenant]


def compare(
    many: Side, one: Side, corpus: Vectors, arguments: argparse.Namespace, mode: str
) -> dict[str, Any]:
    """Return the times of a search in one of the tenants and in the collection that is alone."""
    chance = random.Random(mode)
    chosen = chance.sample(list(many.tenants), min(20, len(many.tenants)))
    ours: list[float] = []
    theirs: list[float] = []
    with many.place.client() as here, one.place.client() as there:
        for n in range(arguments.queries):
            body = {
                "vector": as_base64(corpus[arguments.documents + n]),
                "query": " ".join(chance.choices(WORDS, k=4)) if mode == "hybrid" else None,
                "mode": mode,
            }
            pair = [(here, chance.choice(chosen), ours), (there, one.tenants[0], theirs)]
            answers = []
            for client, tenant, times in pair if n % 2 else reversed(pair):
                answer, took = timed(partial(ask, client, tenant, body))
                answers.append(answer)
                if n >= WARM_UP:
                    times.append(took)
            check_equal(answers)
    tenant_times, alone_times = timing(ours), timing(theirs)
    return {
        "mode": mode,
        "p50 ms": tenant_times.p50,
        "p95 ms": tenant_times.p95,
        "alone p50 ms": alone_times.p50,
        "alone p95 ms": alone_times.p95,
        "p50 ratio": tenant_times.p50 / alone_times.p50,
        "paired ratio": paired_ratio(ours, theirs).median,
    }


def ask(client: httpx.Client, tenant: Tenant, body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a search of a tenant's collection."""
    path = f"/collections/{tenant[1]}/search"
    answer: dict[str, Any] = expect(client.post(path, json=body, headers=bearer(tenant)), 200)
    return answer


def check_equal(answers: Sequence[dict[str, Any]]) -> None:
    """Raise Nonsense unless both installations gave the same ten hits."""
    found = [[hit["document"]["external_id"] for hit in each["hits"]] for each in answers]
    if not all(each["complete"] for each in answers) or found[0] != found[1]:
        raise Nonsense(f"the answers differ: {found}")
    if len(found[0]) != 10:
        raise Nonsense(f"{len(found[0])} hits instead of 10")


def delete_all(
    place: Installation, tenants: Sequence[Tenant], n_clients: int
) -> list[dict[str, Any]]:
    """Delete every collection over REST; return how fast that is, and when all of it is gone."""
    started = time.monotonic()

    def delete(client: httpx.Client, tenant: Tenant) -> None:
        expect(client.delete(f"/collections/{tenant[1]}", headers=bearer(tenant)), 202)

    asked = rate("delete a collection", each(place, tenants, n_clients, delete))
    while place.ask("SELECT count(*) FROM collections")[0][0]:
        if time.monotonic() - started > SETTLE_S:
            raise Nonsense("the collections are not removed")
        time.sleep(0.5)
    seconds = time.monotonic() - started
    left = place.ask(
        "SELECT (SELECT count(*) FROM documents) + (SELECT count(*) FROM embeddings)"
        " + (SELECT count(*) FROM sparse_embeddings) + (SELECT count(*) FROM term_deltas)"
    )
    if left[0][0]:
        raise Nonsense(f"{left[0][0]} rows are left")
    gone = {"what": "until all rows are gone", "n": len(tenants), "seconds": seconds}
    return [asked, gone | {"per s": len(tenants) / seconds}]


def report(
    arguments: argparse.Namespace,
    rows: list[dict[str, Any]],
    searches: list[dict[str, Any]],
    locks: list[dict[str, Any]],
    upkeep: list[dict[str, Any]],
) -> None:
    """Print and write all tables, with the two bars."""
    print_table(f"Tenants: {arguments.collections:,} in {arguments.workspaces} workspaces", rows)
    print_table("Search in one of them, and in a collection that is alone", searches)
    print_table("Locks", locks)
    print_table("Upkeep over all of them, with nothing to do", upkeep)
    bars = {
        "created per s": (rows[0]["per s"], f">= {MIN_CREATED_PER_S:g}"),
        "search p50 ratio": (max(s["p50 ratio"] for s in searches), f"<= {MAX_SEARCH_RATIO:g}"),
    }
    for name, (value, bar) in bars.items():
        console.print(f"{name}: {value:.2f} (bar {bar})")
    console.print(machine_line())
    write_report(
        arguments.json, "tenants", rows, searches=searches, locks=locks, upkeep=upkeep, bars=bars
    )


if __name__ == "__main__":
    main()
