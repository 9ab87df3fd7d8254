"""Filtered search with a given vector: recall@10, milliseconds and the plan chosen, by filter.

python -m benchmarks.filters --home HOME --collection SLUG [--query-vectors FILE.npy] [--json FILE]
python -m benchmarks.filters --home HOME --vectors FILE.npy --meta FILE.jsonl

One client asks over REST. The collection's documents need the metadata `bucket` (a random number
below 1,000), `primary` (a category) and `created` (a date); benchmarks/measure.py reads it from
the judged set. What should be found is computed in memory from the same rows. Ends with status 1
if an answer that calls itself complete lacks a hit.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.corpus import (
    Corpus,
    add_corpus_options,
    prepare,
    query_vectors,
    true_neighbours,
)
from benchmarks.measure import (
    Nonsense,
    Vectors,
    add_server_options,
    client_of,
    console,
    machine_line,
    mean,
    print_table,
    timed,
    timing,
    write_report,
)
from embedhub.cli.client import HubClient

K = 10
WARM_UP = 5
# Scores that differ by less are equal: vectors are compared in single precision.
EQUAL = 1e-5
EXPLAINED = 5
Metadata = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A filter, made for each query, and what it means, said a second time."""

    name: str
    make: Callable[[Vectors], Metadata]
    passes: Callable[[Metadata, Metadata], bool]


def main() -> None:
    """Ask, compare, print the table, and write it as JSON where asked to."""
    arguments = parse_arguments()
    client = client_of(arguments)
    corpus = prepare(arguments, client)
    queries = query_vectors(arguments, corpus, arguments.n + WARM_UP)
    rows = [measure(client, arguments.collection, corpus, queries, case) for case in cases(corpus)]
    title = f"dense, given vector, {len(corpus.ids):,} rows, {len(queries) - WARM_UP} queries each"
    print_table(title, rows)
    console.print(machine_line())
    write_report(arguments.json, "filters", rows, n_rows=len(corpus.ids))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_corpus_options(parser)
    add_server_options(parser)
    parser.add_argument("--n", type=int, default=100, help="queries a filter")
    return parser.parse_args()


def cases(corpus: Corpus) -> list[Case]:
    """Return the filters: random, by category near and far, by date, and without an index."""
    categories = Categories(corpus)
    found = [Case("none", lambda _: {}, lambda *_: True)]
    for share, below in (("50 %", 500), ("10 %", 100), ("1 %", 10)):
        found.append(Case(share, *below_bucket(below)))
    found.append(Case("0.1 %", lambda _: {"bucket": 7}, lambda row, _: row["bucket"] == 7))
    found.append(Case("10 %, no index", *not_from_bucket(100)))
    found.append(Case("1 %, no index", *not_from_bucket(10)))
    if categories.names:
        found.append(Case("its own category", categories.own, equals_primary))
        found.append(Case("a rare far category", categories.far, equals_primary))
        found.append(Case("far categories, 20 %", categories.far_fifth, in_primary))
        found.append(Case("not its own category", categories.not_own, not_primary))
    if all("created" in row for row in corpus.metadata):
        found.append(created_case(corpus))
    return found


def below_bucket(
    below: int,
) -> tuple[Callable[[Vectors], Metadata], Callable[[Metadata, Metadata], bool]]:
    """Return a range over the declared number, which its B-tree finds."""
    return lambda _: {"bucket": {"$lt": below}}, lambda row, _: row["bucket"] < below


def not_from_bucket(
    below: int,
) -> tuple[Callable[[Vectors], Metadata], Callable[[Metadata, Metadata], bool]]:
    """Return the same rows by a negation, which no index finds."""
    return lambda _: {"$not": {"bucket": {"$gte": below}}}, lambda row, _: row["bucket"] < below


def equals_primary(row: Metadata, asked: Metadata) -> bool:
    return bool(row["primary"] == asked["primary"])


def in_primary(row: Metadata, asked: Metadata) -> bool:
    return row["primary"] in asked["primary"]["$in"]


def not_primary(row: Metadata, asked: Metadata) -> bool:
    return bool(row["primary"] != asked["primary"]["$ne"])


def created_case(corpus: Corpus) -> Case:
    """Return the latest tenth of the documents by their date."""
    dates = sorted(str(row["created"]) for row in corpus.metadata)
    since = dates[int(len(dates) * 0.9)]
    return Case(
        "the latest 10 %",
        lambda _: {"created": {"$gte": since}},
        lambda row, _: moment(row["created"]) >= moment(since),
    )


def moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Categories:
    """The categories of a corpus, where each lies, and which are near and far from a query."""

    # A rare category keeps between so much and so much of the rows.
    RARE = (0.0005, 0.01)

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        counts = Counter(row.get("primary") for row in corpus.metadata)
        # A handful of rows has no centre to speak of.
        self.names = [name for name, n in counts.items() if isinstance(name, str) and n >= K]
        self.shares = [counts[name] / len(corpus.ids) for name in self.names]
        primaries = np.array([str(row.get("primary")) for row in corpus.metadata])
        self.centres = np.array(
            [corpus.vectors[primaries == name].mean(axis=0) for name in self.names]
        )

    def own(self, query: Vectors) -> Metadata:
        """Return the filter on the category of the row nearest to the query."""
        nearest = int(np.argmax(self.corpus.scores(query)))
        return {"primary": self.corpus.metadata[nearest]["primary"]}

    def not_own(self, query: Vectors) -> Metadata:
        """Return the filter that keeps all but the category of the row nearest to the query."""
        return {"primary": {"$ne": self.own(query)["primary"]}}

    def far(self, query: Vectors) -> Metadata:
        """Return the filter on the farthest of the rare categories."""
        low, high = self.RARE
        order = self.by_distance(query)
        rare = [i for i in order if low <= self.shares[i] <= high] or order
        return {"primary": self.names[rare[0]]}

    def far_fifth(self, query: Vectors) -> Metadata:
        """Return the filter on the farthest categories that together keep a fifth of the rows."""
        chosen: list[str] = []
        share = 0.0
        for i in self.by_distance(query):
            chosen.append(self.names[i])
            share += self.shares[i]
            if share >= 0.2:
                break
        return {"primary": {"$in": chosen}}

    def by_distance(self, query: Vectors) -> list[int]:
        """Return the categories, farthest first."""
        return [int(i) for i in np.argsort(self.centres @ query)]


def measure(
    client: HubClient, slug: str, corpus: Corpus, queries: Vectors, case: Case
) -> dict[str, Any]:
    """Return one row of the table."""
    times: list[float] = []
    recalls: list[float] = []
    kept: list[float] = []
    answers: list[dict[str, Any]] = []
    for position, query in enumerate(queries):
        asked = case.make(query)
        request: dict[str, Any] = {
            "vector": query.tolist(), "mode": "dense", "limit": K, "filter": asked,
            "highlight": False,
        }  # fmt: skip
        answer, milliseconds = timed(partial(client.search, slug, request))
        if position < WARM_UP:
            continue
        passes = np.array([case.passes(row, asked) for row in corpus.metadata], dtype=np.bool_)
        times.append(milliseconds)
        kept.append(float(passes.mean()))
        recalls.append(checked_recall(corpus, query, passes, answer))
        answers.append(answer)
    told = [explained(client, slug, case, query) for query in queries[-EXPLAINED:]]
    plans = Counter(str(answer["plan"]) for answer in answers)
    taken = timing(times)
    return {
        "filter": case.name,
        "keeps %": 100 * mean(kept),
        "recall@10": mean(recalls),
        "p50 ms": taken.p50,
        "p95 ms": taken.p95,
        "plan": ", ".join(f"{plan} {n}" for plan, n in plans.most_common()),
        "complete %": 100 * mean([float(answer["complete"]) for answer in answers]),
        "estimated": median_of(told, "estimated_rows"),
        "scanned": median_of(told, "scanned_rows"),
    }


def checked_recall(
    corpus: Corpus, query: Vectors, passes: NDArray[np.bool_], answer: dict[str, Any]
) -> float:
    """Return recall@10, hits of equal scores counting alike; raises Nonsense for a wrong answer."""
    scores = corpus.scores(query)
    true, last = true_neighbours(corpus, scores, passes, K)
    found = [hit["document"]["external_id"] for hit in answer["hits"]]
    if len(found) < len(true) and answer["complete"]:
        raise Nonsense(f"complete with {len(found)} hits of {len(true)} there are")
    allowed = {corpus.ids[row] for row in np.flatnonzero(passes)}
    if not allowed.issuperset(found):
        raise Nonsense("a hit that does not pass the filter")
    near = {corpus.ids[row] for row in np.flatnonzero(passes & (scores >= last - EQUAL))}
    return sum(ident in near for ident in found) / len(true) if true else 1.0


def explained(client: HubClient, slug: str, case: Case, query: Vectors) -> dict[str, Any]:
    """Return what the dense leg says about itself."""
    request: dict[str, Any] = {
        "vector": query.tolist(), "mode": "dense", "limit": K, "filter": case.make(query),
        "highlight": False, "explain": True,
    }  # fmt: skip
    leg: dict[str, Any] = client.search(slug, request)["legs"][0]
    return leg


def median_of(told: Sequence[dict[str, Any]], name: str) -> int | None:
    """Return the median of a figure; None if it is told nowhere."""
    values = [one[name] for one in told if one[name] is not None]
    return int(np.median(values)) if values else None


if __name__ == "__main__":
    main()
