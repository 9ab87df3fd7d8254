"""Rows of the pages of duplicates."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from embedhub.tables import (
    Document,
    DuplicateCluster,
    DuplicateDecision,
    DuplicatePair,
    DuplicateSet,
)


def add_duplicates(session: Session, workspace_id: int, collection_id: int) -> None:
    """Add a set with a pair, a cluster and a decision that was taken back."""
    first, second = session.scalars(
        select(Document.id).where(Document.collection_id == collection_id).limit(2)
    ).all()
    found = DuplicateSet(
        workspace_id=workspace_id, collection_id=collection_id, level="document", n_rows=4
    )
    session.add(found)
    session.flush()
    own = {"workspace_id": workspace_id, "set_id": found.id}
    session.add_all(
        [
            DuplicatePair(
                **own,
                left_id=min(first, second),
                right_id=max(first, second),
                kind="near_copy",
                score=0.93,
                is_automatic=False,
                contradictions=["number"],
                parts=[
                    {"name": "jaccard", "value": 0.9, "share": 2.1, "words": "90% of the runs"},
                ],
            ),
            DuplicateCluster(
                **own,
                canonical_id=first,
                n_members=2,
                n_pairs=1,
                weakest=0.93,
                is_capped=False,
                n_refused=0,
            ),
            DuplicateDecision(
                **own, left_key="a", right_key="b", action="link", decided_by="staff ada"
            ),
        ]
    )
