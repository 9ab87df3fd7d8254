"""Anomalies for the walk over every endpoint: of an open and of a closed document, and an item."""

from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.anomalies.queries import flags, profiles
from embedhub.graph import service as graphs
from embedhub.graph.service import Owner, Subject
from tests.anomalies.seed import scan, subject_of


def anomaly_names(caller: Caller, slug: str, secret: str) -> dict[str, object]:
    """Scan a collection and a catalog, flag their rows, and return what paths are filled with."""
    found: dict[str, object] = {}
    for owner, name in ((Owner.COLLECTIONS, "anomaly_id"), (Owner.CATALOGS, "catalog_anomaly_id")):
        subject = subject_of(caller, owner=owner, slug=slug)
        scan(subject)
        found[name] = flag_all(subject, secret)["open"]
    return found


def flag_all(subject: Subject, secret: str) -> dict[str, int]:
    """Flag every row of a subject and return the flags by external id."""
    with db.writing() as session:
        row = profiles.hold_profile(session, subject)
        ids = graphs.node_ids(session, subject, after=0, limit=10)
        nodes = graphs.nodes(session, subject, ids)
        is_item = subject.catalog_id is not None
        flags.put_flags(
            session,
            [
                {
                    "workspace_id": subject.workspace_id,
                    "profile_id": row.id,
                    "node_id": node.id,
                    "document_id": node.document_id,
                    "item_id": node.id if is_item else None,
                    "content_hash": node.content_hash,
                    "score": 9.5,
                    "share": 0.01,
                    "reasons": [
                        {
                            "signal": "words",
                            "value": 1.0,
                            "share": 0.01,
                            "percentile": 99.0,
                            "words": secret if node.access else "Uses words that others do not",
                        }
                    ],
                    "normal_ids": [one.id for one in nodes if one.id != node.id],
                    "rare_words": [secret] if node.access else [],
                }
                for node in nodes
            ],
        )
        rows = session.execute(
            text("SELECT node_id, id FROM anomaly_flags WHERE profile_id = :id"), {"id": row.id}
        )
        names = {node.id: node.external_id for node in nodes}
        return {names[node_id]: flag_id for node_id, flag_id in rows}
