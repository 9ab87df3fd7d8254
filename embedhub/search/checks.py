"""What a search request must fulfil before anything is looked up."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from embedhub.config import get_config
from embedhub.documents.inputs import MAX_EXTERNAL_ID_CHARS
from embedhub.errors import InvalidInput, TooLarge
from embedhub.search.analysis import regconfig_of
from embedhub.search.fusion import DEFAULT_DENSE_WEIGHT
from embedhub.search.ranking.values import text
from embedhub.search.request import Leg, Mode, SearchRequest
from embedhub.spaces.distance import Metric


def check_request(request: SearchRequest) -> None:
    """Raise InvalidInput or TooLarge, naming the part, unless the request makes sense by itself."""
    config = get_config()
    if request.query is not None:
        check_query(request.query)
    check_queries(request)
    if request.query is None and request.vector is None and not request.like:
        raise InvalidInput("give a query, a vector, documents to be like, or several", "query")
    check_examples(request)
    if request.mode is Mode.LEXICAL and request.query is None:
        raise InvalidInput("mode lexical needs words", "query")
    if not 1 <= request.limit <= config.max_limit:
        raise InvalidInput(f"must be between 1 and {config.max_limit}", "limit")
    if request.language is not None:
        regconfig_of(request.language)
    leg_weights(request.weights)


def check_query(query: str, field: str = "query") -> None:
    """Raise unless the text can be searched for."""
    limit = get_config().max_query_chars
    if len(query) > limit:
        raise TooLarge(f"longer than {limit} characters", field)
    if not query.strip():
        raise InvalidInput("must not be empty", field)
    if "\0" in query:
        raise InvalidInput("the character NUL is not allowed", field)
    try:
        query.encode()
    except UnicodeEncodeError:
        raise InvalidInput("a lone surrogate is not text", field) from None


def check_queries(request: SearchRequest) -> None:
    """Raise unless the queries beside the first make sense."""
    limit = get_config().max_queries
    if request.queries and request.query is None:
        raise InvalidInput("give the first query, too", "query")
    if len(request.queries) >= limit:
        raise TooLarge(f"at most {limit} in one search", "queries")
    for position, query in enumerate(request.queries):
        check_query(query, f"queries.{position}")


def check_examples(request: SearchRequest) -> None:
    """Raise unless the documents to be like and unlike can be looked up."""
    limit = get_config().max_examples
    for field, named in (("like", request.like), ("unlike", request.unlike)):
        if named and request.mode is Mode.LEXICAL:
            raise InvalidInput("mode lexical compares no documents", field)
        if len(named) > limit:
            raise TooLarge(f"at most {limit} documents", field)
        for position, external_id in enumerate(named):
            text(external_id, f"{field}.{position}", MAX_EXTERNAL_ID_CHARS)
            if external_id in named[:position] or (
                field == "unlike" and external_id in request.like
            ):
                raise InvalidInput("named twice", f"{field}.{position}")


def check_vector(vector: NDArray[np.float32], dimension: int, metric: str) -> None:
    """Raise InvalidInput unless the vector can be compared with a space's vectors."""
    if vector.shape != (dimension,):
        raise InvalidInput(f"expected {dimension} numbers, got {vector.size}", "vector")
    if not np.isfinite(vector).all():
        raise InvalidInput("every number must be finite", "vector")
    if metric == Metric.COSINE and not vector.any():
        raise InvalidInput("a zero vector has no direction to compare", "vector")


def leg_weights(
    weights: Mapping[str, float] | None, collections_own: float | None = None
) -> dict[Leg, float]:
    """Return the legs' parts of the fused score; InvalidInput for anything but dense in 0..1."""
    dense = DEFAULT_DENSE_WEIGHT if collections_own is None else collections_own
    for name, weight in (weights or {}).items():
        if name != Leg.DENSE:
            raise InvalidInput("only the weight of dense can be given", f"weights.{name}")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)):
            raise InvalidInput("expected a number", "weights.dense")
        if not 0 <= weight <= 1:
            raise InvalidInput("must be between 0 and 1", "weights.dense")
        dense = float(weight)
    return {Leg.DENSE: dense, Leg.LEXICAL: 1 - dense}
