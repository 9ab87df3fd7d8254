"""Metrics of rankings against judgments, by trec_eval's own code; pure.

Gain is linear and the ideal list of nDCG is made of all judgments of a query, found or not. A query
without hits counts as zero; a query without a relevant document has nothing to find and is not
measured at all.
"""

from collections.abc import Mapping, Sequence

Judgments = Mapping[str, Mapping[str, int]]
Rankings = Mapping[str, Sequence[str]]


def metric_names(k: int, depth: int) -> list[str]:
    """Return the metrics that are measured, the leading one first."""
    names = [f"ndcg@{k}", f"recall@{k}", f"success@{k}", "mrr", "map"]
    return names if depth == k else [*names, f"recall@{depth}"]


def is_measurable(relevance: Mapping[str, int]) -> bool:
    """Return whether a query has a relevant document that could be found."""
    return any(grade > 0 for grade in relevance.values())


def measure(
    judgments: Judgments, rankings: Rankings, *, k: int, depth: int
) -> dict[str, dict[str, float]]:
    """Return the metrics of each judged query that has a relevant document.

    A ranking is best first and counts down to `depth`; a query without one found nothing.
    """
    asked = {query: dict(relevance) for query, relevance in judgments.items()}
    measurable = {query: found for query, found in asked.items() if is_measurable(found)}
    if not measurable:
        return {}
    import pytrec_eval

    evaluator = pytrec_eval.RelevanceEvaluator(
        measurable,
        {f"ndcg_cut.{k}", f"recall.{k},{depth}", f"success.{k}", "recip_rank", "map"},
    )
    runs = {query: _scores(rankings.get(query, ())[:depth]) for query in measurable}
    measured = evaluator.evaluate(runs)
    return {query: _named(measured[query], k, depth) for query in measurable}


def _scores(ranking: Sequence[str]) -> dict[str, float]:
    # trec_eval sorts by score and breaks ties by id: each place gets a score of its own.
    scores: dict[str, float] = {}
    for place, document in enumerate(ranking):
        scores.setdefault(document, float(len(ranking) - place))
    return scores


def _named(measured: Mapping[str, float], k: int, depth: int) -> dict[str, float]:
    figures = (
        measured[f"ndcg_cut_{k}"],
        measured[f"recall_{k}"],
        measured[f"success_{k}"],
        measured["recip_rank"],
        measured["map"],
        measured[f"recall_{depth}"],
    )
    return dict(zip(metric_names(k, depth), figures, strict=False))
