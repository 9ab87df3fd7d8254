"""The SQL that proposes items of a large catalog: near a vector, and popular ones."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import orjson
from sqlalchemy import BigInteger, BindParameter, Select, bindparam, func, literal_column, select
from sqlalchemy.orm import Session

from embedhub.arrays import packed
from embedhub.direct import Question, ask, written
from embedhub.recommend.queries.pools import EMBEDDINGS, PRIOR, Leg
from embedhub.search.dense import MAX_EF_SEARCH, has_index
from embedhub.spaces.copies import INDEXED_COPIES
from embedhub.spaces.distance import QueryVector, exact_distance, indexed_distance

SCAN = b"""
    SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),
           set_config('hnsw.ef_search', %(ef_search)s, true),
           set_config('enable_sort', 'off', true)
"""
SCANNED = b"SELECT set_config('enable_sort', 'on', true)"


def near(leg: Leg, *, most: int) -> list[Question[list[int]]]:
    """Ask for items near a vector: by the space's index where it has one, which may miss some.

    Of many items with one and the same input the index holds, and it proposes, the first few. The
    answers to all of the questions together are the items.
    """
    space = leg.space
    is_indexed = has_index(space.shelf_id, is_indexed=space.is_indexed)
    facts = {
        "shelf_id": space.shelf_id,
        "space_id": space.id,
        "vector": orjson.dumps(
            leg.vector.astype(np.float32), option=orjson.OPT_SERIALIZE_NUMPY
        ).decode(),
        "most": most,
    }
    sql = _near(space.metric, space.precision, space.dimension, is_indexed=is_indexed)
    question = Question(sql, facts, _read_ids)
    if not is_indexed:
        return [question]
    scan = Question(SCAN, {"ef_search": str(min(most, MAX_EF_SEARCH))}, _no_ids)
    return [scan, question, Question(SCANNED, {}, _no_ids)]


@cache
def _near(metric: str, precision: str, dimension: int, *, is_indexed: bool) -> bytes:
    vector: BindParameter[Any] = bindparam("vector", type_=QueryVector())
    if is_indexed:
        distance = indexed_distance(EMBEDDINGS.c.vector, vector, metric, precision, dimension)
    else:
        distance = exact_distance(EMBEDDINGS.c.vector, vector, metric)
    found = select(EMBEDDINGS.c.owner_id).where(
        EMBEDDINGS.c.shelf_id == bindparam("shelf_id"),
        EMBEDDINGS.c.space_id == bindparam("space_id"),
    )
    if is_indexed:
        # The index is partial: it is taken only for the condition it was made with.
        found = found.where(EMBEDDINGS.c.copy < literal_column(str(INDEXED_COPIES)))
    found = found.order_by(distance).limit(bindparam("most", type_=BigInteger))
    return written(_packed_ids(found))


def nearest(session: Session, leg: Leg, *, most: int) -> list[int]:
    """Return items near a vector, as `near` asks for them."""
    return [item for question in near(leg, most=most) for item in ask(session, question)]


def most_popular(*, version_id: int, most: int) -> Question[list[int]]:
    """Ask for the items that a version holds most popular."""
    return Question(_most_popular(), {"version_id": version_id, "most": most}, _read_ids)


@cache
def _most_popular() -> bytes:
    found = (
        select(PRIOR.c.item_id)
        .where(PRIOR.c.version_id == bindparam("version_id"))
        .order_by(PRIOR.c.popularity.desc(), PRIOR.c.item_id)
        .limit(bindparam("most", type_=BigInteger))
    )
    return written(_packed_ids(found))


def _packed_ids(statement: Select[tuple[int]]) -> Select[tuple[bytes]]:
    """Return a statement of one row: the one column of a statement's rows, in any order."""
    found = statement.subquery()
    return select(packed(func.int8send(found.c[0])))


def _read_ids(rows: Sequence[Any]) -> list[int]:
    ids: list[int] = np.frombuffer(rows[0][0], ">i8").tolist()
    return ids


def _no_ids(_rows: Sequence[Any]) -> list[int]:
    return []
