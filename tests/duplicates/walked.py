"""Duplicates for the walk over every endpoint: an open and a closed document, and two items."""

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.duplicates.fingerprinting import fingerprint_all
from embedhub.duplicates.queries import clusters, sets
from embedhub.graph import service as graphs
from embedhub.graph.service import Owner, Subject
from embedhub.tables import DuplicatePair
from tests.catalog.factories import send_items


def duplicate_names(caller: Caller, slug: str, secret: str) -> dict[str, object]:
    """Make the first two rows of each a pair and a cluster; return what paths are filled with."""
    send_items(caller, {"external_id": "other", "fields": {"title": "a film"}}, slug=slug)
    found: dict[str, object] = {}
    for owner, prefix in ((Owner.COLLECTIONS, ""), (Owner.CATALOGS, "catalog_")):
        with db.reading() as session:
            subject = graphs.subject_of(session, caller, owner, slug)
        pair_id, cluster_id = pair_of(subject, secret)
        found |= {f"{prefix}pair_id": pair_id, f"{prefix}cluster_id": cluster_id}
    return found


def pair_of(subject: Subject, secret: str) -> tuple[int, int]:
    """Store a pair and a cluster of a subject's first two rows."""
    with db.writing() as session:
        found = sets.make_set(session, subject)
    fingerprint_all(subject, found.id, None, lambda *_: None)
    with db.writing() as session:
        held = sets.make_set(session, subject)
        left, right = graphs.node_ids(session, subject, after=0, limit=2)
        own = {"workspace_id": subject.workspace_id, "set_id": held.id}
        part = {"name": "jaccard", "value": 0.9, "share": 2.0, "words": secret}
        pair = DuplicatePair(
            **own,
            left_id=left,
            right_id=right,
            kind="near_copy",
            score=0.95,
            is_automatic=True,
            parts=[part],
        )
        session.add(pair)
        [cluster_id] = clusters.insert_clusters(
            session,
            [
                {
                    **own,
                    "canonical_id": left,
                    "n_members": 2,
                    "n_pairs": 1,
                    "weakest": 0.95,
                    "is_capped": False,
                    "n_refused": 0,
                }
            ],
        )
        clusters.copy_members(session, held.id, {left: cluster_id, right: cluster_id})
        session.flush()
        sets.note_scan(session, held.id, n_rows=2, semantic=None, run_id=0)
        return pair.id, cluster_id
