"""The SQL of vectors that come from elsewhere than an encoder: from the caller or from before."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from embedhub.spaces.queries.generations import LiveChunk
from embedhub.tables import Embedding, Space


def store_supplied(
    session: Session,
    *,
    space: Space,
    chunks: Sequence[LiveChunk],
    vectors: Mapping[int, NDArray[np.float32]],
) -> None:
    """Store the vectors that came with these chunks' documents; the others stay without one."""
    rows = [
        {
            "shelf_id": space.shelf_id,
            "space_id": space.id,
            "owner_id": chunk.id,
            "document_id": chunk.document_id,
            "access": chunk.access,
            "attributes": chunk.attributes,
            "vector": vectors[chunk.document_id],
            "input_hash": chunk.input_hash,
        }
        for chunk in chunks
        if chunk.document_id in vectors
    ]
    if rows:
        session.execute(insert(Embedding), rows)


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
