"""The SQL of chunks without a word: of documents that are a vector and nothing else."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.bulk_copy import (
    NO_WORDS,
    copy_ready,
    field_count,
    int4,
    int8,
    jsonb,
    no_weights,
    string,
    string_array,
)
from embedhub.search.queries.lexical_index import RowArrays
from embedhub.tables.spaces import SPARSE_DIMENSIONS

INSERT_BLANK_ROWS = text(f"""
    WITH inserted AS (
      INSERT INTO sparse_embeddings (shelf_id, space_id, owner_id, document_id, access,
                                     attributes, language, terms, length, weights)
      SELECT :shelf_id, :space_id, i.owner_id, i.document_id,
             CASE WHEN i.access IS NOT NULL
               THEN ARRAY(SELECT jsonb_array_elements_text(CAST(i.access AS jsonb))) END,
             CAST(i.attributes AS jsonb), i.language, '', 0, '{{}}/{SPARSE_DIMENSIONS}'
      FROM unnest(
        CAST(:owner_ids AS bigint[]), CAST(:document_ids AS bigint[]), CAST(:access AS text[]),
        CAST(:attributes AS text[]), CAST(:languages AS text[]))
        AS i(owner_id, document_id, access, attributes, language)
      ORDER BY i.owner_id
      ON CONFLICT DO NOTHING
      RETURNING 1),
    sized AS (
      INSERT INTO size_deltas (space_id, rows, length)
      SELECT :space_id, count(*), 0 FROM inserted HAVING count(*) > 0)
    SELECT count(*) FROM inserted
""")

COLUMNS = (
    "shelf_id", "space_id", "owner_id", "document_id", "access", "attributes", "language", "terms",
    "length", "weights",
)  # fmt: skip
NOTHING = NO_WORDS + int4(0) + no_weights(SPARSE_DIMENSIONS)
COUNT_IN = text("INSERT INTO size_deltas (space_id, rows, length) VALUES (:space_id, :n, 0)")


def insert_blank_rows(session: Session, *, shelf_id: int, space_id: int, rows: RowArrays) -> int:
    """Store rows whose texts are empty, unanalysed; rows there stay. Returns the new."""
    facts = {
        "shelf_id": shelf_id,
        "space_id": space_id,
        "owner_ids": rows.owner_ids,
        "document_ids": rows.document_ids,
        "access": rows.access,
        "attributes": rows.attributes,
        "languages": rows.languages,
    }
    return int(session.execute(INSERT_BLANK_ROWS, facts).scalar_one())


def blank_row(
    *,
    owner_id: int,
    document_id: int,
    access: Sequence[str] | None,
    attributes: dict[str, Any],
    language: str,
) -> bytes:
    """Return a row whose text is empty, for COPY, but for the place it will have."""
    fields = (
        int8(owner_id),
        int8(document_id),
        string_array(access),
        jsonb(attributes),
        string(language),
        NOTHING,
    )
    return b"".join(fields)


def copy_blank_rows(
    session: Session, *, shelf_id: int, space_id: int, rows: Sequence[bytes]
) -> None:
    """Store rows of `blank_row`, none of which is there yet."""
    place = field_count(COLUMNS) + int8(shelf_id) + int8(space_id)
    placed: Iterable[bytes] = (place + row for row in rows)
    copy_ready(session, "sparse_embeddings", COLUMNS, placed)
    session.execute(COUNT_IN, {"space_id": space_id, "n": len(rows)})


def has_words(session: Session, space_id: int) -> bool:
    """Say whether any row of the space has a word."""
    statement = text("SELECT sum(length) > 0 FROM size_deltas WHERE space_id = :space_id")
    return bool(session.execute(statement, {"space_id": space_id}).scalar_one())
