"""A collection to measure searches on: made from files, or one that is there; and its vectors.

What searches should find is computed from the vectors and metadata themselves, in memory: nothing
of the product takes part.
"""

import argparse
import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import psycopg
from numpy.typing import NDArray

from benchmarks.measure import (
    Nonsense,
    Vectors,
    read_corpus,
    read_metadata,
    read_vectors,
)
from embedhub.cli.client import HubClient
from embedhub.cli.options import home_at
from embedhub.evaluation.judged import read_lines

FILTERABLE = {
    "bucket": "number", "created": "date", "primary": "string", "categories": "array"
}  # fmt: skip
BATCH = 500
POLL_S = 2.0
BUILD_TIMEOUT_S = 3_600
# Below so many rows every search is exact and says nothing about the index.
INDEXED_ROWS = 10_000
SPACE = """
    SELECT s.id, s.shelf_id, s.metric FROM spaces s JOIN collections c ON c.id = s.collection_id
    WHERE c.slug = %s AND c.deleted_at IS NULL AND s.kind = 'dense' AND s.status = 'live'
"""
ROWS = """
    SELECT d.external_id, d.metadata, vector_send(e.vector)
    FROM embeddings e JOIN documents d ON d.id = e.document_id
    WHERE e.shelf_id = {shelf} AND e.space_id = {space} ORDER BY e.owner_id
"""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The rows of a collection: the id of each row's document, its metadata, its unit vector."""

    ids: list[str]
    metadata: list[dict[str, Any]]
    vectors: Vectors

    def scores(self, query: Vectors) -> NDArray[np.float32]:
        """Return the cosine of every row with a unit vector."""
        found: NDArray[np.float32] = self.vectors @ query
        return found


def add_corpus_options(parser: argparse.ArgumentParser) -> None:
    """Add which collection is measured, and from what it is made if it is not there."""
    parser.add_argument("--collection", default="benchmark", help="slug; made if it is not there")
    parser.add_argument("--data", type=Path, help="judged set to make the collection from")
    parser.add_argument("--vectors", type=Path, help=".npy to make the collection from")
    parser.add_argument("--meta", type=Path, help="JSON lines that go with --vectors")
    parser.add_argument("--rows", type=int, help="first rows of these only")
    parser.add_argument("--query-vectors", type=Path, help=".npy of queries; default: stored rows")
    parser.add_argument("--database", help="URL of the database; default: the one of --home")


def prepare(arguments: argparse.Namespace, client: HubClient) -> Corpus:
    """Return the rows of the collection, after making and indexing it if it is not there."""
    slug = arguments.collection
    if client.find_collection(slug) is None:
        if arguments.vectors is not None:
            fill_vectors(client, slug, arguments)
        elif arguments.data is not None:
            fill_texts(client, slug, arguments)
        else:
            raise Nonsense(f"no collection {slug}: make it with --vectors and --meta, or --data")
    wait_until_indexed(client, slug)
    corpus = read_rows(database_url(arguments), slug)
    wait_for_index(client, slug, corpus)
    return corpus


def database_url(arguments: argparse.Namespace) -> str:
    """Return the database of the server that is measured."""
    if arguments.database:
        return str(arguments.database)
    running = home_at(arguments.home).running()
    if running is None:
        raise Nonsense("give --home or --database: what should be found is read from there")
    return running.database_url


def fill_vectors(client: HubClient, slug: str, arguments: argparse.Namespace) -> None:
    """Make a collection of supplied vectors."""
    vectors = read_vectors(arguments.vectors, arguments.rows)
    documents = (
        [{"external_id": str(i), "text": "", "metadata": {"bucket": i % 1000}}
         for i in range(len(vectors))]
        if arguments.meta is None
        else read_metadata(arguments.meta, len(vectors))
    )  # fmt: skip
    if len(documents) != len(vectors):
        raise Nonsense(f"{len(vectors)} vectors and {len(documents)} records of metadata")
    wishes = {"encoder": "supplied", "dimension": vectors.shape[1], "filterable": FILTERABLE}
    client.ensure_collection(slug, **wishes)
    for document, vector in zip(documents, vectors, strict=True):
        document["vector"] = base64.b64encode(vector.tobytes()).decode()
    send(client, slug, documents)


def fill_texts(client: HubClient, slug: str, arguments: argparse.Namespace) -> None:
    """Make a collection of texts that the server encodes."""
    chunking = {"strategy": "document"}
    client.ensure_collection(slug, chunking=chunking, filterable=FILTERABLE)
    send(client, slug, list(read_corpus(arguments.data, arguments.rows)))


def send(client: HubClient, slug: str, documents: Sequence[dict[str, Any]]) -> None:
    """Send documents in batches."""
    path = f"/v1/collections/{quote(slug, safe='')}/documents"
    for start in range(0, len(documents), BATCH):
        client.call("POST", path, {"documents": documents[start : start + BATCH]})


def wait_until_indexed(client: HubClient, slug: str) -> None:
    """Return when every passage has its vector."""
    path = f"/v1/collections/{quote(slug, safe='')}/status"
    deadline = time.monotonic() + BUILD_TIMEOUT_S
    while client.call("GET", path)["n_pending"]:
        if time.monotonic() > deadline:
            raise Nonsense("passages still wait for their vectors")
        time.sleep(POLL_S)


def wait_for_index(client: HubClient, slug: str, corpus: Corpus) -> None:
    """Return when the vector index answers, if the collection is large enough for one."""
    asked = {"vector": corpus.vectors[0].tolist(), "mode": "dense", "highlight": False}
    deadline = time.monotonic() + BUILD_TIMEOUT_S
    while len(corpus.ids) > INDEXED_ROWS and client.search(slug, asked)["plan"] != "hnsw":
        if time.monotonic() > deadline:
            raise Nonsense("the vector index was not built")
        time.sleep(POLL_S)


def read_rows(url: str, slug: str) -> Corpus:
    """Return all rows of the live dense space of a collection."""
    ids, metadata, vectors = [], [], []
    with psycopg.connect(url) as connection:
        found = connection.execute(SPACE, [slug]).fetchall()
        if len(found) != 1 or found[0][2] != "cosine":
            raise Nonsense(f"no single collection {slug} with vectors compared by cosine")
        space, shelf, _ = found[0]
        with connection.cursor(name="rows", binary=True) as cursor:
            cursor.itersize = 5_000
            for ident, fields, sent in cursor.execute(ROWS.format(shelf=shelf, space=space)):
                ids.append(ident)
                metadata.append(fields)
                # pgvector sends dimension and flags, two bytes each, then big-endian float32.
                vectors.append(np.frombuffer(sent, dtype=">f4", offset=4))
    if not ids:
        raise Nonsense(f"the collection {slug} holds no vectors")
    return Corpus(ids, metadata, np.asarray(vectors, dtype=np.float32))


def query_vectors(arguments: argparse.Namespace, corpus: Corpus, n: int) -> Vectors:
    """Return unit vectors to ask with: those given, or stored rows moved a little."""
    if arguments.query_vectors is not None:
        found = read_vectors(arguments.query_vectors, n)
    else:
        random = np.random.default_rng(0)
        chosen = corpus.vectors[random.choice(len(corpus.ids), size=n, replace=False)]
        noise = random.normal(size=chosen.shape) * 0.3 / np.sqrt(chosen.shape[1])
        found = (chosen + noise).astype(np.float32)
    lengths: NDArray[np.float32] = np.linalg.norm(found, axis=1, keepdims=True)
    return found / lengths


def true_neighbours(
    corpus: Corpus, scores: NDArray[np.float32], passes: NDArray[np.bool_], k: int
) -> tuple[list[str], float]:
    """Return the k nearest documents among rows that pass, and the score of the last of them."""
    rows = np.flatnonzero(passes)
    nearest: dict[str, float] = {}
    for row in rows[np.argsort(-scores[rows], kind="stable")]:
        nearest.setdefault(corpus.ids[row], float(scores[row]))
        if len(nearest) == k:
            break
    return list(nearest), min(nearest.values(), default=0.0)


def read_texts(path: Path, n: int) -> list[str]:
    """Return the first questions of a JSON-lines file."""
    texts = [str(record["text"]) for record in read_lines(path)][:n]
    if not texts:
        raise Nonsense(f"{path} holds no questions")
    return texts
