"""How long a search takes for one client: dense with a given vector, the same SQL by hand, hybrid.

python -m benchmarks.search --home HOME --collection SLUG --queries queries.jsonl [--json FILE]
python -m benchmarks.search --home HOME --vectors FILE.npy --meta FILE.jsonl --queries ...

A dense search over REST and the raw SQL with its join of the texts take turns, with the same
vectors. The hybrid search encodes each question; its parts come from the server's own clock, asked
for in a second pass, because asking for them costs time itself. "http" is what the client waited
beyond the server's own time. Recall@10 is against an exact search in memory.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clients import Searcher
from benchmarks.corpus import (
    Corpus,
    add_corpus_options,
    database_url,
    prepare,
    query_vectors,
    read_texts,
)
from benchmarks.filters import checked_recall
from benchmarks.measure import (
    Nonsense,
    Vectors,
    add_server_options,
    client_of,
    console,
    machine_line,
    mean,
    percentile,
    print_table,
    timed,
    timing,
    write_report,
)
from benchmarks.raw_search import RawSearch

WARM_UP = 20
PARTS = ("encode", "lexical", "dense", "hydrate", "highlight")


def main() -> None:
    """Measure, print the tables, and write them as JSON where asked to."""
    arguments = parse_arguments()
    client = client_of(arguments)
    corpus = prepare(arguments, client)
    queries = query_vectors(arguments, corpus, arguments.n + WARM_UP)
    slug = arguments.collection
    searcher = Searcher(client.server)
    raw = RawSearch(database_url(arguments), slug)
    rows = dense_against_raw(searcher, slug, corpus, queries, raw)
    print_table(f"dense, given vector, {len(corpus.ids):,} rows, one client", rows)
    added = rows[0]["p50 ms"] - rows[1]["p50 ms"]
    console.print(f"REST adds {added:.1f} ms to the raw SQL at the median")
    texts = [] if arguments.queries is None else read_texts(arguments.queries, arguments.n + 2)
    hybrid = hybrid_parts(searcher, slug, texts) if texts else []
    if hybrid:
        print_table(f"hybrid, {len(corpus.ids):,} rows, encoding included, one client", hybrid)
    console.print(machine_line())
    write_report(
        arguments.json,
        "search",
        rows,
        hybrid=hybrid,
        n_rows=len(corpus.ids),
        rest_adds_p50_ms=added,
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_corpus_options(parser)
    add_server_options(parser)
    parser.add_argument("--queries", type=Path, help="JSON lines with a text each, for hybrid")
    parser.add_argument("--n", type=int, default=200, help="queries of each kind")
    return parser.parse_args()


def dense_against_raw(
    searcher: Searcher, slug: str, corpus: Corpus, queries: Vectors, raw: RawSearch
) -> list[dict[str, Any]]:
    """Return the rows of REST and of the raw SQL, which took turns."""
    rest_times, raw_times, rest_answers, raw_answers = [], [], [], []
    for query in queries:
        request: dict[str, Any] = {
            "vector": query.tolist(), "mode": "dense", "limit": 10, "highlight": False,
        }  # fmt: skip
        answer, rest_ms = timed(partial(searcher.search, slug, request))
        found, raw_ms = timed(partial(raw.search, query))
        rest_times.append(rest_ms)
        raw_times.append(raw_ms)
        rest_answers.append(answer)
        hits = [{"document": {"external_id": row[0]}} for row in found]
        raw_answers.append({"hits": hits, "complete": True})
    # Afterwards: comparing all rows in memory takes the caches and the cores from what is timed.
    everything = np.ones(len(corpus.ids), dtype=np.bool_)
    rest_recalls, raw_recalls = (
        [
            checked_recall(corpus, query, everything, answer)
            for query, answer in zip(queries, answers, strict=True)
        ]
        for answers in (rest_answers, raw_answers)
    )
    return [
        dense_row("REST", rest_times[WARM_UP:], rest_recalls[WARM_UP:]),
        dense_row("raw SQL with texts", raw_times[WARM_UP:], raw_recalls[WARM_UP:]),
    ]


def dense_row(name: str, times: Sequence[float], recalls: Sequence[float]) -> dict[str, Any]:
    taken = timing(times)
    return {
        "dense": name,
        "p50 ms": taken.p50,
        "p95 ms": taken.p95,
        "recall@10": mean(recalls),
        "queries": taken.n,
    }


def hybrid_parts(searcher: Searcher, slug: str, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of the whole and of its parts; every text is asked once for each."""
    if len(texts) <= WARM_UP:
        raise Nonsense(f"more than {WARM_UP} questions are needed")
    for text in texts[:WARM_UP]:
        searcher.search(slug, {"query": text})
    wall: list[float] = []
    parts: dict[str, list[float]] = {name: [] for name in (*PARTS, "between")}
    totals: list[float] = []
    for text in texts[WARM_UP:]:
        answer, milliseconds = timed(partial(searcher.search, slug, {"query": text}))
        wall.append(milliseconds)
        took = answer["took"]
        for name in PARTS:
            parts[name].append(float(took[name]))
        totals.append(float(took["total"]))
        parts["between"].append(totals[-1] - sum(float(took[name]) for name in PARTS))
    whole = timing(wall)
    rows: list[dict[str, Any]] = [
        {"part": "whole search", "p50 ms": whole.p50, "p95 ms": whole.p95, "n": whole.n}
    ]
    for name, values in (*parts.items(), ("server's time", totals)):
        p50, p95 = percentile(values, 50), percentile(values, 95)
        rows.append({"part": name, "p50 ms": p50, "p95 ms": p95, "n": len(values)})
    return rows


if __name__ == "__main__":
    main()
