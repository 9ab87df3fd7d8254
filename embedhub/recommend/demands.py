"""What a request for a list must fulfil before anything is looked up."""

import math
from collections.abc import Sequence

from embedhub.config import get_config
from embedhub.documents.inputs import MAX_EXTERNAL_ID_CHARS, check_string, parse_external_id
from embedhub.errors import InvalidInput, TooLarge
from embedhub.recommend.request import Kind, RecommendationRequest, Seen
from embedhub.search.checks import check_query

MAX_PLACEMENT_CHARS = 200
MAX_VARIANT_CHARS = 63
MAX_TYPES = 100
MAX_CATEGORIES = 100


def check_request(request: RecommendationRequest) -> None:
    """Raise InvalidInput or TooLarge, naming the part, unless the request makes sense by itself."""
    config = get_config()
    if request.user is not None:
        parse_external_id(request.user, "user")
    check_items(request.session, "session", config.max_session, is_once=False)
    for field, named in (
        ("like", request.like),
        ("unlike", request.unlike),
        ("basket", request.basket),
    ):
        check_items(named, field, config.max_session)
    if request.candidates is not None:
        check_items(request.candidates, "candidates", config.max_candidates)
    for field, written in (
        ("like_text", request.like_text),
        ("unlike_text", request.unlike_text),
    ):
        if written is not None:
            check_query(written, field)
    check_kind(request)
    check_seen(request.seen)
    check_words(request.categories, "categories", MAX_CATEGORIES)
    check_limit(request.limit)
    if request.relevance is not None and not 0 <= request.relevance <= 1:
        raise InvalidInput("must be between 0 and 1", "relevance")
    check_string(request.placement, "placement", MAX_PLACEMENT_CHARS)
    if request.variant is not None:
        check_string(request.variant, "variant", MAX_VARIANT_CHARS)
    if request.visitor is not None:
        check_string(request.visitor, "visitor", MAX_EXTERNAL_ID_CHARS)
    if request.cursor is not None and not request.is_recorded:
        raise InvalidInput("a list that is not recorded has one page", "cursor")


def check_limit(limit: int) -> None:
    """Raise InvalidInput unless so many may stand on a page."""
    most = get_config().max_limit
    if not 1 <= limit <= most:
        raise InvalidInput(f"must be between 1 and {most}", "limit")


def check_kind(request: RecommendationRequest) -> None:
    """Raise InvalidInput unless the kind of list and what it is made of belong together."""
    has_examples = bool(request.like or request.unlike or request.like_text or request.unlike_text)
    if has_examples and not (request.like or request.like_text):
        raise InvalidInput("say what the items shall be like, too", "like")
    if (request.kind is Kind.BOUGHT_TOGETHER) != bool(request.basket):
        raise InvalidInput("a basket belongs to the kind bought_together", "basket")
    if request.kind is not Kind.PERSONAL and has_examples:
        raise InvalidInput("examples belong to the kind personal", "like")
    both = set(request.like) & set(request.unlike)
    if both:
        raise InvalidInput("is an example of what to be like, too", "unlike")


def check_seen(seen: Seen) -> None:
    """Raise InvalidInput or TooLarge unless what counts as seen makes sense."""
    if seen.types is not None:
        check_words(seen.types, "seen_types", MAX_TYPES)
    if seen.within is not None and seen.within.total_seconds() <= 0:
        raise InvalidInput("must be more than 0", "seen_within_days")
    if seen.decay is not None and not (math.isfinite(seen.decay) and 0 <= seen.decay <= 1):
        raise InvalidInput("must be between 0 and 1", "seen_decay")


def check_items(named: Sequence[str], field: str, most: int, *, is_once: bool = True) -> None:
    """Raise InvalidInput or TooLarge unless these are ids of items, each named once if so asked."""
    if len(named) > most:
        raise TooLarge(f"{len(named):,} items; at most {most:,} are accepted", field)
    known: dict[str, int] = {}
    for place, external_id in enumerate(named):
        parse_external_id(external_id, f"{field}.{place}")
        if known.setdefault(external_id, place) != place and is_once:
            raise InvalidInput(f"repeats {field}.{known[external_id]}", f"{field}.{place}")


def check_words(words: Sequence[str], field: str, most: int) -> None:
    """Raise InvalidInput or TooLarge unless these are some words."""
    if len(words) > most:
        raise TooLarge(f"{len(words):,} entries; at most {most:,} are accepted", field)
    for place, word in enumerate(words):
        check_string(word, f"{field}.{place}", 256)
