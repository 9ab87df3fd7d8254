"""Recall and latency of a collection after half of it was deleted, and half of it updated.

python -m benchmarks.churn [--rows 50000] [--vectors vectors.npy]

A fresh installation with its default settings, but for exact search, which has nothing to lose; the
vectors come with the documents. Recall@10 is that of the HNSW index against exact search, computed
here. After each change it is measured at once, with the dead rows in the index, and again when the
service has built the index anew, which it does by itself.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.installation import Installation, as_base64, installation
from benchmarks.measure import (
    Nonsense,
    Vectors,
    clustered_vectors,
    console,
    machine_line,
    mean,
    print_table,
    read_vectors,
    recall,
    timed,
    timing,
    write_report,
)

DIMENSION = 384
BATCH = 500
K = 10
WARM_UP = 20
MIN_RECALL = 0.95
INDEX_TIMEOUT_S = 3_600
# Upkeep looks every 15 s, and waits for the changes to end.
HEAL_TIMEOUT_S = 600
PATH = "/collections/churn"


def main() -> None:
    """Load, change, measure after each change, print and write; status 1 for nonsense."""
    arguments = parse_arguments()
    vectors, queries = read(arguments)
    live = {str(i): vectors[i] for i in range(len(vectors))}
    steps: list[dict[str, Any]] = []
    settings: dict[str, Any] = {"shelf_rows": min(10_000, len(vectors) - 1), "exact_rows": 0}
    with installation(**settings) as place, place.client() as client:
        steps.append(load(place, client, live))
        steps.append(measured("loaded", client, queries, live))
        deleted = list(live)[::2]
        steps.append(delete_half(client, live))
        steps.append(measured("half deleted", client, queries, live))
        steps.append(healed(place, n_before=0))
        steps.append(measured("half deleted, index built anew", client, queries, live))
        steps.append(send_again(client, vectors, deleted, live))
        updated = [ident for n, ident in enumerate(live) if n % 2]
        steps.append(update_half(client, updated, live))
        steps.append(measured("half updated", client, queries, live))
        steps.append(healed(place, n_before=1))
        steps.append(measured("half updated, index built anew", client, queries, live))
        steps.append(expire_half(place, list(live)[::2], live))
        steps.append(measured("half expired, the sweep on its way", client, queries, live))
    report(arguments, len(vectors), steps)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    # Half of 20,000 is compared row by row.
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--vectors", type=Path, help=".npy; default: clustered random ones")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args()


def read(arguments: argparse.Namespace) -> tuple[Vectors, Vectors]:
    """Return the vectors to load and those to ask with, which are not loaded."""
    n = arguments.rows + arguments.queries
    if arguments.vectors is None:
        found = clustered_vectors(n, DIMENSION, seed=3)
    else:
        found = read_vectors(arguments.vectors, n)
    if len(found) < n:
        raise Nonsense(f"{len(found)} vectors are fewer than {n}")
    shuffled = found[np.random.default_rng(0).permutation(n)]
    return shuffled[: arguments.rows], shuffled[arguments.rows :]


def documents(some: Sequence[tuple[str, Any]], **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "external_id": ident,
            "text": f"document number {ident} " + str(more.get("text", "")),
            "metadata": {"half": int(ident) % 2},
            "vector": as_base64(vector),
        }
        for ident, vector in some
    ]


def load(place: Installation, client: httpx.Client, live: dict[str, Any]) -> dict[str, Any]:
    """Send everything and return when it is indexed."""
    started = time.perf_counter()
    body: dict[str, Any] = {"slug": "churn", "encoder": "supplied", "dimension": DIMENSION}
    body["filterable"] = {"half": "number"}
    expect(client.post("/collections", json=body), 201)
    send(client, list(live.items()))
    wait_for_index(place)
    return {"step": f"load {len(live):,} and index", "seconds": time.perf_counter() - started}


def send(client: httpx.Client, rows: Sequence[tuple[str, Any]], **more: Any) -> float:
    """Send documents in batches; return the seconds."""
    started = time.perf_counter()
    for some in slices(rows):
        expect(client.post(f"{PATH}/documents", json={"documents": documents(some, **more)}), 200)
    return time.perf_counter() - started


def slices(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def wait_for_index(place: Installation) -> None:
    """Return when the collection has shelves of its own, with their indexes."""
    deadline = time.monotonic() + INDEX_TIMEOUT_S
    while place.ask("SELECT count(*) FROM spaces WHERE is_indexed")[0][0] != 2:
        if time.monotonic() > deadline:
            raise Nonsense("the index was not built")
        time.sleep(1)


def measured(
    step: str, client: httpx.Client, queries: Vectors, live: dict[str, Any]
) -> dict[str, Any]:
    """Return recall and times of dense searches over what is live now."""
    idents, matrix = list(live), np.stack(list(live.values()))
    found, times = [], []
    for n, query in enumerate(queries):
        body = {"vector": as_base64(query), "mode": "dense", "limit": K, "group": "chunk"}
        response, took = timed(partial(client.post, f"{PATH}/search", json=body))
        answer = expect(response, 200)
        if answer["plan"] != "hnsw":
            raise Nonsense(f"{step}: the plan is {answer['plan']}, not hnsw")
        best = np.argsort(-(matrix @ query))[:K]
        hits = [hit["document"]["external_id"] for hit in answer["hits"]]
        if not set(hits) <= set(live) or len(hits) < K:
            raise Nonsense(f"{step}: a hit that is not live, or too few: {hits}")
        found.append(recall(hits, [idents[place] for place in best]))
        if n >= WARM_UP:
            times.append(took)
    spread = timing(times)
    row = {"step": step, "rows": len(live), "seconds": None, "recall@10": mean(found)}
    return row | {"p50 ms": spread.p50, "p95 ms": spread.p95}


def delete_half(client: httpx.Client, live: dict[str, Any]) -> dict[str, Any]:
    """Delete every other document by a filter; return when the run has ended."""
    started = time.perf_counter()
    body = {"filter": {"half": 0}}
    answer = client.post(f"{PATH}/documents/delete", json=body)
    expect(answer, answer.status_code if answer.status_code in (200, 202) else 202)
    run_id = answer.json()["run_id"]
    while run_id is not None:
        run = expect(client.get(f"/runs/{run_id}"), 200)
        if run["status"] == "succeeded":
            break
        if run["status"] not in ("queued", "running"):
            raise Nonsense(f"the deletion {run['status']}: {run['error']}")
        time.sleep(0.3)
    n = len(live)
    for ident in [ident for ident in live if int(ident) % 2 == 0]:
        del live[ident]
    seconds = time.perf_counter() - started
    return {"step": f"delete {n - len(live):,} by a filter", "seconds": seconds}


def send_again(
    client: httpx.Client, vectors: Vectors, idents: Sequence[str], live: dict[str, Any]
) -> dict[str, Any]:
    """Send what was deleted once more."""
    rows = [(ident, vectors[int(ident)]) for ident in idents]
    seconds = send(client, rows)
    live.update(rows)
    return {"step": f"send {len(rows):,} again, into the index", "seconds": seconds}


def update_half(
    client: httpx.Client, idents: Sequence[str], live: dict[str, Any]
) -> dict[str, Any]:
    """Give documents another text and a vector nearby."""
    noise = np.random.default_rng(1)
    rows = []
    for ident in idents:
        moved = live[ident] + 0.02 * noise.normal(size=live[ident].shape).astype(np.float32)
        rows.append((ident, moved / np.linalg.norm(moved)))
    seconds = send(client, rows, text="updated")
    live.update(rows)
    return {"step": f"update {len(rows):,}", "seconds": seconds}


def expire_half(place: Installation, idents: Sequence[str], live: dict[str, Any]) -> dict[str, Any]:
    """Let documents expire all at once; the sweep removes them in slices from then on."""
    started = time.perf_counter()
    listed = ",".join(f"'{ident}'" for ident in idents)
    place.ask(
        f"UPDATE documents SET expires_at = now() + interval '1 s' WHERE external_id IN ({listed})"
    )
    time.sleep(1.1)
    for ident in idents:
        del live[ident]
    return {"step": f"expire {len(idents):,}", "seconds": time.perf_counter() - started}


def healed(place: Installation, *, n_before: int) -> dict[str, Any]:
    """Return when one more rebuild than before has succeeded, which nobody asked for."""
    started = time.perf_counter()
    while True:
        found = place.ask("SELECT status FROM runs WHERE kind = 'rebuild_index' ORDER BY id")
        ended = [row[0] for row in found if row[0] not in {"queued", "running"}]
        if len(ended) > n_before:
            break
        if time.perf_counter() - started > HEAL_TIMEOUT_S:
            raise Nonsense("the index was not built anew")
        time.sleep(0.2)
    if ended[-1] != "succeeded":
        raise Nonsense(f"the rebuild {ended[-1]}")
    return {"step": "built anew by itself", "seconds": time.perf_counter() - started}


def expect(answer: httpx.Response, status: int) -> Any:
    if answer.status_code != status:
        raise Nonsense(f"{answer.status_code} instead of {status}: {answer.text[:300]}")
    return answer.json()


def report(arguments: argparse.Namespace, n_rows: int, steps: list[dict[str, Any]]) -> None:
    """Print and write the steps, with the bar."""
    names = ("step", "rows", "seconds", "recall@10", "p50 ms", "p95 ms")
    rows = [{name: step.get(name) for name in names} for step in steps]
    print_table(f"Churn of {n_rows:,} rows", rows)
    worst = min(row["recall@10"] for row in rows if row["recall@10"] is not None)
    console.print(f"worst recall@10: {worst:.3f} (bar >= {MIN_RECALL})")
    console.print(machine_line())
    write_report(arguments.json, "churn", rows, worst_recall=worst)


if __name__ == "__main__":
    main()
