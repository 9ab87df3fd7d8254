"""The neighbor graph of a collection: how long it takes to build, and how true it is.

python -m benchmarks.graph --collection SLUG [--sample 3000] [--probes 500] [--json FILE]

Works on the database of the settings (EMBEDHUB_DATABASE_URL) without a server, in this process: it
builds the graph anew beside the live one, as the run does. Then it encodes a sample of the same
documents, as the embed worker does, for how long all of them take; and probes: near one vector as a
check does, and near each of many rows by the HNSW index, which is the other way to build.
"""

import argparse
import resource
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

from benchmarks.measure import (
    Nonsense,
    Timing,
    machine_line,
    mean,
    print_table,
    timed,
    timing,
    write_report,
)
from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.encoders import get_encoder
from embedhub.graph import service
from embedhub.graph.building import build_graph
from embedhub.graph.queries import vectors as vector_queries
from embedhub.graph.queries.graphs import live_space
from embedhub.graph.queries.probing import probe_rows
from embedhub.graph.service import GraphView, Owner, Subject
from embedhub.graph.updating import PROBED_AT_ONCE, find_differences
from embedhub.runs.progress import RunProgress
from embedhub.runs.service import RunKind, carry_out, start_run
from embedhub.spaces.inputs import inputs_of
from embedhub.spaces.queries.ledger import LeasedRow

# Of the embedding time of the same rows; of the true neighbors.
MOST_TIME, LEAST_RECALL = 0.5, 0.98
MEGABYTE = 1e6


def main() -> None:
    """Build, measure, print, and exit with status 1 where a bar is not reached."""
    arguments = parse_arguments()
    subject = subject_of(arguments.collection, arguments.level)
    before = peak_memory()
    result = built(subject)
    memory = peak_memory() - before
    with db.reading() as session:
        graph = service.live_graph(session, subject)
    if graph is None:
        raise Nonsense("no graph came of it")
    _, compared_ms = timed(lambda: find_differences(graph))
    probe = probes(subject, graph, arguments.probes)
    lateral = lateral_probes(subject, graph, arguments.probes)
    rate = encoding_rate(subject, arguments.sample)
    embedding_s = graph.n_nodes / rate
    rows: list[dict[str, Any]] = [
        {"what": "rows", "figure": graph.n_nodes, "bar": ""},
        {"what": "method", "figure": graph.method, "bar": ""},
        {"what": "build, s", "figure": result["took_s"], "bar": ""},
        {"what": "encoding the same rows, texts/s", "figure": rate, "bar": ""},
        {"what": "encoding the same rows, s", "figure": embedding_s, "bar": ""},
        {"what": "build / encoding", "figure": result["took_s"] / embedding_s, "bar": "<= 0.5"},
        {"what": f"recall@{graph.k}", "figure": result["recall"], "bar": ">= 0.98"},
        {"what": "lists compared for it", "figure": result["recall_sample"], "bar": ""},
        {"what": "memory the build added, MB", "figure": memory / MEGABYTE, "bar": ""},
        {"what": "saturated lists", "figure": result["n_saturated"], "bar": ""},
        {"what": "near one vector, p50 ms", "figure": probe.p50, "bar": "<= 10"},
        {"what": "near one vector, p95 ms", "figure": probe.p95, "bar": ""},
        {"what": "HNSW probe of a row, ms", "figure": lateral, "bar": ""},
        {"what": "comparing lists with vectors, ms", "figure": compared_ms, "bar": ""},
    ]
    print_table(f"neighbor graph of {arguments.collection}, {graph.level}s", rows)
    print(machine_line())
    write_report(arguments.json, "graph", rows)
    if result["took_s"] > MOST_TIME * embedding_s or result["recall"] < LEAST_RECALL:
        raise SystemExit(1)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--collection", required=True)
    parser.add_argument("--level", choices=["document", "chunk"], default="document")
    parser.add_argument("--sample", type=int, default=3_000, help="texts encoded for the rate")
    parser.add_argument("--probes", type=int, default=500, help="vectors looked for")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args()


def subject_of(slug: str, level: str) -> Subject:
    """Return the rows of the only collection of this slug."""
    with db.reading() as session:
        statement = text(
            "SELECT workspace_id FROM collections WHERE slug = :slug AND deleted_at IS NULL"
        )
        workspaces = session.execute(statement, {"slug": slug}).scalars().all()
        if len(workspaces) != 1:
            raise Nonsense(f"{len(workspaces)} collections {slug} in this database")
        caller = Caller.for_workspace(workspaces[0])
        return service.subject_of(session, caller, Owner.COLLECTIONS, slug, level)


def built(subject: Subject) -> dict[str, Any]:
    """Build the graph anew by a run, and return the run's result."""
    found: dict[str, Any] = {}

    def work(progress: RunProgress, given: dict[str, Any]) -> dict[str, Any]:
        found.update(build_graph(progress, given))
        return found

    with db.writing() as session:
        run_id = start_run(
            session,
            workspace_id=subject.workspace_id,
            kind=RunKind.BUILD_GRAPH,
            subject=subject.name,
            arguments=subject.arguments | {"rebuild": True},
        )
    carry_out(run_id, work)
    if not found:
        raise Nonsense(f"run {run_id} did not succeed")
    return found


def probes(subject: Subject, graph: GraphView, n: int) -> Timing:
    """Return the times of looking for what is near to vectors between those of stored rows."""
    chosen = some_ids(graph, 2 * n)
    with db.reading() as session:
        rows = service.vectors(session, graph, chosen).matrix
    half = len(rows) // 2
    asked = rows[:half] + rows[half : 2 * half]
    times = []
    for vector in asked:
        with db.reading() as session:
            _, took = timed(partial(service.nearest, session, subject, vector, graph.k))
        times.append(took)
    return timing(times)


def lateral_probes(subject: Subject, graph: GraphView, n: int) -> float | None:
    """Return the milliseconds that the HNSW index takes for a row among many; None without one."""
    with db.reading() as session:
        space = live_space(session, subject)
    if space is None or not space.is_indexed:
        return None
    times = []
    chosen = some_ids(graph, n)
    for start in range(0, len(chosen), PROBED_AT_ONCE):
        some = chosen[start : start + PROBED_AT_ONCE]
        with db.reading() as session:
            probe = partial(
                probe_rows,
                session,
                space,
                graph.level,
                some,
                limit=2 * graph.k + 1,
                ef_search=get_config().graph_ef_search,
            )
            _, took = timed(probe)
        times.append(took / len(some))
    return mean(times)


def some_ids(graph: GraphView, n: int) -> list[int]:
    """Return rows spread over a graph."""
    ids = np.concatenate([part.ids for part in service.all_lists(graph)])
    return [int(one) for one in np.random.default_rng(1).permutation(ids)[:n]]


def encoding_rate(subject: Subject, n: int) -> float:
    """Return how many of the rows' texts are encoded in a second, as the worker encodes them."""
    texts, encoder_name = some_inputs(subject, n)
    encoder = get_encoder(encoder_name)
    batch = get_config().encode_batch
    encoder.encode_documents(texts[:64])
    started = time.perf_counter()
    for start in range(0, len(texts), batch):
        encoder.encode_documents(texts[start : start + batch])
    return len(texts) / (time.perf_counter() - started)


def some_inputs(subject: Subject, n: int) -> tuple[Sequence[str], str]:
    """Return what the encoder is given for some passages, and its name."""
    with db.reading() as session:
        space = live_space(session, subject)
        if space is None:
            raise Nonsense("no vectors")
        statement = text(
            "SELECT owner_id, input_hash FROM embeddings WHERE shelf_id = :shelf_id"
            " AND space_id = :space_id ORDER BY owner_id % 7919, owner_id LIMIT :n"
        )
        facts = vector_queries.place_of(space) | {"n": n}
        rows = [
            LeasedRow(
                space_id=space.id,
                owner_id=owner_id,
                workspace_id=subject.workspace_id,
                input_hash=bytes(input_hash),
                attempts=0,
            )
            for owner_id, input_hash in session.execute(statement, facts)
        ]
        return list(inputs_of(session, rows).values()), space.encoder


def peak_memory() -> float:
    """Return the largest size of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


if __name__ == "__main__":
    main()
