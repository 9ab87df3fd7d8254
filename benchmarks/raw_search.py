"""The dense leg's SQL without the service: what a program would run that knows the tables."""

import time

import numpy as np
import psycopg

from benchmarks.clients import Load
from benchmarks.measure import Nonsense, Vectors
from embedhub.config import get_config
from embedhub.search.dense import ef_search_for
from embedhub.spaces.copies import IS_INDEXED
from embedhub.spaces.distance import OPERATORS, Metric

SPACE = """
    SELECT s.id, s.shelf_id, s.dimension, s.metric, s.precision, s.is_indexed
    FROM spaces s JOIN collections c ON c.id = s.collection_id
    WHERE c.slug = %s AND c.deleted_at IS NULL AND s.kind = 'dense' AND s.status = 'live'
"""
# The candidates that the service takes, the best of them by their exact distance, their texts.
SEARCH = """
    WITH near AS MATERIALIZED (
      SELECT owner_id, vector {operator} %(query)s::vector AS distance FROM embeddings
      WHERE shelf_id = {shelf} AND space_id = {space} AND {indexed}
      ORDER BY {order} LIMIT {pool}),
    best AS (SELECT * FROM near ORDER BY distance, owner_id LIMIT {limit})
    SELECT d.external_id, v.title, d.url, d.metadata, c.text, c.start_offset, c.end_offset,
           c.position, best.distance
    FROM best
    JOIN chunks c ON c.id = best.owner_id
    JOIN documents d ON d.id = c.document_id AND d.live_generation = c.generation
    JOIN document_versions v ON v.document_id = d.id AND v.version = c.version
    ORDER BY best.distance, best.owner_id
"""


class RawSearch:
    """One connection that searches the dense space of the collection of a slug."""

    def __init__(self, database_url: str, slug: str, limit: int = 10) -> None:
        config = get_config()
        self.connection = psycopg.connect(database_url, autocommit=True)
        found = self.connection.execute(SPACE, [slug]).fetchall()
        if len(found) != 1:
            raise Nonsense(f"{len(found)} collections {slug} with vectors in this database")
        self.space, self.shelf, dimension, metric, precision, is_indexed = found[0]
        operator = OPERATORS[Metric(metric)]
        order = f"vector {operator} %(query)s::vector"
        if is_indexed and precision != "bit":
            kind = f"{precision}({dimension})"
            order = f"vector::{kind} {operator} %(query)s::{kind}"
        self.statement = SEARCH.format(
            operator=operator,
            shelf=self.shelf,
            space=self.space,
            order=order,
            # The index is partial: of many copies it holds the first few.
            indexed=IS_INDEXED if is_indexed else "true",
            pool=config.candidate_pool,
            limit=limit,
        )
        ef_search = ef_search_for(config.candidate_pool, config.ef_search)
        self.connection.execute("SET jit = off")
        self.connection.execute("SET hnsw.iterative_scan = relaxed_order")
        self.connection.execute(f"SET hnsw.ef_search = {ef_search}")

    @property
    def n_rows(self) -> int:
        """How many vectors the space holds."""
        found = self.connection.execute(
            "SELECT count(*) FROM embeddings WHERE shelf_id = %s AND space_id = %s",
            [self.shelf, self.space],
        ).fetchone()
        return 0 if found is None else int(found[0])

    def some_vectors(self, n: int) -> Vectors:
        """Return some of the stored vectors."""
        rows = self.connection.execute(
            "SELECT vector::text FROM embeddings WHERE shelf_id = %s AND space_id = %s"
            " ORDER BY owner_id % 7919, owner_id LIMIT %s",
            [self.shelf, self.space, n],
        ).fetchall()
        return np.array([text_vector(row[0]) for row in rows], dtype=np.float32)

    def search(self, query: Vectors) -> list[tuple[object, ...]]:
        """Return the best rows with their texts."""
        return self.connection.execute(self.statement, {"query": as_text(query)}).fetchall()

    def loop(self, queries: Vectors, seconds: float) -> Load:
        """Search again and again with one query after the other."""
        texts = [as_text(query) for query in queries]
        met = Load()
        started = now = time.perf_counter()
        while now - started < seconds:
            text = texts[len(met.milliseconds) % len(texts)]
            rows = self.connection.execute(self.statement, {"query": text}).fetchall()
            ended = time.perf_counter()
            if not rows:
                raise Nonsense("the raw search found nothing")
            met.milliseconds.append((ended - now) * 1000)
            now = ended
        met.seconds = now - started
        return met


def as_text(vector: Vectors) -> str:
    """Return a vector as pgvector reads it."""
    return "[" + ",".join(str(number) for number in vector.tolist()) + "]"


def text_vector(text: str) -> list[float]:
    """Return the numbers of a vector in pgvector's text form."""
    return [float(number) for number in text.strip("[]").split(",")]
