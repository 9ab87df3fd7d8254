"""The SQL of vectors that come from elsewhere than an encoder: from the caller or from before."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.bulk_copy import copy_ready, field_count, int2, int8, jsonb, raw, string_array
from embedhub.bulk_copy import vectors as pack_vectors
from embedhub.spaces.queries.copies import numbers_of_new
from embedhub.spaces.queries.generations import LiveChunk
from embedhub.tables import Space

COLUMNS = (
    "shelf_id", "space_id", "copy", "owner_id", "document_id", "access", "attributes", "vector",
    "input_hash",
)  # fmt: skip


def store_supplied(
    session: Session,
    *,
    space: Space,
    chunks: Sequence[LiveChunk],
    vectors: Mapping[int, NDArray[np.float32]],
) -> None:
    """Store the vectors that came with these chunks' documents; the others stay without one."""
    given = [chunk for chunk in chunks if chunk.document_id in vectors]
    hashes = [chunk.input_hash or b"" for chunk in given]
    store_rows(session, space=space, rows=vector_rows(given, vectors), hashes=hashes)


def vector_rows(
    chunks: Sequence[LiveChunk], vectors: Mapping[int, NDArray[np.float32]]
) -> list[bytes]:
    """Return rows of chunks with their documents' vectors, for COPY, but for their places."""
    packed = pack_vectors([vectors[chunk.document_id] for chunk in chunks])
    rows = []
    for chunk, vector in zip(chunks, packed, strict=True):
        fields = (
            int8(chunk.id),
            int8(chunk.document_id),
            string_array(chunk.access),
            jsonb(chunk.attributes),
            vector,
            raw(chunk.input_hash),
        )
        rows.append(b"".join(fields))
    return rows


def store_rows(
    session: Session, *, space: Space, rows: Sequence[bytes], hashes: Sequence[bytes]
) -> None:
    """Store rows of `vector_rows`, given the inputs that they are copies by."""
    if not rows:
        return
    numbers = numbers_of_new(session, shelf_id=space.shelf_id, space_id=space.id, hashes=hashes)
    place = field_count(COLUMNS) + int8(space.shelf_id) + int8(space.id)
    places = {number: place + int2(number) for number in set(numbers)}
    placed = (places[number] + row for number, row in zip(numbers, rows, strict=True))
    copy_ready(session, "embeddings", COLUMNS, placed)


def keep_vectors_of_old_generation(
    session: Session, *, space: Space, chunk_ids: Sequence[int]
) -> None:
    """Put vectors of unchanged passages back into the cache, from the generation that answers.

    The cache forgets what was not asked for in a while; what is live must never be encoded again.
    """
    statement = text("""
        INSERT INTO vector_cache (workspace_id, encoder, input_hash, vector)
        SELECT DISTINCT ON (old.input_hash)
               old.workspace_id, :encoder, old.input_hash, e.vector
        FROM chunks new
        JOIN documents d ON d.id = new.document_id
        JOIN chunks old ON old.document_id = d.id AND old.generation = d.live_generation
         AND old.input_hash = new.input_hash
        JOIN embeddings e ON e.shelf_id = :shelf_id AND e.space_id = :space_id
         AND e.owner_id = old.id AND e.input_hash = old.input_hash
        WHERE new.id = ANY(:ids)
        ORDER BY old.input_hash
        ON CONFLICT DO NOTHING
    """)
    facts = {
        "encoder": f"{space.encoder}@{space.revision}",
        "shelf_id": space.shelf_id,
        "space_id": space.id,
        "ids": list(chunk_ids),
    }
    session.execute(statement, facts)
