"""Which classifier of a set predicts: stored, published, taken back, dropped when it is too old.

One transaction switches. Predictions follow block by block, each saying whose it is; until the last
is there, rows show what the classifier before said of them.
"""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.errors import Conflict, NotFound
from embedhub.graph.service import Owner, live_graph, mark_stale
from embedhub.jobs import Job
from embedhub.labels.queries import classifiers as queries
from embedhub.labels.sets import find_set, hold, who
from embedhub.labels.view import ClassifierView, classifier_view
from embedhub.tables import Classifier

PUBLISHABLE = ("ready", "retired")
WHY_NOT = {
    "rejected": "it was rejected and only its figures are kept",
    "dropped": "it is too old and only its figures are kept",
}


def make_live(session: Session, row: Classifier, *, by: str | None) -> None:
    """Let a stored classifier of a held set predict, and drop what is too old to do so again."""
    before = queries.find_live(session, row.set_id)
    if before is not None:
        queries.update_classifier(session, before.id, status="retired")
    queries.update_classifier(
        session, row.id, status="live", published_at=datetime.now(UTC), published_by=by
    )
    session.refresh(row)
    too_old = queries.kept_classifiers(session, row.set_id)[get_config().kept_versions :]
    for old in too_old:
        queries.update_classifier(session, old.id, status="dropped")
    queries.delete_arrays(session, [old.id for old in too_old])


def publish_version(
    caller: Caller, owner: Owner, slug: str, name: str, number: int, *, by: str | None = None
) -> ClassifierView:
    """Let a classifier predict from now on, one of before too; the way back is the same call.

    Raises NotFound, or Conflict for one that is not stored, or reads other vectors than there are.
    """
    caller.require_writing()
    with db.writing() as session:
        found, subject = find_set(session, caller, owner, slug, name)
        held = hold(session, found)
        row = queries.find_classifier(session, set_id=held.id, number=number)
        if row is None:
            raise NotFound("version", number)
        if row.status == "live":
            return classifier_view(row)
        if row.status not in PUBLISHABLE:
            raise Conflict(f"version {number} cannot be published: {WHY_NOT[row.status]}")
        graph = live_graph(session, subject)
        if graph is None or graph.space_id != row.space_id:
            raise Conflict(
                f"version {number} reads vectors that were replaced: train a new one instead"
            )
        make_live(session, row, by=who(caller, by))
        # Who looks after the graph has it predict; the clock does if the bell is lost.
        jobs.enqueue(session, Job.FOLLOW, graph_id=graph.id)
        view = classifier_view(row)
    mark_stale(graph)
    return view


def list_versions(
    caller: Caller,
    owner: Owner,
    slug: str,
    name: str,
    *,
    before: int | None = None,
    limit: int = 50,
) -> list[ClassifierView]:
    """Return the classifiers of a set, newest first; Forbidden for one bound to principals."""
    caller.require_every_document()
    with db.reading() as session:
        row, _ = find_set(session, caller, owner, slug, name)
        rows = queries.list_classifiers(session, set_id=row.id, before=before, limit=limit)
        return [classifier_view(one) for one in rows]


def get_version(caller: Caller, owner: Owner, slug: str, name: str, number: int) -> ClassifierView:
    """Return a classifier; raises NotFound."""
    caller.require_every_document()
    with db.reading() as session:
        row, _ = find_set(session, caller, owner, slug, name)
        found = queries.find_classifier(session, set_id=row.id, number=number)
        if found is None:
            raise NotFound("version", number)
        return classifier_view(found)
