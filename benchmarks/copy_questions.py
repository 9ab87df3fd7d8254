"""What is asked around copied texts, and how right the answers are: for benchmarks/copies.py."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Nonsense, Vectors, console, mean, timing
from embedhub.access.caller import Caller
from embedhub.search.request import Mode, SearchRequest, SearchResult
from embedhub.search.service import search

SLUG = "papers"
K = 10
# Distances of the index's rows are computed in full, by other code than the exact ones here.
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Corpus:
    """All rows by external id: the originals, then the copies of some of them."""

    ids: list[str]
    vectors: Vectors
    # which rows the filtered search may show
    shown: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figures:
    """One state of the index, asked for the neighbours of the rows near the copied texts."""

    state: str
    filter: str
    # mean over all questions, and of the text around which it is worst
    recall: float
    worst_text: float
    # part of the ten hits for a copied text itself that are it or its copies
    copies_found: float
    # part of the answers that came by the index alone, and that said they are complete
    by_index: float
    complete: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Questions:
    """Asks the same of every state: the neighbours of the rows near each copied text."""

    caller: Caller
    vectors: Vectors
    texts: Sequence[int]
    n_near: int

    def ask_all(
        self, state: str, corpus: Corpus, where: Mapping[str, Any] | None = None
    ) -> Figures:
        """Ask everything in this state of the index and say how right and fast the answers are."""
        console.print(f"asking: {state}, filter {where}")
        passing = corpus.shown if where else np.ones(len(corpus.ids), dtype=np.bool_)
        truth = Truth(corpus, passing, {ident: i for i, ident in enumerate(corpus.ids)})
        recalls: list[float] = []
        answers: list[SearchResult] = []
        milliseconds: list[float] = []
        for row in self.texts:
            parts = []
            for query in self.near(row):
                started = time.perf_counter()
                answer = self.ask(query, where)
                milliseconds.append((time.perf_counter() - started) * 1000)
                answers.append(answer)
                parts.append(truth.part_found(answer, query))
            recalls.append(mean(parts))
        own = [self.vectors[row] for row in self.texts]
        times = timing(milliseconds)
        return Figures(
            state=state,
            filter="half the copies" if where else "none",
            recall=mean(recalls),
            worst_text=min(recalls),
            copies_found=mean([truth.part_found(self.ask(each, where), each) for each in own]),
            by_index=mean([float(answer.plan == "hnsw") for answer in answers]),
            complete=mean([float(answer.complete) for answer in answers]),
            p50_ms=times.p50,
            p95_ms=times.p95,
        )

    def near(self, row: int) -> Vectors:
        """Return the vectors of the rows nearest to a text, without its own."""
        order = np.argsort(-(self.vectors @ self.vectors[row]), kind="stable")
        return self.vectors[[place for place in order[: self.n_near + 1] if place != row]]

    def ask(self, vector: NDArray[np.float32], where: Mapping[str, Any] | None) -> SearchResult:
        """Search by meaning alone."""
        request = SearchRequest(
            vector=vector, mode=Mode.DENSE, limit=K, filter=where, highlight=False
        )
        return search(self.caller, SLUG, request)


@dataclass(frozen=True, slots=True)
class Truth:
    """What an exact search over the rows that pass would find."""

    corpus: Corpus
    passing: NDArray[np.bool_]
    place: Mapping[str, int]

    def part_found(self, answer: SearchResult, query: NDArray[np.float32]) -> float:
        """Return how many of the ten hits are as near as the tenth nearest row that passes."""
        rows = [self.place[hit.document.external_id] for hit in answer.hits]
        if len(set(rows)) != len(rows) or not self.passing[rows].all():
            raise Nonsense("a hit came twice, or one that does not pass the filter")
        similarity = self.corpus.vectors @ query
        among = similarity[self.passing]
        tenth = np.partition(among, len(among) - K)[len(among) - K]
        return float((similarity[rows] >= tenth - TOLERANCE).sum() / K)
