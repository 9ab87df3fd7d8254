"""The SQL of the vectors that a graph is made of, and of the hashes of what they were made of.

Of a document it is the mean of its passages' vectors; all functions see live rows only, as the
index tables hold no others.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.encoders import SUPPLIED
from embedhub.graph.lists import Floats, Ids, Vectors, unit
from embedhub.graph.queries.copying import copied
from embedhub.graph.subject import Level
from embedhub.spaces.vectors import stream_vectors
from embedhub.tables import Space

OWN = "SELECT owner_id AS id, input_hash AS hash FROM embeddings WHERE {place}"
MEAN = """
    SELECT document_id AS id,
           sha256(string_agg({one}, CAST('' AS bytea) ORDER BY owner_id)) AS hash
    FROM embeddings WHERE {place} AND document_id IS NOT NULL GROUP BY document_id
"""
PLACE = "shelf_id = :shelf_id AND space_id = :space_id"


def nodes_of(space: Space, level: str) -> str:
    """Return the query of (id, hash) of all rows with a vector; it takes `place_of(space)`."""
    if level != Level.DOCUMENT:
        return OWN.format(place=PLACE)
    # Vectors that came with the documents may change while the texts do not.
    one = "int8send(owner_id) || input_hash" if space.encoder == SUPPLIED else "input_hash"
    return MEAN.format(place=PLACE, one=one)


def place_of(space: Space) -> dict[str, int]:
    """Return the parameters that say where the rows of a space are."""
    return {"shelf_id": space.shelf_id, "space_id": space.id}


def hashes(
    session: Session, space: Space, level: str, ids: Sequence[int] | None = None
) -> tuple[Ids, list[bytes]]:
    """Return the ids of rows with a vector, ascending, and their hashes; of these rows, or all."""
    chosen = "" if ids is None else "WHERE n.id = ANY(:ids)"
    statement = text(f"SELECT * FROM ({nodes_of(space, level)}) n {chosen} ORDER BY 1")
    facts = place_of(space) | ({} if ids is None else {"ids": list(ids)})
    rows = session.execute(statement, facts).all()
    return np.array([row[0] for row in rows], np.int64), [bytes(row[1]) for row in rows]


def count_nodes(session: Session, space: Space, level: str) -> int:
    """Return how many rows have a vector."""
    what = "DISTINCT document_id" if level == Level.DOCUMENT else "*"
    statement = text(f"SELECT count({what}) FROM embeddings WHERE {PLACE}")
    return int(session.execute(statement, place_of(space)).scalar_one())


def all_vectors(session: Session, space: Space, level: str, ids: Ids) -> Floats:
    """Return the unit vectors of all these rows, ids ascending, in one array."""
    matrix = np.zeros((len(ids), space.dimension), np.float32)
    documents = _documents(session, space) if level == Level.DOCUMENT else None
    for owners, rows in stream_vectors(session, space):
        nodes = owners if documents is None else documents[1][documents[0].searchsorted(owners)]
        places = np.minimum(ids.searchsorted(nodes), max(len(ids) - 1, 0))
        is_wanted = ids[places] == nodes if len(ids) else np.zeros(len(nodes), bool)
        if documents is None:
            matrix[places[is_wanted]] = rows[is_wanted]
        else:
            np.add.at(matrix, places[is_wanted], rows[is_wanted])
    # In place: the array may be most of what the process holds.
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    matrix /= np.where(lengths > 0, lengths, 1)
    return matrix


def vectors_of(session: Session, space: Space, level: str, ids: Sequence[int]) -> Vectors:
    """Return the unit vectors of these rows as far as they have one, by id."""
    wanted = sorted({int(one) for one in ids})
    if level == Level.DOCUMENT:
        return _means(session, space, sql.SQL("ANY({})").format(sql.Literal(wanted)))
    chosen = sql.SQL("owner_id = ANY({}) ORDER BY owner_id").format(sql.Literal(wanted))
    return _vectors(session, space, sql.SQL("owner_id, vector"), chosen)


def documents_of(session: Session, space: Space, owner_ids: Sequence[int]) -> Vectors:
    """Return the unit vectors of the documents that any of these passages is of, by document."""
    of_passages = sql.SQL(
        "ANY(ARRAY(SELECT document_id FROM embeddings WHERE shelf_id = {shelf}"
        " AND space_id = {space} AND owner_id = ANY({owners})))"
    ).format(
        shelf=sql.Literal(space.shelf_id),
        space=sql.Literal(space.id),
        owners=sql.Literal([int(one) for one in owner_ids]),
    )
    return _means(session, space, of_passages)


def _means(session: Session, space: Space, documents: sql.Composable) -> Vectors:
    chosen = sql.SQL("document_id = {} GROUP BY document_id ORDER BY document_id")
    columns = sql.SQL("document_id, CAST(avg(vector) AS vector)")
    return _vectors(session, space, columns, chosen.format(documents))


def _vectors(
    session: Session, space: Space, columns: sql.Composable, chosen: sql.Composable
) -> Vectors:
    statement = sql.SQL(
        "SELECT {columns} FROM embeddings WHERE shelf_id = {shelf} AND space_id = {space}"
        " AND {chosen}"
    ).format(
        columns=columns,
        shelf=sql.Literal(space.shelf_id),
        space=sql.Literal(space.id),
        chosen=chosen,
    )
    row = np.dtype(
        [
            ("head", "S6"), ("id", ">i8"), ("vector_head", "S8"),
            ("vector", ">f4", (space.dimension,)),
        ]
    )  # fmt: skip
    rows = np.frombuffer(copied(session, statement), row)
    return Vectors(rows["id"].astype(np.int64), unit(rows["vector"].astype(np.float32)))


def _documents(session: Session, space: Space) -> tuple[Ids, NDArray[np.int64]]:
    """Return the passages of a space, ascending, and the document of each; -1 for none."""
    statement = text(
        f"SELECT owner_id, coalesce(document_id, -1) FROM embeddings WHERE {PLACE} ORDER BY 1"
    )
    rows = session.execute(statement, place_of(space)).all()
    found = np.array(rows, np.int64).reshape(len(rows), 2)
    return found[:, 0], found[:, 1]
