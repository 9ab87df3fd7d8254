"""How chunks come to answer: a new document at once, an update when its last vector is there.

The functions run inside the caller's transaction. Locks are always taken in one order (spaces,
documents by id, chunks by id), so that ingests, deletions and workers wait and never deadlock.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from embedhub.documents.chunking import encoder_input
from embedhub.encoders import SUPPLIED
from embedhub.search.lexical_index import LexicalRow, index_chunks, remove_chunks
from embedhub.spaces.followers import ring_for_graphs
from embedhub.spaces.queries import embeddings, server, supplied
from embedhub.spaces.queries import generations as queries
from embedhub.spaces.queries.generations import LiveChunk
from embedhub.spaces.queries.spaces import collections_of_documents, lock_collection_spaces
from embedhub.tables import Space
from embedhub.tables.spaces import SHARED_SHELF

__all__ = [
    "LiveChunk",
    "SuppliedVectors",
    "answer_from_now",
    "answer_with",
    "begin_update",
    "flip_complete",
    "flip_forgotten",
    "held",
    "hold_spaces",
    "remove",
    "remove_traces",
    "repeat_filter_columns",
]

# A statement over more ids than this would come near the longest time one may take.
IDS_AT_ONCE = 1_000
DOCUMENTS_AT_ONCE = 100
# Vectors that came with the documents, by document id.
SuppliedVectors = Mapping[int, NDArray[np.float32]]


def answer_from_now(
    session: Session,
    spaces: Sequence[Space],
    document_ids: Sequence[int],
    *,
    priority: int,
    vectors: SuppliedVectors | None = None,
) -> bool:
    """Index the live chunks of documents that have no index rows yet.

    Words are found when the caller commits, meanings when the vectors are there. Returns whether
    any chunk waits for its vector.
    """
    chunks = queries.live_chunks(session, document_ids)
    return answer_with(session, spaces, chunks, priority=priority, vectors=vectors)


def answer_with(
    session: Session,
    spaces: Sequence[Space],
    chunks: Sequence[LiveChunk],
    *,
    priority: int,
    vectors: SuppliedVectors | None = None,
) -> bool:
    """Index chunks that are live and have no index rows yet; say whether any waits for a vector."""
    waits = False
    for space in spaces:
        if space.kind == "sparse":
            index_chunks(session, space=space, rows=[lexical_row(chunk) for chunk in chunks])
        elif space.encoder == SUPPLIED:
            supplied.store_supplied(session, space=space, chunks=chunks, vectors=vectors or {})
            ring_for_graphs(session, [space.id])
        else:
            waits |= enter_pending(session, space, [chunk.id for chunk in chunks], priority)
    return waits


def begin_update(
    session: Session,
    spaces: Sequence[Space],
    document_ids: Sequence[int],
    *,
    chunk_ids: Sequence[int],
    priority: int,
    vectors: SuppliedVectors | None = None,
) -> bool:
    """Enter the new generation of changed documents into the ledger; the old one answers on.

    A document whose every new vector is at hand answers anew at once. Returns whether any waits.
    The caller holds documents and spaces.
    """
    remove(session, spaces, queries.superseded_chunks(session, document_ids))
    waits = False
    for space in spaces:
        if space.kind == "dense" and space.encoder != SUPPLIED:
            supplied.keep_vectors_of_old_generation(session, space=space, chunk_ids=chunk_ids)
            entered = embeddings.add_pending(
                session,
                space=space,
                chunk_ids=chunk_ids,
                priority=priority,
                is_live=False,
            )
            waits |= bool(entered)
    flip_complete(session, spaces, document_ids, vectors=vectors)
    return waits


def flip_complete(
    session: Session,
    spaces: Sequence[Space],
    document_ids: Sequence[int],
    *,
    vectors: SuppliedVectors | None = None,
) -> list[int]:
    """Let those documents answer with their newest text whose vectors are all there.

    A dead row does not hold its document back: the new text is then found by its words. The
    caller holds the documents and the spaces locked. Returns the documents flipped.
    """
    complete = queries.complete_documents(session, document_ids)
    if complete:
        old = queries.old_chunks(session, complete)
        queries.make_live(session, complete)
        remove(session, spaces, old)
        answer_from_now(session, spaces, complete, priority=0, vectors=vectors)
    return complete


def flip_forgotten(session: Session, *, limit: int) -> int:
    """Flip updates that no worker's store will flip any more, such as after a dead row."""
    flipped = 0
    forgotten = queries.forgotten_documents(session, limit=limit)
    for spaces, document_ids in held(session, forgotten):
        flipped += len(flip_complete(session, spaces, document_ids))
    return flipped


def hold_spaces(session: Session, collection_id: int) -> list[Space]:
    """Return a collection's spaces, kept on their shelves until the transaction ends."""
    return lock_collection_spaces(session, collection_id=collection_id)


def held(session: Session, document_ids: Sequence[int]) -> list[tuple[list[Space], list[int]]]:
    """Lock documents and the spaces of their collections; return them by collection."""
    by_collection = collections_of_documents(session, document_ids)
    spaces = {
        collection_id: hold_spaces(session, collection_id)
        for collection_id in sorted(by_collection)
    }
    queries.lock_documents(session, document_ids)
    return [(spaces[collection_id], ids) for collection_id, ids in sorted(by_collection.items())]


def remove(session: Session, spaces: Sequence[Space], chunk_ids: Sequence[int]) -> None:
    """Remove chunks and all that was made of them, owners first."""
    if chunk_ids:
        queries.delete_chunks(session, chunk_ids)
        remove_traces(session, spaces, chunk_ids)


def remove_traces(session: Session, spaces: Sequence[Space], chunk_ids: Sequence[int]) -> None:
    """Remove the index rows and the ledger's rows of chunks that are gone."""
    for some in _slices(chunk_ids):
        for space in spaces:
            if space.kind == "sparse":
                remove_chunks(session, space=space, owner_ids=some)
            else:
                queries.delete_vectors(
                    session, shelf_id=space.shelf_id, space_id=space.id, owner_ids=some
                )
        queries.delete_pending(session, space_ids=[space.id for space in spaces], owner_ids=some)
    if chunk_ids:
        ring_for_graphs(session, [space.id for space in spaces if space.kind == "dense"])
    if chunk_ids and any(space.shelf_id != SHARED_SHELF for space in spaces):
        # Whether an index is worn is told from these.
        server.tell_statistics(session)


def repeat_filter_columns(
    session: Session, spaces: Sequence[Space], document_ids: Sequence[int]
) -> None:
    """Repeat the documents' access and attributes in their index rows, where they differ."""
    for start in range(0, len(document_ids), DOCUMENTS_AT_ONCE):
        for space in spaces:
            queries.rewrite_filter_columns(
                session,
                table="sparse_embeddings" if space.kind == "sparse" else "embeddings",
                shelf_id=space.shelf_id,
                space_id=space.id,
                document_ids=document_ids[start : start + DOCUMENTS_AT_ONCE],
            )


def count_outdated(
    session: Session, spaces: Sequence[Space], document_ids: Sequence[int], *, at_most: int
) -> int:
    """Return how many index rows do not say what their documents do; counting stops at a bound."""
    return sum(
        queries.count_outdated(session, space, document_ids=document_ids, at_most=at_most)
        for space in spaces
    )


def repeat_some(
    session: Session, spaces: Sequence[Space], document_ids: Sequence[int], *, limit: int
) -> int:
    """Repeat what filters see of the documents in some index rows that differ; return how many."""
    return sum(
        queries.rewrite_some(session, space, document_ids=document_ids, limit=limit)
        for space in spaces
    )


def enter_pending(session: Session, space: Space, chunk_ids: Sequence[int], priority: int) -> bool:
    """Take live chunks' vectors from the cache or enter them into the ledger; say whether any."""
    waits, has_stored = False, False
    for some in _slices(chunk_ids):
        stored = embeddings.store_cached(session, space_id=space.id, chunk_ids=some)
        has_stored |= bool(stored)
        entered = embeddings.add_pending(
            session, space=space, chunk_ids=some, priority=priority, is_live=True
        )
        waits |= bool(entered)
    if has_stored:
        ring_for_graphs(session, [space.id])
    return waits


def _slices(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield ids by portions that one statement handles well within its time."""
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield ids[start : start + IDS_AT_ONCE]


def lexical_row(chunk: LiveChunk) -> LexicalRow:
    """Return how a chunk is found by its words."""
    return LexicalRow(
        owner_id=chunk.id,
        document_id=chunk.document_id,
        access=chunk.access,
        attributes=chunk.attributes,
        language=chunk.language,
        text=encoder_input(chunk.title, chunk.heading_path, chunk.text),
    )
