"""What the walk over the endpoints needs of topics: a fit of each owner, one topic of it closed."""

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.graph import service as graphs
from embedhub.graph.service import Owner
from embedhub.tables import Topic, TopicFit, TopicMember

OPEN, CLOSED = 1, 2


def topic_names(caller: Caller, slug: str, secret: str) -> dict[str, object]:
    """Store a fit of the collection's and of the catalog's first rows; return what paths need.

    Rows beyond the first are of a topic whose words not everybody may see.
    """
    for owner in Owner:
        with db.reading() as session:
            subject = graphs.subject_of(session, caller, owner, slug)
        with db.writing() as session:
            fit = TopicFit(
                **subject.arguments,
                status="live",
                method="kmeans",
                n_rows=2,
                next_number=3,
            )
            session.add(fit)
            session.flush()
            ids = graphs.node_ids(session, subject, after=0, limit=2)
            for number, name in ((OPEN, "open texts"), (CLOSED, secret)):
                session.add(
                    Topic(
                        fit_id=fit.id,
                        number=number,
                        workspace_id=caller.workspace_id,
                        name=name,
                        words=[[name, 1.0]],
                        is_public=number == OPEN,
                        medoid_ids=ids,
                        n_rows=1,
                    )
                )
            for place, node_id in enumerate(ids):
                session.add(
                    TopicMember(
                        fit_id=fit.id,
                        node_id=node_id,
                        number=OPEN if place == 0 else CLOSED,
                        p=1.0,
                        x=float(place),
                        y=0.0,
                        node_hash=b"",
                    )
                )
    return {"topic": OPEN}
