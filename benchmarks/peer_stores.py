"""One store of vectors filled and asked, as its own documentation says: for benchmarks/peers.py.

python benchmarks/peer_stores.py STORE FOLDER [--database-url URL] [--k 10]

FOLDER holds vectors.npy, queries.npy and buckets.npy (a number from 0 to 9 a row; the filter asks
for 0). Prints one JSON object. Needs only the store's own packages (benchmarks/peers.txt), nothing
of EmbedHub, so that it can run on another interpreter.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Ask = Callable[[Vectors, bool], Sequence[int]]
WARM_UP = 20
WANTED_BUCKET = 0
EF_SEARCH = 80
COPY_ROWS = 10_000


def main() -> None:
    """Fill the store, ask every query without and with the filter, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", choices=sorted(STORES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--database-url", default="")
    parser.add_argument("--k", type=int, default=10)
    chosen = parser.parse_args()
    vectors, queries, buckets = (
        np.load(chosen.folder / f"{name}.npy") for name in ("vectors", "queries", "buckets")
    )
    started = time.perf_counter()
    ask = STORES[chosen.store](vectors, buckets, chosen.k, chosen.database_url)
    report: dict[str, Any] = {"load_s": time.perf_counter() - started}
    for name, is_filtered in (("plain", False), ("filtered", True)):
        report[name] = measured(ask, queries, is_filtered=is_filtered)
    print(json.dumps(report))


def measured(ask: Ask, queries: Vectors, *, is_filtered: bool) -> dict[str, Any]:
    """Return the milliseconds and the rows found of every query; the first ones warm up."""
    for query in queries[:WARM_UP]:
        ask(query, is_filtered)
    milliseconds, found = [], []
    for query in queries:
        started = time.perf_counter()
        rows = ask(query, is_filtered)
        milliseconds.append((time.perf_counter() - started) * 1000)
        found.append([int(row) for row in rows])
    return {"milliseconds": milliseconds, "found": found}


def text_of(row: int) -> str:
    """Return the text that every store keeps with a row."""
    return f"row {row}"


def raw_sql(vectors: Vectors, buckets: NDArray[np.int64], k: int, database_url: str) -> Ask:
    """Fill a table by binary COPY, build an HNSW index, and ask by a prepared statement."""
    import psycopg

    dimension = vectors.shape[1]
    connection = psycopg.connect(database_url, autocommit=True, prepare_threshold=0)
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    connection.execute("DROP TABLE IF EXISTS raw_peer")
    connection.execute(
        f"CREATE TABLE raw_peer (id bigint PRIMARY KEY, bucket bigint NOT NULL,"
        f" body text NOT NULL, vector vector({dimension}) NOT NULL)"
    )
    head = dimension.to_bytes(2, "big") + b"\0\0"
    big_endian = vectors.astype(">f4")
    with connection.cursor().copy("COPY raw_peer FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "int8", "text", "bytea"])
        for row, vector in enumerate(big_endian):
            # The binary form of a vector, handed through as bytes: dimension, zero, big-endian.
            copy.write_row((row, int(buckets[row]), text_of(row), head + vector.tobytes()))
    connection.execute("SET maintenance_work_mem = '1GB'")
    connection.execute(
        f"CREATE INDEX ON raw_peer USING hnsw ((vector::halfvec({dimension})) halfvec_cosine_ops)"
    )
    connection.execute("CREATE INDEX ON raw_peer (bucket)")
    connection.execute("ANALYZE raw_peer")
    connection.execute(f"SET hnsw.ef_search = {EF_SEARCH}")
    connection.execute("SET hnsw.iterative_scan = relaxed_order")
    order = f"ORDER BY vector::halfvec({dimension}) <=> %s::halfvec({dimension}) LIMIT {int(k)}"

    def ask(query: Vectors, is_filtered: bool) -> Sequence[int]:
        condition = f"WHERE bucket = {WANTED_BUCKET}" if is_filtered else ""
        asked = "[" + ",".join(map(repr, query.tolist())) + "]"
        rows = connection.execute(f"SELECT id, body FROM raw_peer {condition} {order}", [asked])
        return [row[0] for row in rows]

    return ask


def hnswlib(vectors: Vectors, buckets: NDArray[np.int64], k: int, database_url: str) -> Ask:
    """Fill an index in memory: no text, no durability, no database."""
    import hnswlib as library

    del database_url
    index = library.Index(space="cosine", dim=vectors.shape[1])
    index.init_index(max_elements=len(vectors), M=16, ef_construction=64)
    index.add_items(vectors, np.arange(len(vectors)))
    index.set_ef(EF_SEARCH)

    def passes(row: int) -> bool:
        return bool(buckets[row] == WANTED_BUCKET)

    def ask(query: Vectors, is_filtered: bool) -> Sequence[int]:
        if is_filtered:
            rows, _ = index.knn_query(query, k=k, num_threads=1, filter=passes)
        else:
            rows, _ = index.knn_query(query, k=k, num_threads=1)
        return list(rows[0])

    return ask


def chromadb(vectors: Vectors, buckets: NDArray[np.int64], k: int, database_url: str) -> Ask:
    """Fill a persistent collection in this process, in batches of the size it allows."""
    import chromadb as library

    del database_url
    settings = library.Settings(anonymized_telemetry=False)
    client = library.PersistentClient(tempfile.mkdtemp(prefix="chromadb-"), settings=settings)
    collection = client.create_collection(
        "peer",
        configuration={"hnsw": {"space": "cosine", "ef_search": EF_SEARCH}},
        embedding_function=None,
    )
    size = client.get_max_batch_size()
    for start in range(0, len(vectors), size):
        rows = range(start, min(start + size, len(vectors)))
        collection.add(
            ids=[str(row) for row in rows],
            embeddings=vectors[start : rows.stop],
            metadatas=[{"bucket": int(buckets[row])} for row in rows],
            documents=[text_of(row) for row in rows],
        )

    def ask(query: Vectors, is_filtered: bool) -> Sequence[int]:
        found = collection.query(
            query_embeddings=query[None],
            n_results=k,
            where={"bucket": WANTED_BUCKET} if is_filtered else None,
            include=["documents", "distances"],
        )
        return [int(ident) for ident in found["ids"][0]]

    return ask


def langchain(vectors: Vectors, buckets: NDArray[np.int64], k: int, database_url: str) -> Ask:
    """Fill a PGVector collection as its documentation shows, which makes no vector index."""
    from langchain_postgres import PGVector

    store = PGVector(
        embeddings=None,  # every vector is given: there is nothing to encode
        collection_name="peer",
        connection=database_url.replace("postgresql://", "postgresql+psycopg://", 1),
        pre_delete_collection=True,
    )
    for start in range(0, len(vectors), COPY_ROWS):
        rows = range(start, min(start + COPY_ROWS, len(vectors)))
        store.add_embeddings(
            texts=[text_of(row) for row in rows],
            embeddings=vectors[start : rows.stop].tolist(),
            metadatas=[{"bucket": int(buckets[row])} for row in rows],
            ids=[str(row) for row in rows],
        )

    def ask(query: Vectors, is_filtered: bool) -> Sequence[int]:
        wanted = {"bucket": WANTED_BUCKET} if is_filtered else None
        found = store.similarity_search_by_vector(query.tolist(), k=k, filter=wanted)
        return [int(str(document.id)) for document in found]

    return ask


STORES: dict[str, Callable[[Vectors, NDArray[np.int64], int, str], Ask]] = {
    "raw_sql": raw_sql,
    "hnswlib": hnswlib,
    "chromadb": chromadb,
    "langchain": langchain,
}

if __name__ == "__main__":
    main()
