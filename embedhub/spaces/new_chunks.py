"""How chunks come to answer that nobody has ever seen: their rows are made before they are stored.

Storing holds the space, and the next batch of an import waits for it: what can be done before is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from embedhub.encoders import SUPPLIED
from embedhub.search.lexical_index import LexicalRow, index_chunks, store_wordless, wordless_row
from embedhub.spaces.followers import ring_for_graphs
from embedhub.spaces.generations import LiveChunk, SuppliedVectors, enter_pending, lexical_row
from embedhub.spaces.queries import supplied
from embedhub.tables import Space


@dataclass(frozen=True, slots=True)
class NewChunks:
    """Chunks with what their index rows hold, of whatever spaces they come into."""

    ids: list[int]
    worded: list[LexicalRow]
    # ready for COPY, as are the vectors
    wordless: list[bytes]
    # of chunks that came with one; with the hash of each
    vectors: list[bytes]
    hashes: list[bytes]


def make_answering(chunks: Sequence[LiveChunk], vectors: SuppliedVectors) -> NewChunks:
    """Return new chunks made ready, with the vectors that came with their documents."""
    worded, wordless = [], []
    for chunk in chunks:
        # A heading is part of a text.
        if chunk.text or chunk.title:
            worded.append(lexical_row(chunk))
        else:
            wordless.append(
                wordless_row(
                    owner_id=chunk.id,
                    document_id=chunk.document_id,
                    access=chunk.access,
                    attributes=chunk.attributes,
                    language=chunk.language,
                )
            )
    given = [chunk for chunk in chunks if chunk.document_id in vectors]
    return NewChunks(
        ids=[chunk.id for chunk in chunks],
        worded=worded,
        wordless=wordless,
        vectors=supplied.vector_rows(given, vectors),
        hashes=[chunk.input_hash or b"" for chunk in given],
    )


def answer_with_new(
    session: Session, spaces: Sequence[Space], chunks: NewChunks, *, priority: int
) -> bool:
    """Index new chunks in spaces that the caller holds; say whether any waits for a vector."""
    waits = False
    for space in spaces:
        if space.kind == "sparse":
            # First: they count in the average length that the others are weighed with.
            store_wordless(session, space=space, rows=chunks.wordless)
            index_chunks(session, space=space, rows=chunks.worded)
        elif space.encoder == SUPPLIED:
            supplied.store_rows(session, space=space, rows=chunks.vectors, hashes=chunks.hashes)
            ring_for_graphs(session, [space.id])
        else:
            waits |= enter_pending(session, space, chunks.ids, priority)
    return waits
