"""The SQL that scores single passages which a leg's list lacks, looked up by their ids."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import any_, func, select
from sqlalchemy.orm import Session

from embedhub.arrays import array, ids_of
from embedhub.direct import Question, ask, written
from embedhub.search.nearness import Vectors
from embedhub.search.queries.dense import DENSE, QUERY
from embedhub.search.queries.lexical import SPARSE, lexical_distance, sparse_vector
from embedhub.search.queries.restriction import ANY_SPACE, place_of
from embedhub.spaces.distance import as_text, exact_distance, score_of
from embedhub.tables import Space

OWNERS = ids_of("owner_ids")
# pgvector's binary form: two 16-bit numbers, in the place of one element, then the elements.
HEADER_NUMBERS = 1
VECTORS = written(
    select(DENSE.c.owner_id, func.vector_send(DENSE.c.vector)).where(
        *place_of(DENSE, ANY_SPACE), DENSE.c.owner_id == any_(OWNERS)
    )
)
WORDS = written(
    select(SPARSE.c.owner_id, lexical_distance()).where(
        *place_of(SPARSE, ANY_SPACE), SPARSE.c.owner_id == any_(OWNERS)
    )
)


def dense_scores(
    session: Session, *, space: Space, query: NDArray[np.float32], owner_ids: Sequence[int]
) -> dict[int, float]:
    """Return the score of each of these passages that has a vector in a dense space."""
    facts = _facts(space, owner_ids) | {"query": as_text(query)}

    def read(rows: Sequence[Any]) -> dict[int, float]:
        return {owner_id: score_of(distance, space.metric) for owner_id, distance in rows}

    return ask(session, Question(_NEARNESS[space.metric], facts, read))


def vectors_of(session: Session, *, space: Space, owner_ids: Sequence[int]) -> Vectors:
    """Return the vectors of those of these passages that have one in a dense space."""

    def read(rows: Sequence[Any]) -> Vectors:
        # Read together: one by one the arrays cost more than the statement.
        sent = np.frombuffer(b"".join(row[1] for row in rows), dtype=">f4")
        each = sent.reshape(len(rows), HEADER_NUMBERS + space.dimension)[:, HEADER_NUMBERS:]
        return Vectors((row[0] for row in rows), each.astype(np.float32))

    return ask(session, Question(VECTORS, _facts(space, owner_ids), read))


def lexical_scores(
    session: Session, *, space: Space, query: dict[int, float], owner_ids: Sequence[int]
) -> dict[int, float]:
    """Return the BM25 score of each of these passages in a lexical space."""
    facts = _facts(space, owner_ids) | {"query": sparse_vector(query).to_text()}

    def read(rows: Sequence[Any]) -> dict[int, float]:
        return {owner_id: -distance for owner_id, distance in rows}

    return ask(session, Question(WORDS, facts, read))


def _facts(space: Space, owner_ids: Sequence[int]) -> dict[str, Any]:
    return {"space_id": space.id, "shelf_id": space.shelf_id, "owner_ids": array(owner_ids)}


def _nearness(metric: str) -> bytes:
    distance = exact_distance(DENSE.c.vector, QUERY, metric).label("distance")
    return written(
        select(DENSE.c.owner_id, distance).where(
            *place_of(DENSE, ANY_SPACE), DENSE.c.owner_id == any_(OWNERS)
        )
    )


# Run by every search: made once.
_NEARNESS = {metric: _nearness(metric) for metric in ("cosine", "inner_product", "l2")}
