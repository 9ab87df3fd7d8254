"""The SQL of the ranking stage: what it has to know of its candidates, looked up by their ids."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    FromClause,
    and_,
    extract,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Session

from embedhub.search.access import access_predicate
from embedhub.search.filters import Filter
from embedhub.search.queries.operators import WordCondition
from embedhub.search.queries.restriction import place_of
from embedhub.search.ranking.adjusting import DocumentFacts
from embedhub.tables import Chunk, Curation, Document, DocumentVersion, Embedding, Space

# The tables and not the mapped classes: a query for plain columns runs without the ORM's share.
CHUNKS: FromClause = Chunk.__table__
DOCUMENTS: FromClause = Document.__table__
VERSIONS: FromClause = DocumentVersion.__table__
CURATIONS: FromClause = Curation.__table__
EMBEDDINGS: FromClause = Embedding.__table__
IS_LIVE = and_(
    DOCUMENTS.c.id == CHUNKS.c.document_id, DOCUMENTS.c.live_generation == CHUNKS.c.generation
)
# pgvector's binary form: two 16-bit numbers, then the elements.
HEADER_BYTES = 4
# Of a document of thousands of passages the first ones say what it is about.
MAX_EXAMPLE_CHUNKS = 200


@dataclass(frozen=True, slots=True)
class Decisions:
    """Documents that people pinned for a search, by position, and those that they hid."""

    pinned: tuple[int, ...] = ()
    hidden: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a search may see: the scope of every look-up of documents that no leg found."""

    collection_id: int
    filter: Filter
    principals: Sequence[str] | None

    def condition(self) -> ColumnElement[bool]:
        """Return the condition over documents."""
        return and_(
            DOCUMENTS.c.collection_id == self.collection_id,
            or_(DOCUMENTS.c.expires_at.is_(None), DOCUMENTS.c.expires_at > func.now()),
            access_predicate(DOCUMENTS.c.access, self.principals),
            self.filter.predicate(DOCUMENTS.c.attributes),
        )


def document_facts(
    session: Session,
    document_ids: Collection[int],
    *,
    filters: Sequence[Filter],
    is_dated: bool,
    date_field: str | None,
) -> dict[int, DocumentFacts]:
    """Return which filters each document passes, and its date if `is_dated`.

    The date is that of a field declared as date, the latest of several; without a field it is the
    moment the document was added.
    """
    dated: ColumnElement[Any] = literal(None)
    if is_dated and date_field is None:
        dated = extract("epoch", DOCUMENTS.c.created_at)
    elif is_dated:
        dated = DOCUMENTS.c.attributes[date_field]
    passes = [
        one.predicate(DOCUMENTS.c.attributes).label(f"passes_{number}")
        for number, one in enumerate(filters)
    ]
    statement = select(DOCUMENTS.c.id, dated.label("dated"), *passes).where(
        DOCUMENTS.c.id == func.any(list(document_ids))
    )
    return {
        row[0]: DocumentFacts(
            _epoch(row[1]), frozenset(number for number, held in enumerate(row[2:]) if held)
        )
        for row in session.execute(statement)
    }


def _epoch(value: Any) -> float | None:
    if isinstance(value, list):
        found = [moment for moment in map(_epoch, value) if moment is not None]
        return max(found, default=None)
    # A date that no run has brought into its stored form yet is a string: not known.
    is_moment = value is not None and not isinstance(value, bool | str | dict)
    return float(value) if is_moment else None


def chunk_headings(session: Session, chunk_ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Return title and heading path of each chunk."""
    statement = (
        select(CHUNKS.c.id, VERSIONS.c.title, CHUNKS.c.heading_path)
        .select_from(CHUNKS)
        .join(
            VERSIONS,
            and_(
                VERSIONS.c.document_id == CHUNKS.c.document_id,
                VERSIONS.c.version == CHUNKS.c.version,
            ),
        )
        .where(CHUNKS.c.id == func.any(list(chunk_ids)))
    )
    return {chunk_id: (title, path) for chunk_id, title, path in session.execute(statement)}


def chunk_texts(session: Session, chunk_ids: Collection[int]) -> dict[int, str]:
    """Return the text of each chunk."""
    statement = select(CHUNKS.c.id, CHUNKS.c.text).where(CHUNKS.c.id == func.any(list(chunk_ids)))
    return {row[0]: row[1] for row in session.execute(statement)}


def chunk_vectors(
    session: Session, space: Space, chunk_ids: Collection[int]
) -> dict[int, NDArray[np.float32]]:
    """Return the vector of each chunk that has one in a dense space."""
    statement = select(EMBEDDINGS.c.owner_id, func.vector_send(EMBEDDINGS.c.vector)).where(
        *place_of(EMBEDDINGS, space), EMBEDDINGS.c.owner_id == func.any(list(chunk_ids))
    )
    return {chunk_id: _vector(sent) for chunk_id, sent in session.execute(statement)}


def _vector(sent: bytes) -> NDArray[np.float32]:
    return np.frombuffer(sent, dtype=">f4", offset=HEADER_BYTES).astype(np.float32)


def decisions(session: Session, *, seen: Seen, normalized: Sequence[str]) -> Decisions:
    """Return what is decided for these normalized queries; pins only of what the search may see.

    What is decided for a query goes before what holds for all.
    """
    statement = (
        select(CURATIONS.c.position, DOCUMENTS.c.id, seen.condition().label("is_seen"))
        .select_from(CURATIONS)
        .join(
            DOCUMENTS,
            and_(
                DOCUMENTS.c.collection_id == CURATIONS.c.collection_id,
                DOCUMENTS.c.external_id == CURATIONS.c.external_id,
            ),
        )
        .where(
            CURATIONS.c.collection_id == seen.collection_id,
            CURATIONS.c.query == func.any(["", *normalized]),
            CURATIONS.c.removed_at.is_(None),
        )
        .order_by(CURATIONS.c.query == "", CURATIONS.c.position, CURATIONS.c.id)
    )
    decided: dict[int, tuple[int | None, bool]] = {}
    for position, document_id, is_seen in session.execute(statement):
        decided.setdefault(document_id, (position, is_seen))
    pinned = [
        (position, document_id)
        for document_id, (position, is_seen) in decided.items()
        if position is not None and is_seen
    ]
    hidden = [document_id for document_id, (position, _) in decided.items() if position is None]
    # Stable: of equal positions those for the query come first, then the older.
    pinned.sort(key=lambda pin: pin[0])
    return Decisions(tuple(document_id for _, document_id in pinned), frozenset(hidden))


def first_chunks(
    session: Session, document_ids: Collection[int], words: WordCondition | None = None
) -> dict[int, int]:
    """Return the first live chunk of each document, by document, without a word left out."""
    statement = (
        select(CHUNKS.c.document_id, CHUNKS.c.id)
        .join(DOCUMENTS, IS_LIVE)
        .where(CHUNKS.c.document_id == func.any(list(document_ids)))
        .distinct(CHUNKS.c.document_id)
        .order_by(CHUNKS.c.document_id, CHUNKS.c.position)
    )
    if words is not None and words.excluded:
        statement = statement.where(words.without_excluded(CHUNKS.c.id))
    return {row[0]: row[1] for row in session.execute(statement)}


def named_documents(
    session: Session, *, seen: Seen, external_ids: Collection[str]
) -> dict[str, int]:
    """Return the id of each document of these external ids that the search may see."""
    statement = select(DOCUMENTS.c.external_id, DOCUMENTS.c.id).where(
        seen.condition(), DOCUMENTS.c.external_id == func.any(list(external_ids))
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def document_vectors(
    session: Session, space: Space, document_ids: Collection[int]
) -> dict[int, NDArray[np.float32]]:
    """Return the mean vector of each document's live passages that have one."""
    statement = (
        select(CHUNKS.c.document_id, func.vector_send(EMBEDDINGS.c.vector))
        .select_from(CHUNKS)
        .join(DOCUMENTS, IS_LIVE)
        .join(
            EMBEDDINGS,
            and_(*place_of(EMBEDDINGS, space), EMBEDDINGS.c.owner_id == CHUNKS.c.id),
        )
        .where(
            CHUNKS.c.document_id == func.any(list(document_ids)),
            CHUNKS.c.position < MAX_EXAMPLE_CHUNKS,
        )
        .order_by(CHUNKS.c.document_id, CHUNKS.c.position)
    )
    found: dict[int, list[NDArray[np.float32]]] = {}
    for document_id, sent in session.execute(statement):
        found.setdefault(document_id, []).append(_vector(sent))
    return {
        document_id: np.asarray(np.mean(vectors, axis=0, dtype=np.float64), dtype=np.float32)
        for document_id, vectors in found.items()
    }
