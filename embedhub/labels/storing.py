"""Storing what a training made: classifier, likely errors and news of it, in one transaction."""

from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.graph.service import GraphView, Level
from embedhub.labels.confident_learning import Suspects
from embedhub.labels.fitted import Fitted
from embedhub.labels.material import Material
from embedhub.labels.publishing import make_live
from embedhub.labels.queries import classifiers, errors, given
from embedhub.labels.queries import sets as queries
from embedhub.labels.sets import hold
from embedhub.runs.progress import RunProgress
from embedhub.tables import Classifier, LabelSet
from embedhub.webhooks.service import Event, announce

BETTER, ALWAYS, NEVER = "better", "always", "never"


def keep(
    progress: RunProgress, row: LabelSet, graph: GraphView, fitted: Fitted, publish: str
) -> Classifier:
    """Store a classifier; it predicts if it is not worse than what there is, or if told `always`.

    Raises NotFound if the set is gone.
    """
    progress.describe("storing")
    # The last moment to notice that somebody else works on it, or that it shall stop.
    progress.stay_alive()
    is_accepted = fitted.verdict.is_better or publish == ALWAYS
    with db.writing() as session:
        held = hold(session, row)
        stored = classifiers.insert_classifier(
            session,
            set_id=held.id,
            workspace_id=held.workspace_id,
            status="ready" if is_accepted else "rejected",
            reason=fitted.verdict.reason,
            origin=fitted.origin,
            run_id=progress.run_id,
            space_id=graph.space_id,
            data_hash=fitted.data_hash,
            n_rows=fitted.n_rows,
            labels=list(fitted.classifier.labels),
            settings=fitted.settings,
            metrics=fitted.metrics,
        )
        if is_accepted:
            classifiers.insert_arrays(session, stored.id, fitted.classifier.arrays)
        if is_accepted and publish != NEVER:
            make_live(session, stored, by=None)
        if fitted.suspects is not None and fitted.material is not None:
            rows = suspect_rows(session, held, fitted.material, fitted.suspects)
            errors.put_errors(session, held.id, rows)
        tell(session, held, graph, stored)
        return stored


def suspect_rows(
    session: Session, held: LabelSet, material: Material, suspects: Suspects
) -> list[dict[str, Any]]:
    """Return likely errors as they are stored, of rows that are still there."""
    ids = material.ids[suspects.places].tolist()
    there = given.held_targets(session, Level(held.level), ids)
    return [
        {
            "workspace_id": held.workspace_id,
            "set_id": held.id,
            "document_id": there[node_id].document_id,
            "item_id": there[node_id].item_id,
            "node_id": node_id,
            "label": material.names[material.rows.labels[suspects.places[at]]],
            "suggested": material.names[suspects.suggested[at]],
            "confidence": float(suspects.confidence[at]),
            "suggested_probability": float(suspects.suggested_probability[at]),
        }
        for at, node_id in enumerate(ids)
        if node_id in there
    ]


def tell(session: Session, held: LabelSet, graph: GraphView, stored: Classifier) -> None:
    """Have webhooks told of a training."""
    slug = queries.slug_of(session, graph.subject)
    if slug is None:
        return
    announce(
        session,
        workspace_id=held.workspace_id,
        event=Event.LABELS_TRAINED,
        owner_slug=slug,
        owner="collections" if held.collection_id is not None else "catalogs",
        payload={
            "label_set": held.name,
            "version": stored.number,
            "status": stored.status,
            "accuracy": stored.metrics.get("accuracy"),
            "n_rows": stored.n_rows,
        },
    )
