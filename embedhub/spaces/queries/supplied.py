"""The SQL of vectors that come from elsewhere than an encoder: from the caller or from before."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.bulk_copy import copy_rows, int2, int8, jsonb, raw, string_array
from embedhub.bulk_copy import vectors as pack_vectors
from embedhub.spaces.queries.copies import numbers_of_new
from embedhub.spaces.queries.generations import LiveChunk
from embedhub.tables import Space

COLUMNS = (
    "shelf_id", "space_id", "owner_id", "document_id", "access", "attributes", "vector",
    "input_hash", "copy",
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
    numbers = numbers_of_new(
        session,
        shelf_id=space.shelf_id,
        space_id=space.id,
        hashes=[chunk.input_hash or b"" for chunk in given],
    )
    place = int8(space.shelf_id) + int8(space.id)
    packed = pack_vectors([vectors[chunk.document_id] for chunk in given])
    rows = (
        (
            place,
            int8(chunk.id),
            int8(chunk.document_id),
            string_array(chunk.access),
            jsonb(chunk.attributes),
            vector,
            raw(chunk.input_hash),
            int2(number),
        )
        for chunk, number, vector in zip(given, numbers, packed, strict=True)
    )
    if given:
        copy_rows(session, "embeddings", COLUMNS, rows)


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
