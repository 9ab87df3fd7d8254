"""What the ranking stage is given, and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from embedhub.search.fusion import Ranked
from embedhub.search.question import Question
from embedhub.search.stopwatch import Stopwatch
from embedhub.spaces.service import LiveSpaces


@dataclass(frozen=True, slots=True)
class RankingContext:
    """One search within its snapshot.

    `tier` is 1 for the first pool of candidates, 2 for what only the deep pools hold (appended
    after tier 1). `scores` are a reranker's, by chunk id; None before it was asked.
    """

    session: Session
    question: Question
    spaces: LiveSpaces
    watch: Stopwatch
    tier: int
    scores: Mapping[int, float] | None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates in the order of the hits, and the chunks that a reranker has to score for it.

    `to_score` is empty when the order is final: no reranker is asked for, or its scores were in
    the context.
    """

    ranked: Sequence[Ranked]
    to_score: Sequence[int] = ()
