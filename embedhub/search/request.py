"""What a search is asked and what it answers: the dataclasses of the service, without any SQL."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Mode(StrEnum):
    """Which legs are asked."""

    HYBRID = "hybrid"
    DENSE = "dense"
    LEXICAL = "lexical"


class Group(StrEnum):
    """What a hit stands for: the best chunk of a document, or every chunk."""

    DOCUMENT = "document"
    CHUNK = "chunk"


class HitContext(StrEnum):
    """What is returned besides the passage that was found."""

    PARENT = "parent"


class Leg(StrEnum):
    """One way of finding candidates; or, for explanations, what those nearby add to a score."""

    DENSE = "dense"
    LEXICAL = "lexical"
    # never asked: the mean score of a hit's nearest candidates
    NEIGHBORS = "neighbors"


class NoteCode(StrEnum):
    """Why a list may be shorter or other than the request hoped for."""

    # hybrid went on without the dense leg
    NO_DENSE_SPACE = "no_dense_space"
    ENCODER_NOT_READY = "encoder_not_ready"
    # the dense leg ran although not every chunk has its vector yet
    VECTORS_PENDING = "vectors_pending"
    # metadata or access of documents was changed, and filters do not see all of it yet
    FILTERS_PENDING = "filters_pending"
    # words too common to be counted in full: rows with only such words may be missing
    LEXICAL_CUT = "lexical_cut"
    # no passage holds all phrases in quotes, or the index cannot find one: words were searched
    PHRASE_NOT_FOUND = "phrase_not_found"
    # words that no document holds were taken for similar ones that some do
    CORRECTED = "corrected"
    # the index scan ended before as many rows as wanted were found
    DENSE_SHORT = "dense_short"
    # a part of the collection's ranking cannot be used (any more)
    RANKING_SKIPPED = "ranking_skipped"
    # the reranker failed or took too long: the order is the one before it
    RERANK_FAILED = "rerank_failed"
    # the page reached the end of the deepest pool of candidates; more documents may match
    POOL_EXHAUSTED = "pool_exhausted"
    # no document holds a word of the query, or the analysis keeps none; asked with principals: no
    # document that they may see and the filter lets pass
    NO_TERMS = "no_terms"


# With one of these a hit that belongs on the page may be missing; the others only explain.
INCOMPLETE = frozenset(
    {
        NoteCode.ENCODER_NOT_READY,
        NoteCode.VECTORS_PENDING,
        NoteCode.FILTERS_PENDING,
        NoteCode.LEXICAL_CUT,
        NoteCode.DENSE_SHORT,
        NoteCode.POOL_EXHAUSTED,
    }
)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search; exactly what the caller sent, checked by the service.

    At least one of `query`, `vector` and `like` is given; without a query hybrid runs as dense.
    `like` and `unlike` are external ids of documents that hits shall and shall not be similar to;
    they are no hits themselves. `filter` is the raw filter object. `weights` may hold "dense", the
    dense leg's part of the fused score (0 to 1, default 0.5); `ranking` replaces parts of the
    collection's setting. `language` is the query's, where it is not the collection's. `cursor`
    continues the same request. `queries` are more wordings of the same question, each asked like
    `query` and counting the same. With `operators`, "phrases" in quotes have to be there and
    -words must not.
    """

    query: str | None = None
    vector: NDArray[np.float32] | None = None
    mode: Mode = Mode.HYBRID
    limit: int = 10
    filter: Mapping[str, Any] | None = None
    group: Group = Group.DOCUMENT
    explain: bool = False
    highlight: bool = True
    principals: tuple[str, ...] | None = None
    language: str | None = None
    weights: Mapping[str, float] | None = None
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    ranking: Mapping[str, Any] | None = None
    cursor: str | None = None
    queries: tuple[str, ...] = ()
    operators: bool = True
    context: HitContext | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Return all queries, the first one first."""
        return () if self.query is None else (self.query, *self.queries)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of characters (code points), `end` not included."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class HitDocument:
    """The document a hit belongs to; `collection` is the slug of its collection."""

    id: int
    external_id: str
    title: str
    url: str | None
    metadata: dict[str, Any]
    collection: str = ""


@dataclass(frozen=True, slots=True)
class HitChunk:
    """The passage that was found; `start` and `end` are offsets into the live version's text.

    `page` is the one that it begins on, from 1; None where the document has no pages.
    """

    id: int
    text: str
    start: int
    end: int
    position: int
    page: int | None = None


@dataclass(frozen=True, slots=True)
class LegExplanation:
    """One leg's part in one hit.

    `rank` (from 1) is None if the leg's list lacks the chunk: then its `score` was looked up; if
    that is None, too, `normalized` is what fusion assumed. `query` counts the request's queries
    from 0. The shares of a hit's legs add up to its score. Lexical scores are BM25;
    dense scores are the cosine, the inner product, or 1 / (1 + Euclidean distance).
    """

    leg: Leg
    rank: int | None
    score: float | None
    normalized: float
    weight: float
    share: float
    query: int = 0


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One step of the ranking behind fusion: the hit's score before and after it, and why.

    `kind` is title, heading, recency, boost, rerank, not_reranked, diversity or pinned.
    """

    kind: str
    before: float
    after: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HitExplanation:
    """Where a hit's score comes from; tier 1 ranks the first pool, tier 2 what only the deep has.

    The legs' shares add up to the fused score, from which the `adjustments` lead to the hit's, in
    their order. Scores of tier 2 are computed over another pool: they order tier 2 and are not
    comparable with those of tier 1, after which tier 2 is appended.
    """

    tier: int
    legs: tuple[LegExplanation, ...]
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(frozen=True, slots=True)
class HitParent:
    """The larger passage that a hit stands in, a range of the same text as its chunk."""

    text: str
    start: int
    end: int
    heading_path: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer. `highlights` are matched words, `sentence` the best sentence, in `chunk.text`.

    `collapsed` are the external ids of near-duplicates that this hit stands for. `parent` is there
    if the request's `context` asked for it.
    """

    score: float
    document: HitDocument
    chunk: HitChunk
    highlights: tuple[Span, ...] = ()
    sentence: Span | None = None
    explain: HitExplanation | None = None
    collapsed: tuple[str, ...] = ()
    parent: HitParent | None = None


@dataclass(frozen=True, slots=True)
class LegReport:
    """How one leg found its candidates.

    `plan` is exact (every row that passes was compared or scored), hnsw for the dense leg, or terms
    for the lexical one (rows found by the index on their words); `reason` says why this one.
    `terms` are the query's lexemes with the number of rows that hold them, lexical only.
    `estimated_rows` is how many rows were thought to pass, None where nobody had to guess;
    `scanned_rows` how many rows were really looked at, counted by Postgres, None unless the request
    says explain. `query` counts the request's queries from 0, `collection` is the slug of the one
    that was asked. `terms` are empty and `scanned_rows` None where principals are given: they would
    tell of rows these may not see. `ef_search` is the candidate list of an HNSW scan.
    """

    leg: Leg
    plan: str
    n_candidates: int
    complete: bool
    terms: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    estimated_rows: int | None = None
    scanned_rows: int | None = None
    ef_search: int | None = None
    query: int = 0
    collection: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something the caller should know about this list, for programs and for people."""

    code: NoteCode
    message: str


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds spent in each part; `total` also holds what lies between."""

    encode: float
    dense: float
    lexical: float
    hydrate: float
    highlight: float
    total: float
    rerank: float = 0.0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits of one page, best first, and whether the list can be trusted to be whole.

    `plan` is the dense leg's plan (exact, hnsw), or bm25 when only words were asked. `complete` is
    false when rows that belong on this page may be missing; `notes` say why. `cursor` asks for the
    next page, None on the last. `legs` are filled in every answer; show them when the request
    says explain.
    """

    request_id: uuid.UUID
    hits: tuple[Hit, ...]
    plan: str
    complete: bool
    cursor: str | None
    notes: tuple[Note, ...]
    legs: tuple[LegReport, ...]
    took: Took
