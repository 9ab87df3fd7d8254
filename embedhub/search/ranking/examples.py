"""Documents that hits shall be similar to, or not: examples moved into the query's vector.

Rocchio's way (1971): towards the mean of the liked, away from the mean of the unliked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from embedhub.errors import InvalidInput, NotReady
from embedhub.search.filters import Filter
from embedhub.search.question import Question
from embedhub.search.ranking.queries import candidates as queries
from embedhub.search.request import NoteCode
from embedhub.spaces.distance import Metric
from embedhub.spaces.service import LiveSpaces

# What examples count beside a query, which counts 1.
LIKE_WEIGHT = 0.75
UNLIKE_WEIGHT = 0.5


def with_examples(session: Session, question: Question, spaces: LiveSpaces) -> Question:
    """Return the question moved by the request's examples, which are no hits themselves.

    Raises InvalidInput naming the first document that is not there or may not be seen, NotReady
    where no example has a vector.
    """
    request = question.request
    if not (request.like or request.unlike):
        return question
    if spaces.dense is None:
        raise NotReady("the collection has no vectors to compare documents by")
    # A filter is about hits: examples may be any document that the caller sees.
    seen = queries.Seen(question.collection_id, Filter(), question.principals)
    wanted = [*request.like, *request.unlike]
    documents = queries.named_documents(session, seen=seen, external_ids=wanted)
    like = _ids(documents, request.like, "like")
    unlike = _ids(documents, request.unlike, "unlike")
    vectors = queries.document_vectors(session, spaces.dense, [*like, *unlike])
    vector = moved(
        question.vector,
        _known(vectors, like),
        _known(vectors, unlike),
        is_cosine=spaces.dense.metric == Metric.COSINE,
    )
    if vector is None:
        if request.query is None:
            raise NotReady("the documents to be like have no vectors yet")
        vector = question.vector
    # The examples give what the query alone lacked.
    notes = tuple(note for note in question.notes if note.code is not NoteCode.NO_DENSE_SPACE)
    notes = question.notes if vector is None else notes
    return replace(question, vector=vector, notes=notes, excluded=frozenset([*like, *unlike]))


def moved(
    query: NDArray[np.float32] | None,
    like: Sequence[NDArray[np.float32]],
    unlike: Sequence[NDArray[np.float32]],
    *,
    is_cosine: bool,
) -> NDArray[np.float32] | None:
    """Return the vector to search with; None if there is nothing to go towards.

    Where cosines are compared every vector counts the same, whatever its length.
    """
    towards = [] if query is None else [(1.0, query.astype(np.float64))]
    if like:
        towards.append((1.0 if query is None else LIKE_WEIGHT, _mean(like, is_cosine)))
    if not towards:
        return None
    total = np.sum([weight * vector for weight, vector in towards], axis=0)
    if unlike:
        total = total - UNLIKE_WEIGHT * _mean(unlike, is_cosine)
    if is_cosine:
        length = float(np.linalg.norm(total))
        if length < np.finfo(np.float32).eps:
            # Likes and unlikes are the same: there is no direction left but the first.
            total, length = towards[0][1], 1.0
        total = total / length
    else:
        total = total / sum(weight for weight, _ in towards)
    found: NDArray[np.float32] = total.astype(np.float32)
    return found


def _mean(vectors: Sequence[NDArray[np.float32]], is_cosine: bool) -> NDArray[np.float64]:
    wide = [vector.astype(np.float64) for vector in vectors]
    if is_cosine:
        wide = [vector / (np.linalg.norm(vector) or 1.0) for vector in wide]
    mean: NDArray[np.float64] = np.mean(wide, axis=0)
    return mean


def _ids(documents: Mapping[str, int], external_ids: Sequence[str], field: str) -> list[int]:
    for position, external_id in enumerate(external_ids):
        if external_id not in documents:
            raise InvalidInput("no such document", f"{field}.{position}")
    return [documents[external_id] for external_id in external_ids]


def _known(
    vectors: Mapping[int, NDArray[np.float32]], document_ids: Sequence[int]
) -> list[NDArray[np.float32]]:
    return [vectors[document_id] for document_id in document_ids if document_id in vectors]
