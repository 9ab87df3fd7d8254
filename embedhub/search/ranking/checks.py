"""Whether a ranking fits the collection it is for: its fields, its filters, and the rerankers."""

from collections.abc import Mapping

from embedhub.config import get_config
from embedhub.errors import InvalidInput
from embedhub.search.attributes import FieldType
from embedhub.search.filters import parse_filter
from embedhub.search.ranking.settings import RankingSettings


def check_ranking(
    settings: RankingSettings, filterable: Mapping[str, str], field: str = "ranking"
) -> None:
    """Raise InvalidInput or TooLarge, naming the part, unless the collection can rank so."""
    for position, boost in enumerate(settings.boosts):
        parse_filter(boost.filter, filterable, f"{field}.boosts.{position}.filter")
    dated = None if settings.recency is None else settings.recency.field
    if dated is not None and filterable.get(dated) != FieldType.DATE:
        raise InvalidInput("must be a filterable field declared as date", f"{field}.recency.field")
    reranker = settings.reranker
    if reranker is not None and reranker.name not in get_config().rerankers:
        known = ", ".join(sorted(get_config().rerankers)) or "none"
        message = f"no such reranker is configured; there are: {known}"
        raise InvalidInput(message, f"{field}.reranker.name")
