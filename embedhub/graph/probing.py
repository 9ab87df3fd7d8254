"""Which rows are nearest to vectors that no row has: the text of a check, a row just changed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from embedhub.graph.lists import Floats, Ids, Lists, Vectors, best, empty_lists, unit
from embedhub.graph.queries.graphs import live_space
from embedhub.graph.queries.probing import nearest_documents
from embedhub.graph.queries.vectors import documents_of, vectors_of
from embedhub.graph.subject import Level, Subject
from embedhub.search.dense import has_index
from embedhub.search.near import nearest_owners
from embedhub.tables import Space

# Passages looked at for each document wanted: a document may have several that are near.
PASSAGES = 2
SPARE = 16


def nearest(
    session: Session,
    subject: Subject,
    vectors: Floats,
    k: int,
    principals: Sequence[str] | None = None,
) -> Lists:
    """Return the `k` rows nearest to each vector that somebody may see; `ids` count the vectors.

    As searches find them: by comparing all of a small space, by the HNSW index of a large one. The
    similarity is the cosine with the row's own vector, of a document the mean of its passages'.
    """
    wanted = unit(np.atleast_2d(np.asarray(vectors, np.float32)))
    numbers = np.arange(len(wanted))
    space = live_space(session, subject)
    if space is None or not len(wanted):
        return Lists(numbers, *empty_lists(len(wanted), k))
    if wanted.shape[1] != space.dimension:
        raise ValueError(f"vectors have {wanted.shape[1]} dimensions, not {space.dimension}")
    place = _Place(space, subject.level, k, principals)
    rows = [_nearest_of(session, place, vector) for vector in wanted]
    return Lists(
        numbers,
        np.concatenate([ids for ids, _ in rows]),
        np.concatenate([similarity for _, similarity in rows]),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where is looked, for how many, and for whom."""

    space: Space
    level: Level
    k: int
    principals: Sequence[str] | None


def _nearest_of(session: Session, place: _Place, vector: Floats) -> tuple[Ids, Floats]:
    found = _candidates(session, place, vector)
    return best(found.ids[None, :], (found.matrix @ vector)[None, :], place.k)


def _candidates(session: Session, place: _Place, vector: Floats) -> Vectors:
    """Return rows among which the nearest are, with their vectors."""
    space, level, k, principals = place.space, place.level, place.k, place.principals
    if level is not Level.DOCUMENT:
        near = nearest_owners(session, space, vector, limit=k, principals=principals)
        return vectors_of(session, space, level, [owner_id for owner_id, _ in near])
    if not has_index(space.shelf_id, is_indexed=space.is_indexed):
        ids = nearest_documents(session, space, vector, limit=k, principals=principals)
        return vectors_of(session, space, level, ids)
    passages = PASSAGES * k + SPARE
    near = nearest_owners(session, space, vector, limit=passages, principals=principals)
    return documents_of(session, space, [owner_id for owner_id, _ in near])
