"""The advice about one collection, collected from every feature that has some."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from embedhub.advice import Advice
from embedhub.search.filter_advice import filter_advice
from embedhub.search.recall.report import recall_advice
from embedhub.spaces.index_facts import index_advice
from embedhub.spaces.service import LiveSpaces
from embedhub.tables import Collection

# A feature's advice about a collection and its live spaces; it only reads, and quickly.
Source = Callable[[Session, Collection, LiveSpaces], list[Advice]]

# A feature that has advice adds its function here.
SOURCES: tuple[Source, ...] = (recall_advice, filter_advice, index_advice)


def advice_for(session: Session, collection: Collection, spaces: LiveSpaces) -> list[Advice]:
    """Return all advice about a collection, the oldest first."""
    found = [advice for source in SOURCES for advice in source(session, collection, spaces)]
    return sorted(found, key=lambda advice: advice.since)
