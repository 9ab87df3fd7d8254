"""What the ranking stage is given, and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from embedhub.search.cursor import Position
from embedhub.search.fusion import Ranked
from embedhub.search.legs import QueryTerms
from embedhub.search.queries.operators import WordCondition
from embedhub.search.question import Question
from embedhub.search.request import Note
from embedhub.spaces.service import LiveSpaces
from embedhub.stopwatch import Stopwatch


@dataclass(frozen=True, slots=True)
class Scores:
    """A reranker's scores by chunk id, large is good; none, with the reason, when it failed."""

    by_chunk: Mapping[int, float] = field(default_factory=dict)
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class RankingContext:
    """One search within its snapshot.

    `first` is None for the first pool of candidates; for what only the deep pools hold, which is
    appended, it is the first tier. `position` is where the page begins. `scores` are a reranker's,
    None before it was asked. `words` are what the query demands beside its words.
    """

    session: Session
    question: Question
    spaces: LiveSpaces
    watch: Stopwatch
    position: Position
    first: Sequence[Ranked] | None
    scores: Scores | None
    terms: QueryTerms | None
    has_curations: bool
    words: WordCondition | None = None

    @property
    def now(self) -> float:
        """Return when the first page was asked for, in seconds since 1970: for the same ages."""
        return self.position.asked_at or 0.0


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates in the order of the hits, and the chunks that a reranker has to score for it.

    `to_score` is empty when the order is final: no reranker is asked for, or its scores were in
    the context. `window` holds the chunks whose order depends on the reranker; they stand together,
    and which they are does not.
    """

    ranked: Sequence[Ranked]
    to_score: Sequence[int] = ()
    window: frozenset[int] = frozenset()
    notes: tuple[Note, ...] = ()
