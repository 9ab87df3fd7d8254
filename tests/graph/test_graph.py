"""Graphs over stored rows: built, kept up, and true; with one row, none, and a thousand copies."""

from typing import Any

import numpy as np
import pytest

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.documents.service import delete_documents
from embedhub.graph import following, service
from embedhub.graph.building import build_graph
from embedhub.graph.service import GraphView, Lists, Owner, Subject
from embedhub.jobs import Job
from tests.factories import SilentProgress, encode_everything, make_collection, send, send_texts

Sent = list[tuple[Job, dict[str, object]]]
WORDS = "whale sea ship storm iron tree stone river cloud bird fish moon lamp road glass".split()


def texts_of(n: int, seed: int = 1) -> list[str]:
    chosen = np.random.default_rng(seed).choice(WORDS, size=(n, 6))
    return [" ".join(words) for words in chosen]


def subject_of(caller: Caller, level: str | None = None) -> Subject:
    with db.reading() as session:
        return service.subject_of(session, caller, Owner.COLLECTIONS, "papers", level)


def built(caller: Caller, level: str | None = None, **asked: Any) -> GraphView:
    subject = subject_of(caller, level)
    build_graph(SilentProgress(), subject.arguments | asked)
    with db.reading() as session:
        graph = service.live_graph(session, subject)
    assert graph is not None
    return graph


def stored(graph: GraphView) -> Lists:
    parts = list(service.all_lists(graph))
    return Lists(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("ids", "neighbor_ids", "similarity")
        )
    )


def assert_true(graph: GraphView) -> None:
    """Every list holds the nearest rows there are, by their similarity."""
    (vectors,) = service.all_vectors(graph)
    lists = stored(graph)
    assert lists.ids.tolist() == vectors.ids.tolist()
    cosines = vectors.matrix @ vectors.matrix.T
    np.fill_diagonal(cosines, -np.inf)
    length = min(graph.k, len(cosines) - 1)
    best = -np.sort(-cosines, axis=1)[:, :length]
    assert np.allclose(lists.similarity[:, :length], best, atol=1e-5)
    places = lists.neighbor_ids[:, :length].argsort(kind="stable")
    del places
    for row, (ids, similarity) in enumerate(
        zip(lists.neighbor_ids[:, :length], lists.similarity[:, :length], strict=True)
    ):
        assert len(set(ids.tolist())) == length
        assert lists.ids[row] not in ids
        own = cosines[row, np.searchsorted(vectors.ids, ids)]
        assert np.allclose(own, similarity, atol=1e-5)


@pytest.fixture(autouse=True)
def few_neighbors() -> Any:
    override_config(graph_neighbors=8)
    yield
    override_config(graph_neighbors=32)


def test_every_document_has_its_nearest(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, texts_of(60))
    encode_everything()
    graph = built(caller)
    assert (graph.n_nodes, graph.method, graph.recall) == (60, "exact", 1.0)
    assert_true(graph)
