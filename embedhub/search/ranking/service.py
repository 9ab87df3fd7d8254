"""The one stage between fusion and pages: what a search may rely on."""

from collections.abc import Mapping, Sequence

from embedhub.search.fusion import Ranked
from embedhub.search.queries.hydration import ShownChunk
from embedhub.search.question import Question
from embedhub.search.ranking.context import Ranking, RankingContext, Scores
from embedhub.search.ranking.examples import with_examples
from embedhub.search.ranking.reranking import rerank
from embedhub.search.ranking.stage import Stage

__all__ = ["passage_of", "rank", "score", "with_examples"]


def rank(context: RankingContext, fused: Sequence[Ranked]) -> Ranking:
    """Return the fused candidates in the order of the hits, grouped if anything ranks here.

    Runs inside the search's snapshot. The same request in the same state gives the same order: the
    next page goes on behind the last hit of this one. Only the order within the `window` also
    depends on a reranker.
    """
    question = context.question
    is_plain = question.ranking.is_fusion_alone and not question.excluded
    if is_plain and not context.has_curations:
        return Ranking(fused)
    with context.watch.part("rerank"):
        return Stage(context).ranking(fused)


def passage_of(shown: ShownChunk) -> str:
    """Return what a reranker reads of a chunk: its title and its text."""
    return f"{shown.title}\n{shown.text}" if shown.title else shown.text


def score(question: Question, passages: Mapping[int, str]) -> Scores:
    """Return a reranker's scores of these chunks' passages; call it while no transaction is open.

    Never raises over a reranker: what it could not do stands in the scores.
    """
    wanted = question.ranking.settings.reranker
    if wanted is None or not question.request.query:
        return Scores()
    return rerank(wanted, question.request.query, passages)
