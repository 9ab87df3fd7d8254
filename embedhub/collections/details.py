"""A collection with what is known of how well it is served: live recall, and advice."""

from dataclasses import dataclass, fields

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.advice import Advice
from embedhub.collections.advice import advice_for
from embedhub.collections.service import CollectionView, find_collection, view_of
from embedhub.search.recall.report import RecallFigure, recall_figures
from embedhub.spaces.service import live_spaces


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionDetails(CollectionView):
    """A collection, how much its index finds, and what could be done for it.

    `recall` and `advice` are empty for a caller bound to principals: they tell of others' filters
    and of documents that such a caller may not see.
    """

    recall: list[RecallFigure]
    advice: list[Advice]


def describe_collection(caller: Caller, slug: str) -> CollectionDetails:
    """Return a collection with its live recall and the advice about it; raises NotFound."""
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        view = view_of(session, collection)
        recall: list[RecallFigure] = []
        advice: list[Advice] = []
        if caller.principals is None:
            spaces = live_spaces(
                session, workspace_id=caller.workspace_id, collection_id=collection.id
            )
            recall = recall_figures(session, spaces)
            advice = advice_for(session, collection, spaces)
    shared = {field.name: getattr(view, field.name) for field in fields(view)}
    return CollectionDetails(**shared, recall=recall, advice=advice)
