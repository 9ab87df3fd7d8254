"""The SQL of neighbor lists: stored, read, and compared with the vectors they are made of."""

import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.bulk_copy import copy_rows, int8, raw
from embedhub.graph.lists import Floats, Ids, Lists, empty_lists
from embedhub.graph.queries.copying import copied
from embedhub.graph.queries.vectors import nodes_of, place_of
from embedhub.tables import Space

GIVEN_TABLE = """
    CREATE TEMPORARY TABLE IF NOT EXISTS given_lists
      (node_id bigint, neighbor_ids bigint[], similarities real[], node_hash bytea)
      ON COMMIT DELETE ROWS
"""
INT8_OID, FLOAT4_OID = 20, 700
ID = np.dtype([("length", ">i4"), ("value", ">i8")])
SIMILARITY = np.dtype([("length", ">i4"), ("value", ">f4")])
_ARRAY = struct.Struct(">iiiii")
_EMPTY = struct.Struct(">iii")
# Ids that are compared with each neighbor, one by one.
COMPARED_IDS = 10
# Of a row: the number of fields, the id's length, the id.
_HEAD = struct.Struct(">hiq")
_LENGTH = struct.Struct(">i")
# Behind an array's length: where the number of its elements stands, and where these begin.
COUNT_AT, ARRAY_HEAD = 12, 20


@dataclass(frozen=True, slots=True)
class Differences:
    """What of a graph is not as the vectors are.

    `changed` have a list of another hash, `new` have none, `gone` have a list but no vector; of
    `shrunk` others have left the list since it was made.
    """

    changed: list[int]
    new: list[int]
    gone: list[int]
    shrunk: list[int]

    @property
    def n(self) -> int:
        """Return how many rows differ."""
        return len(self.changed) + len(self.new) + len(self.gone) + len(self.shrunk)


def differences(
    session: Session, graph_id: int, space: Space, level: str, *, limit: int | None = None
) -> Differences:
    """Compare a graph with the vectors it is made of; of what differs `limit` rows, or all."""
    statement = text(f"""
        SELECT n.id, l.node_id, l.node_hash = '' FROM ({nodes_of(space, level)}) n
        FULL JOIN (SELECT node_id, node_hash FROM neighbor_lists WHERE graph_id = :graph_id) l
          ON l.node_id = n.id
        WHERE n.hash IS DISTINCT FROM l.node_hash LIMIT :limit
    """)
    facts = {"graph_id": graph_id, "limit": limit, **place_of(space)}
    found = Differences([], [], [], [])
    for node_id, listed, is_shrunk in session.execute(statement, facts):
        if node_id is None:
            found.gone.append(listed)
        elif listed is None:
            found.new.append(node_id)
        else:
            (found.shrunk if is_shrunk else found.changed).append(node_id)
    return found


def shrunk_lists(session: Session, graph_id: int) -> list[int]:
    """Return the rows whose lists others have left since they were made."""
    statement = text("""
        SELECT node_id FROM neighbor_lists WHERE graph_id = :graph_id AND node_hash = ''
    """)
    return list(session.execute(statement, {"graph_id": graph_id}).scalars())


def lists_with(session: Session, graph_id: int, ids: Sequence[int]) -> list[int]:
    """Return the rows in whose lists any of these ids stands."""
    if len(ids) <= COMPARED_IDS:
        statement = text("""
            SELECT node_id FROM neighbor_lists
            WHERE graph_id = :graph_id AND neighbor_ids && CAST(:ids AS bigint[])
            ORDER BY node_id
        """)
    else:
        # As a join of all neighbors: a condition on each list would go through the ids each time.
        statement = text("""
            SELECT DISTINCT l.node_id
            FROM neighbor_lists l CROSS JOIN unnest(l.neighbor_ids) AS neighbor (id)
            JOIN unnest(CAST(:ids AS bigint[])) AS wanted (id) ON wanted.id = neighbor.id
            WHERE l.graph_id = :graph_id ORDER BY 1
        """)
    facts = {"graph_id": graph_id, "ids": list(ids)}
    return list(session.execute(statement, facts).scalars())


def floors(session: Session, graph_id: int, *, length: int) -> tuple[Ids, Floats]:
    """Return all rows with a list, ascending, and the similarity of the last neighbor of each.

    Of a list shorter than `length` it is -inf: whatever comes enters.
    """
    statement = sql.SQL(
        "SELECT node_id, CAST(CASE WHEN cardinality(similarities) < {length} THEN '-Infinity'"
        " ELSE similarities[cardinality(similarities)] END AS real)"
        " FROM neighbor_lists WHERE graph_id = {graph} ORDER BY node_id"
    ).format(length=sql.Literal(length), graph=sql.Literal(graph_id))
    row = np.dtype([("head", "S6"), ("id", ">i8"), ("length", ">i4"), ("floor", ">f4")])
    rows = np.frombuffer(copied(session, statement), row)
    return rows["id"].astype(np.int64), rows["floor"].astype(np.float32)


def read_lists(session: Session, graph_id: int, k: int, ids: Sequence[int]) -> Lists:
    """Return the lists of these rows, as far as they have one, by id."""
    chosen = sql.SQL("node_id = ANY({})").format(sql.Literal(sorted({int(one) for one in ids})))
    return _read(session, graph_id, k, chosen, None) if len(ids) else _no_lists(k)


def page_of_lists(session: Session, graph_id: int, k: int, *, after: int, limit: int) -> Lists:
    """Return the lists of the next rows behind an id, by id."""
    return _read(session, graph_id, k, sql.SQL("node_id > {}").format(sql.Literal(after)), limit)


def page_of_ids(session: Session, graph_id: int, *, after: int, limit: int) -> list[int]:
    """Return the next rows behind an id, in order."""
    statement = text("""
        SELECT node_id FROM neighbor_lists WHERE graph_id = :graph_id AND node_id > :after
        ORDER BY node_id LIMIT :limit
    """)
    facts = {"graph_id": graph_id, "after": after, "limit": limit}
    return list(session.execute(statement, facts).scalars())


def sample_ids(session: Session, graph_id: int, *, limit: int) -> list[int]:
    """Return some rows of a graph, spread over all of it."""
    statement = text("""
        SELECT node_id FROM neighbor_lists WHERE graph_id = :graph_id
        ORDER BY md5(CAST(node_id AS text)) LIMIT :limit
    """)
    return list(session.execute(statement, {"graph_id": graph_id, "limit": limit}).scalars())


def count_lists(session: Session, graph_id: int) -> tuple[int, int]:
    """Return how many lists a graph has, and how many of them are saturated."""
    statement = text("""
        SELECT count(*), count(*) FILTER (WHERE is_saturated) FROM neighbor_lists
        WHERE graph_id = :graph_id
    """)
    total, saturated = session.execute(statement, {"graph_id": graph_id}).one()
    return int(total), int(saturated)


def store_lists(
    session: Session, graph_id: int, lists: Lists, hashes: Sequence[bytes], *, threshold: float
) -> None:
    """Store lists in place of older ones, with the hash of what each row's vector was made of."""
    _give(session, lists, hashes)
    session.execute(
        text("""
            INSERT INTO neighbor_lists
              (graph_id, node_id, neighbor_ids, similarities, node_hash, is_saturated)
            SELECT :graph_id, node_id, neighbor_ids, similarities, node_hash,
                   coalesce(similarities[cardinality(similarities)] >= :threshold, false)
            FROM given_lists ORDER BY node_id
            ON CONFLICT (graph_id, node_id) DO UPDATE
              SET neighbor_ids = excluded.neighbor_ids, similarities = excluded.similarities,
                  node_hash = excluded.node_hash, is_saturated = excluded.is_saturated,
                  updated_at = now()
        """),
        {"graph_id": graph_id, "threshold": threshold},
    )


def change_lists(
    session: Session,
    graph_id: int,
    lists: Lists,
    *,
    threshold: float,
    shrunk: Collection[int] = (),
) -> None:
    """Change lists that are there, of rows that are as they were.

    Those of `shrunk` are marked, by an empty hash, to be made anew.
    """
    _give(session, lists, [b"" if one in shrunk else None for one in lists.ids.tolist()])
    session.execute(
        text("""
            UPDATE neighbor_lists l
            SET neighbor_ids = g.neighbor_ids, similarities = g.similarities, updated_at = now(),
                node_hash = coalesce(g.node_hash, l.node_hash),
                is_saturated = coalesce(
                  g.similarities[cardinality(g.similarities)] >= :threshold, false)
            FROM given_lists g WHERE l.graph_id = :graph_id AND l.node_id = g.node_id
        """),
        {"graph_id": graph_id, "threshold": threshold},
    )


def delete_lists(session: Session, graph_id: int, ids: Sequence[int]) -> None:
    """Delete the lists of these rows."""
    session.execute(
        text("DELETE FROM neighbor_lists WHERE graph_id = :graph_id AND node_id = ANY(:ids)"),
        {"graph_id": graph_id, "ids": list(ids)},
    )


def delete_some(session: Session, graph_id: int, *, limit: int) -> int:
    """Delete some lists of a graph; return how many."""
    statement = text("""
        DELETE FROM neighbor_lists WHERE ctid = ANY(ARRAY(
          SELECT ctid FROM neighbor_lists WHERE graph_id = :graph_id LIMIT :limit))
        RETURNING 1
    """)
    return len(session.execute(statement, {"graph_id": graph_id, "limit": limit}).all())


def _give(session: Session, lists: Lists, hashes: Sequence[bytes | None]) -> None:
    session.execute(text(GIVEN_TABLE))
    session.execute(text("DELETE FROM given_lists"))
    lengths = lists.lengths.tolist()
    ids = np.empty(lists.neighbor_ids.shape, ID)
    ids["length"], ids["value"] = 8, lists.neighbor_ids
    similarities = np.empty(lists.similarity.shape, SIMILARITY)
    similarities["length"], similarities["value"] = 4, lists.similarity
    rows = (
        (
            int8(int(lists.ids[place])),
            _array(INT8_OID, length, ids[place, :length].tobytes()),
            _array(FLOAT4_OID, length, similarities[place, :length].tobytes()),
            raw(hashes[place]),
        )
        for place, length in enumerate(lengths)
    )
    columns = ("node_id", "neighbor_ids", "similarities", "node_hash")
    copy_rows(session, "given_lists", columns, rows)


def _array(element: int, length: int, body: bytes) -> bytes:
    head = _ARRAY.pack(1, 0, element, length, 1) if length else _EMPTY.pack(0, 0, element)
    return raw(head + body)


def _no_lists(k: int) -> Lists:
    return Lists(np.empty(0, np.int64), *empty_lists(0, k))


def _read(
    session: Session, graph_id: int, k: int, chosen: sql.Composable, limit: int | None
) -> Lists:
    statement = sql.SQL(
        "SELECT node_id, neighbor_ids, similarities FROM neighbor_lists"
        " WHERE graph_id = {graph} AND {chosen} ORDER BY node_id LIMIT {limit}"
    ).format(graph=sql.Literal(graph_id), chosen=chosen, limit=sql.Literal(limit))
    data = copied(session, statement)
    nodes, places = [], []
    at = 0
    while at < len(data):
        _, _, node_id = _HEAD.unpack_from(data, at)
        nodes.append(node_id)
        first = at + _HEAD.size
        second = first + _LENGTH.size + _LENGTH.unpack_from(data, first)[0]
        places.append((first + _LENGTH.size, second + _LENGTH.size))
        at = second + _LENGTH.size + _LENGTH.unpack_from(data, second)[0]
    ids, similarity = empty_lists(len(nodes), k)
    for row, (first, second) in enumerate(places):
        length = min(k, _length_of(data, first))
        if length:
            ids[row, :length] = np.frombuffer(data, ID, length, first + ARRAY_HEAD)["value"]
            similarity[row, :length] = np.frombuffer(data, SIMILARITY, length, second + ARRAY_HEAD)[
                "value"
            ]
    return Lists(np.array(nodes, np.int64), ids, similarity)


def _length_of(data: bytes, at: int) -> int:
    n_dimensions = _LENGTH.unpack_from(data, at)[0]
    return int(_LENGTH.unpack_from(data, at + COUNT_AT)[0]) if n_dimensions else 0
