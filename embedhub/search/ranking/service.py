"""The one stage between fusion and pages: what a search may rely on."""

from collections.abc import Mapping, Sequence

from embedhub.search.fusion import Ranked
from embedhub.search.question import Question
from embedhub.search.ranking.context import Ranking, RankingContext


def rank(_context: RankingContext, fused: Sequence[Ranked]) -> Ranking:
    """Return the fused candidates in the order of the hits.

    Runs inside the search's snapshot, before chunks are grouped by document. The same request in
    the same state must give the same order: the next page goes on behind the last hit of this one.
    """
    return Ranking(fused)


def score(_question: Question, _texts: Mapping[int, str]) -> dict[int, float]:
    """Return a reranker's score of each chunk's text; called while no transaction is open."""
    return {}
