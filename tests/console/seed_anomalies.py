"""A scanned collection with a row that stands out."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.anomalies.calibration import LEVELS
from embedhub.tables import AnomalyFlag, AnomalyProfile


def add_anomalies(session: Session, workspace_id: int, collection_id: int) -> None:
    """Add what a scan of the documents has left."""
    profile = AnomalyProfile(
        workspace_id=workspace_id,
        collection_id=collection_id,
        level="document",
        generation=1,
        n_rows=4,
        fitted={
            "with_vectors": True,
            "fence": 5.0,
            "rows_per_day": 0.1,
            "score_grid": [1.0] * len(LEVELS),
        },
    )
    session.add(profile)
    session.flush()
    session.execute(text("UPDATE anomaly_profiles SET fitted_at = now()"))
    documents = session.execute(
        text(
            "SELECT d.external_id, d.id, v.content_hash FROM documents d JOIN document_versions v"
            " ON v.document_id = d.id AND v.version = d.live_version"
            " WHERE d.collection_id = :id"
        ),
        {"id": collection_id},
    )
    found = {name: (document_id, content) for name, document_id, content in documents}
    document_id, content = found["script"]
    session.add(
        AnomalyFlag(
            workspace_id=workspace_id,
            profile_id=profile.id,
            node_id=document_id,
            document_id=document_id,
            content_hash=content,
            score=9.5,
            share=0.25,
            reasons=[
                {
                    "signal": "words",
                    "value": 0.9,
                    "share": 0.01,
                    "percentile": 99.0,
                    "words": "Uses words that similar rows do not: alert",
                }
            ],
            normal_ids=[found["whales"][0]],
            rare_words=["alert", "script"],
        )
    )
