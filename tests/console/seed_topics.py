"""A fit with two topics and the places of a collection's documents, for pages to show."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from embedhub.tables import Topic, TopicFit, TopicMember


def add_topics(
    session: Session, workspace_id: int, collection_id: int, document_ids: Sequence[int]
) -> None:
    """Add a live fit of these documents, every second one in each topic."""
    fit = TopicFit(
        workspace_id=workspace_id,
        collection_id=collection_id,
        level="document",
        status="live",
        method="kmeans",
        n_rows=len(document_ids),
        next_number=3,
        metrics={"unsorted_share": 0.0, "soft_share": 0.0, "stability": 0.9},
    )
    session.add(fit)
    session.flush()
    for number, name in ((1, "whales, ocean"), (2, "volcano, rock")):
        session.add(
            Topic(
                fit_id=fit.id,
                number=number,
                workspace_id=workspace_id,
                name=name,
                words=[[word, 0.5] for word in name.split(", ")],
                medoid_ids=list(document_ids[number - 1 :: 2][:3]),
                n_rows=len(document_ids[number - 1 :: 2]),
                x=float(number),
                y=0.5,
            )
        )
    session.flush()
    for place, node_id in enumerate(document_ids):
        session.add(
            TopicMember(
                fit_id=fit.id,
                node_id=node_id,
                number=1 + place % 2,
                p=0.9,
                x=float(1 + place % 2),
                y=float(place),
                node_hash=b"\x00",
            )
        )
