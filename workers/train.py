"""Queue `train`: recommenders, one at a time. It computes for minutes and holds nobody else up."""

from collections.abc import Callable
from typing import Any

from embedhub.anomalies.scanning import scan_anomalies
from embedhub.duplicates.across import compare_collections
from embedhub.duplicates.scanning import scan_duplicates
from embedhub.graph.building import build_graph
from embedhub.jobs import Job
from embedhub.labels.work import train_labels
from embedhub.recommend.training_run.evaluating import evaluate_recommender
from embedhub.recommend.training_run.work import train_recommender
from embedhub.runs import service as runs
from embedhub.runs.kinds import RunKind
from embedhub.runs.progress import RunProgress
from embedhub.topics.fitting import fit_topics
from workers import app

WORK: dict[RunKind, Callable[[RunProgress, dict[str, Any]], dict[str, Any]]] = {
    RunKind.BUILD_GRAPH: build_graph,
    RunKind.COMPARE_COLLECTIONS: compare_collections,
    RunKind.EVALUATE_RECOMMENDER: evaluate_recommender,
    RunKind.FIT_TOPICS: fit_topics,
    RunKind.SCAN_DUPLICATES: scan_duplicates,
    RunKind.SCAN_ANOMALIES: scan_anomalies,
    RunKind.TRAIN_LABELS: train_labels,
    RunKind.TRAIN_RECOMMENDER: train_recommender,
}


@app.task(name=Job.TRAINING_RUN)  # type: ignore[untyped-decorator]
def carry_out_training_run(run_id: int) -> None:
    """Carry out one training; a message delivered twice does nothing."""
    kind = runs.kind_of(run_id)
    if kind is not None:
        runs.carry_out(run_id, WORK[kind])
