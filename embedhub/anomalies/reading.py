"""Reading rows for a scan, in blocks of one short transaction each, into arrays."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedhub import db
from embedhub.anomalies import lexical, nearness, surface
from embedhub.anomalies.fitting import (
    Neighborhood,
    Rows,
    landmarks_of,
    measure,
    own_places,
    sample_places,
)
from embedhub.errors import Conflict, NotFound
from embedhub.graph import service as graphs
from embedhub.graph.service import GraphView, Node, Subject
from embedhub.runs.progress import RunProgress

Places = NDArray[np.int64]

ROWS_AT_ONCE = 500
VECTORS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Read:
    """Rows by id, with the hashes of their contents; those of `labels` by number."""

    rows: Rows
    hashes: list[bytes]
    labels: list[str]

    @property
    def ids(self) -> Places:
        """Return the rows' ids, ascending."""
        return self.rows.ids


def text_of(node: Node) -> str:
    """Return what of a row is judged: of a document its title and text."""
    is_titled = node.position is None and node.document_id is not None and node.title
    return f"{node.title}\n{node.text}" if is_titled else node.text


def label_of(node: Node, label_field: str | None) -> str | None:
    """Return a row's label; None without one."""
    if label_field is None:
        return None
    value = node.metadata.get(label_field)
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    return str(value) if isinstance(value, str | int | float | bool) and value != "" else None


def up_to_date_graph(progress: RunProgress, subject: Subject) -> GraphView | None:
    """Return the graph of a subject, brought up to date; None where rows have no vectors."""
    try:
        return graphs.ensure_graph(progress, subject)
    except (Conflict, NotFound):
        # A collection of words only is judged by words and looks.
        return None


def read_rows(
    progress: RunProgress,
    subject: Subject,
    *,
    label_field: str | None,
    confirmed: frozenset[bytes],
) -> Read:
    """Return all rows of a subject; texts with a hash among the confirmed are not usual."""
    progress.describe("reading texts")
    with db.reading() as session:
        total = graphs.count_nodes(session, subject)
    ids: list[int] = []
    hashes: list[bytes] = []
    languages: list[str] = []
    labels: list[str | None] = []
    arrived = []
    features = []
    bags = []
    after = 0
    while True:
        progress.report(len(ids), max(total, len(ids)))
        with db.reading() as session:
            block = graphs.node_ids(session, subject, after=after, limit=ROWS_AT_ONCE)
            nodes = graphs.nodes(session, subject, block)
        if not block:
            break
        after = block[-1]
        texts = [text_of(node) for node in nodes]
        words = [lexical.words_of(text) for text in texts]
        bags.append(lexical.bags_of(words))
        features += [surface.features(*pair) for pair in zip(texts, words, strict=True)]
        ids += [node.id for node in nodes]
        hashes += [node.content_hash for node in nodes]
        languages += [node.language for node in nodes]
        labels += [label_of(node, label_field) for node in nodes]
        arrived += [node.created_at for node in nodes]
    names = sorted({label for label in labels if label is not None})
    numbers = {name: number for number, name in enumerate(names)}
    rows = Rows(
        ids=np.array(ids, dtype=np.int64),
        features=np.array(features, dtype=np.float64).reshape(len(ids), surface.N_OWN),
        bags=lexical.join_bags(bags),
        languages=languages,
        arrived_s=nearness.seconds_of(arrived),
        labels=np.array([-1 if one is None else numbers[one] for one in labels], dtype=np.int64),
        is_usual=np.array([one not in confirmed for one in hashes], dtype=bool),
    )
    return Read(rows, hashes, names)


def read_neighborhood(progress: RunProgress, graph: GraphView, read: Read) -> Neighborhood | None:
    """Return the neighbors and landmarks of rows; None where no row has a vector."""
    progress.describe("comparing vectors")
    neighbors, similarities = _lists(graph, read)
    sample, sampled = _vectors_at(graph, read, sample_places(read.rows.is_usual))
    if not len(sampled):
        return None
    landmarks = landmarks_of(read.ids[sampled], sample)
    own = own_places(len(read.ids), sampled)
    blocks = _blocks(progress, graph, read)
    far, topic, centroid = measure(len(read.ids), blocks, landmarks, own)
    return Neighborhood(neighbors, similarities, far, topic, centroid, landmarks)


def _blocks(
    progress: RunProgress, graph: GraphView, read: Read
) -> Iterator[tuple[Places, NDArray[np.float32]]]:
    """Yield the vectors of all rows with their places."""
    n_done = 0
    for block in graphs.all_vectors(graph, block=VECTORS_AT_ONCE):
        places, is_known = places_of(read.ids, block.ids)
        yield places[is_known], block.matrix[is_known]
        n_done += len(places)
        progress.report(min(n_done, len(read.ids)), len(read.ids))


def places_of(ids: Places, wanted: Places) -> tuple[Places, NDArray[np.bool_]]:
    """Return the places of some ids among sorted ones, and which of them are there."""
    places = np.searchsorted(ids, wanted)
    safe = np.minimum(places, max(len(ids) - 1, 0))
    return safe, (ids[safe] == wanted) if len(ids) else np.zeros(len(wanted), dtype=bool)


def _lists(graph: GraphView, read: Read) -> tuple[Places, NDArray[np.float32]]:
    """Return the places of all rows' neighbors, -1 for none, and how similar they are."""
    neighbors = np.full((len(read.ids), graph.k), -1, dtype=np.int64)
    similarities = np.full((len(read.ids), graph.k), -np.inf, dtype=np.float32)
    for block in graphs.all_lists(graph):
        places, is_known = places_of(read.ids, block.ids)
        found, is_there = places_of(read.ids, block.neighbor_ids.ravel())
        there = is_there.reshape(block.neighbor_ids.shape)
        near = np.where(there, found.reshape(there.shape), -1)
        neighbors[places[is_known]] = near[is_known]
        similarities[places[is_known]] = block.similarity[is_known]
    return neighbors, similarities


def _vectors_at(graph: GraphView, read: Read, places: Places) -> tuple[NDArray[np.float32], Places]:
    """Return the vectors of rows by their places, and the places of those that have one."""
    matrices, found = [], []
    for start in range(0, len(places), VECTORS_AT_ONCE):
        wanted = read.ids[places[start : start + VECTORS_AT_ONCE]]
        with db.reading() as session:
            part = graphs.vectors(session, graph, wanted.tolist())
        if len(part.ids):
            matrices.append(part.matrix)
            found.append(places_of(read.ids, part.ids)[0])
    if not found:
        return np.empty((0, 0), dtype=np.float32), np.empty(0, dtype=np.int64)
    return np.vstack(matrices), np.concatenate(found)
