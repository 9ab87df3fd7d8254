"""The SQL that turns chunk ids into what a caller is shown, and words into lexemes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    FromClause,
    Select,
    and_,
    any_,
    bindparam,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Session

from embedhub.arrays import array, ids_of
from embedhub.direct import Question, ask, written
from embedhub.search.access import access_predicate
from embedhub.search.analysis import identifier_parts
from embedhub.tables import Chunk, Document, DocumentVersion

# The tables and not the mapped classes: a query for plain columns runs without the ORM's share.
CHUNKS: FromClause = Chunk.__table__
DOCUMENTS: FromClause = Document.__table__
VERSIONS: FromClause = DocumentVersion.__table__

# Statements that every search runs are made once: building one costs more than sending it.
# Live chunks of documents whose time has not passed, in the order of ShownChunk.
SHOWN = (
    select(
        CHUNKS.c.id,
        CHUNKS.c.document_id,
        CHUNKS.c.text,
        CHUNKS.c.start_offset,
        CHUNKS.c.end_offset,
        CHUNKS.c.position,
        DOCUMENTS.c.external_id,
        DOCUMENTS.c.url,
        DOCUMENTS.c.metadata,
        VERSIONS.c.title,
        # How many pages begin at or before it: the number of its page; null without pages.
        func.width_bucket(CHUNKS.c.start_offset, VERSIONS.c.page_starts),
    )
    .select_from(CHUNKS)
    .join(
        DOCUMENTS,
        and_(
            DOCUMENTS.c.id == CHUNKS.c.document_id,
            DOCUMENTS.c.live_generation == CHUNKS.c.generation,
        ),
    )
    .join(
        VERSIONS,
        and_(VERSIONS.c.document_id == DOCUMENTS.c.id, VERSIONS.c.version == CHUNKS.c.version),
    )
    .where(
        CHUNKS.c.id == any_(ids_of("chunk_ids")),
        DOCUMENTS.c.workspace_id == bindparam("workspace_id"),
        DOCUMENTS.c.collection_id == bindparam("collection_id"),
        or_(DOCUMENTS.c.expires_at.is_(None), DOCUMENTS.c.expires_at > func.now()),
    )
)
LEXEMES = written(
    text("""
    SELECT word, tsvector_to_array(to_tsvector(CAST(:configuration AS regconfig), body))
    FROM unnest(CAST(:words AS text[]), CAST(:bodies AS text[])) AS w(word, body)
    """)
)


SHOWN_TO_ALL = written(SHOWN)


@dataclass(frozen=True, slots=True)
class ShownChunk:
    """A live chunk with its document, as far as a hit shows them."""

    chunk_id: int
    document_id: int
    text: str
    start: int
    end: int
    position: int
    external_id: str
    url: str | None
    metadata: dict[str, Any]
    title: str
    page: int | None


def shown_chunks(
    session: Session,
    *,
    workspace_id: int,
    collection_id: int,
    chunk_ids: Sequence[int],
    principals: Sequence[str] | None,
) -> dict[int, ShownChunk]:
    """Return those of the chunks that are live in this collection and visible, by id.

    The legs restrict by the same access already; here it is asked of the document itself.
    """
    facts = {
        "chunk_ids": array(chunk_ids),
        "workspace_id": workspace_id,
        "collection_id": collection_id,
    }
    if principals is None:
        return ask(session, Question(SHOWN_TO_ALL, facts, _read_chunks))
    return _read_chunks(session.execute(_shown_to(tuple(principals)), facts).all())


def _read_chunks(rows: Sequence[Any]) -> dict[int, ShownChunk]:
    return {row[0]: ShownChunk(*row) for row in rows}


@lru_cache(maxsize=1_000)
def _shown_to(principals: tuple[str, ...]) -> Select[Any]:
    return SHOWN.where(access_predicate(DOCUMENTS.c.access, principals))


def lexemes_of_words(
    session: Session, *, configuration: str, words: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return the lexemes that the analysis makes of each word alone; none of a stop word.

    The parts of an identifier count as its own: getUserName holds user.
    """
    facts = {
        "configuration": configuration,
        "words": list(words),
        "bodies": [" ".join((word, *identifier_parts(word))) for word in words],
    }
    return ask(session, Question(LEXEMES, facts, _read_lexemes))


def _read_lexemes(rows: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    return {word: tuple(own) for word, own in rows}
