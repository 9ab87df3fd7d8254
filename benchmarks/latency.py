"""How long a search takes for one client, and where the time goes.

python -m benchmarks.latency --collection SLUG --queries queries.jsonl [--n 300] [--mode hybrid]

Every question is asked once, so that each is really encoded. The parts come from the server's own
clock; "rest" is what lies between them there, "http" what the client waited beyond the server's
time: the connection, the server's JSON, authentication. The connection stays open.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.clients import Searcher
from benchmarks.measure import timed
from embedhub.cli.options import find_server
from embedhub.evaluation.judged import read_lines

PARTS = ("encode", "lexical", "dense", "hydrate", "highlight")
WARM_UP = 20


def main() -> None:
    """Ask, print p50 and p95 of every part, and write them as JSON where asked to."""
    arguments = parse_arguments()
    searcher = Searcher(find_server(arguments.home, arguments.url, arguments.key))
    texts = [str(record["text"]) for record in read_lines(arguments.queries)]
    texts = texts[: arguments.n + WARM_UP]
    for text in texts[:WARM_UP]:
        ask(searcher, arguments, text)
    times = [ask(searcher, arguments, text) for text in texts[WARM_UP:]]
    if not times:
        raise SystemExit(f"more than {WARM_UP} questions are needed")
    figures = {
        part: {"p50": quantile([t[part] for t in times], 50),
               "p95": quantile([t[part] for t in times], 95)}
        for part in ("wall", *PARTS, "rest", "http")
    }  # fmt: skip
    table = Table("part", "p50 ms", "p95 ms", title=f"{arguments.mode}, {len(times)} questions")
    for part, figure in figures.items():
        table.add_row(part, f"{figure['p50']:.1f}", f"{figure['p95']:.1f}")
    Console().print(table)
    if arguments.output:
        arguments.output.write_text(json.dumps(figures, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--collection", required=True)
    parser.add_argument("--queries", type=Path, required=True, help="JSON lines with a text each")
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--mode", default="hybrid", choices=["hybrid", "dense", "lexical"])
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--highlight", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--url")
    parser.add_argument("--key")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--output", type=Path, help="file for the figures as JSON")
    return parser.parse_args()


def ask(searcher: Searcher, arguments: argparse.Namespace, text: str) -> dict[str, float]:
    """Return the milliseconds of one search: the wall's, the server's parts, and what is left."""
    request = {
        "query": text,
        "mode": arguments.mode,
        "limit": arguments.limit,
        "highlight": arguments.highlight,
    }
    answer, wall = timed(partial(searcher.search, arguments.collection, request))
    took = answer["took"]
    parts = {part: float(took[part]) for part in PARTS}
    total = float(took["total"])
    return {"wall": wall, **parts, "rest": total - sum(parts.values()), "http": wall - total}


def quantile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of the values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main()
