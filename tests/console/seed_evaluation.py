"""Judged queries, feedback, a variant and a measured comparison, for pages to show."""

import uuid
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from embedhub.tables import EvaluatedQuery, Evaluation, Feedback, JudgedQuery, Judgment, Variant


def add_evaluation(session: Session, workspace_id: int, collection_id: int) -> int:
    """Add one row of each and return the evaluation's id."""
    place = {"workspace_id": workspace_id, "collection_id": collection_id}
    query = JudgedQuery(**place, external_id="q1", query="largest animal")
    session.add(query)
    session.flush()
    session.add_all(
        [
            Judgment(query_id=query.id, external_id="whales", relevance=2, judged_by="sam"),
            Judgment(query_id=query.id, external_id="volcano", relevance=0),
            Feedback(
                **place,
                request_id=uuid.uuid4(),
                query="largest animal",
                external_id="whales",
                kind="click",
            ),
            Variant(**place, name="more meaning", setting={"ranking": {"weights": {"dense": 0.7}}}),
        ]
    )
    evaluation = Evaluation(
        **place,
        k=10,
        depth=100,
        settings=[{"name": "live"}, {"name": "words only", "mode": "lexical"}],
        n_queries=1,
        n_skipped=1,
        n_missing=2,
        results=[result("live", 0.9), result("words only", 0.7, compared_with=0.9)],
        finished_at=datetime.now(UTC),
    )
    session.add(evaluation)
    session.flush()
    session.add(
        EvaluatedQuery(
            evaluation_id=evaluation.id,
            number=1,
            external_id="q1",
            query="largest animal",
            n_relevant=1,
            figures={"ndcg@10": [0.9, 0.7], "mrr": [1.0, 0.5]},
        )
    )
    return evaluation.id


def result(name: str, mean: float, *, compared_with: float | None = None) -> dict[str, object]:
    """Return the figures of one setting as a run stores them."""
    comparison = None
    if compared_with is not None:
        comparison = [
            {
                "metric": metric,
                "mean": mean - compared_with,
                "low": -0.3,
                "high": -0.1,
                "p_value": 0.004,
                "n_better": 0,
                "n_worse": 1,
            }
            for metric in ("ndcg@10", "mrr")
        ]
    return {
        "name": name,
        "metrics": [
            {"metric": metric, "mean": mean, "low": mean - 0.1, "high": mean + 0.1}
            for metric in ("ndcg@10", "mrr")
        ],
        "n_without_hits": 0,
        "notes": {"vectors_pending": 1},
        "median_ms": 12.5,
        "comparison": comparison,
    }
