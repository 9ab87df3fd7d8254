"""How vectors are compared: the one place that knows pgvector's operators and casts.

The HNSW index is on an expression that carries dimension and precision; a query uses it only if
it orders by exactly this expression. Ordering by the raw column can never use it.
"""

from enum import StrEnum
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pgvector.sqlalchemy import BIT, HALFVEC, VECTOR
from sqlalchemy import BindParameter, ColumnElement, Dialect, Float, cast, func, literal


class Metric(StrEnum):
    """What makes two vectors near."""

    COSINE = "cosine"
    INNER_PRODUCT = "inner_product"
    L2 = "l2"


class Precision(StrEnum):
    """How the index holds vectors; the table always holds them in full."""

    HALFVEC = "halfvec"
    VECTOR = "vector"
    BIT = "bit"


class QueryVector(VECTOR):  # type: ignore[misc]
    """A query's vector as a parameter, in the fewest digits that read back as the same float32."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        """Return what turns the array into pgvector's text; its own takes many times as long."""
        del dialect
        return as_text


def as_text(vector: NDArray[np.float32]) -> str:
    """Return a vector as pgvector reads it."""
    return orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode()


# A vector, the parameter of type QueryVector that stands for one, or a column of another row.
Query = NDArray[np.float32] | ColumnElement[Any]

OPERATORS = {Metric.COSINE: "<=>", Metric.INNER_PRODUCT: "<#>", Metric.L2: "<->"}
OPERATOR_CLASSES = {Metric.COSINE: "cosine", Metric.INNER_PRODUCT: "ip", Metric.L2: "l2"}
# pgvector's HNSW takes no more dimensions than these.
MAX_INDEXED_DIMENSION = {Precision.VECTOR: 2_000, Precision.HALFVEC: 4_000, Precision.BIT: 64_000}


def index_precision(metric: str) -> Precision:
    """Return how the index of a space with this metric holds its vectors."""
    # A supplied value may lie beyond halfvec's range of 65,504; a cosine does not care how long.
    return Precision.HALFVEC if metric == Metric.COSINE else Precision.VECTOR


def hnsw_index(metric: str, precision: str, dimension: int) -> str:
    """Return method, expression and operator class of a space's index, as CREATE INDEX says it."""
    if precision == Precision.BIT:
        return f"hnsw ((binary_quantize(vector)::bit({dimension})) bit_hamming_ops)"
    kind = Precision(precision).value
    operator_class = f"{kind}_{OPERATOR_CLASSES[Metric(metric)]}_ops"
    return f"hnsw ((vector::{kind}({dimension})) {operator_class})"


def exact_distance(vector: Any, query: Query, metric: str) -> ColumnElement[float]:
    """Return the distance of a column to a query, on the raw column: no index can be taken."""
    return _distance(vector, OPERATORS[Metric(metric)], _asked(query))


def indexed_distance(
    vector: Any, query: Query, metric: str, precision: str, dimension: int
) -> ColumnElement[float]:
    """Return the distance that the space's HNSW index orders by; for bits a rough one."""
    asked = _asked(query)
    if precision == Precision.BIT:
        bits = BIT(dimension)
        return _distance(
            cast(func.binary_quantize(vector), bits),
            "<~>",
            cast(func.binary_quantize(asked), bits),
        )
    kind: Any = HALFVEC(dimension) if precision == Precision.HALFVEC else VECTOR(dimension)
    return _distance(cast(vector, kind), OPERATORS[Metric(metric)], cast(asked, kind))


def score_of(distance: float, metric: str) -> float:
    """Return the score of a distance, large is good: cosine, inner product or 1 / (1 + L2)."""
    match Metric(metric):
        case Metric.COSINE:
            return 1 - distance
        case Metric.INNER_PRODUCT:
            return -distance
        case Metric.L2:
            return 1 / (1 + distance)


def _asked(query: Query) -> ColumnElement[Any]:
    if isinstance(query, BindParameter):
        return cast(query, VECTOR)
    if isinstance(query, ColumnElement):
        return query
    return cast(literal(np.ascontiguousarray(query, np.float32), QueryVector), VECTOR)


def _distance(left: Any, operator: str, right: Any) -> ColumnElement[float]:
    distance: ColumnElement[float] = left.op(operator, return_type=Float())(right)
    return distance
