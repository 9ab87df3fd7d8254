"""Graphs over stored rows: built, kept up, and true; with one row, none, and copies of one."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.service import delete_catalog, purge_catalog
from embedhub.collections.service import delete_collection, purge_collection
from embedhub.config import override_config
from embedhub.documents.deletion import delete_documents
from embedhub.errors import NotFound
from embedhub.graph import exact, following, service
from embedhub.graph.building import build_graph
from embedhub.graph.service import GraphView, Lists, Owner, Subject
from embedhub.jobs import Job
from embedhub.runs.progress import RunCancelled
from embedhub.spaces.indexes import grow_space
from embedhub.spaces.service import grow_outgrown
from tests.catalog.factories import make_catalog, send_items
from tests.factories import SilentProgress, encode_everything, make_collection, send, send_texts

Sent = list[tuple[Job, dict[str, object]]]
WORDS = ["whale", "sea", "ship", "storm", "iron", "tree", "stone", "river", "cloud", "bird", "fish"]
K = 8


def texts_of(n: int, seed: int = 1) -> list[str]:
    chosen = np.random.default_rng(seed).choice(WORDS, size=(n, 6))
    return [" ".join(words) for words in chosen]


def subject_of(
    caller: Caller, level: str | None = None, *, owner: Owner = Owner.COLLECTIONS
) -> Subject:
    slug = "papers" if owner is Owner.COLLECTIONS else "films"
    with db.reading() as session:
        return service.subject_of(session, caller, owner, slug, level)


def built(subject: Subject, **asked: Any) -> GraphView:
    build_graph(SilentProgress(), subject.arguments | asked)
    return live(subject)


def live(subject: Subject) -> GraphView:
    with db.reading() as session:
        graph = service.live_graph(session, subject)
    assert graph is not None
    return graph


def stored(graph: GraphView) -> Lists:
    parts = list(service.all_lists(graph))
    names = ("ids", "neighbor_ids", "similarity")
    return Lists(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def assert_true(graph: GraphView) -> None:
    """Every list holds the nearest rows there are, by their true similarity."""
    (vectors,) = service.all_vectors(graph)
    lists = stored(graph)
    assert lists.ids.tolist() == vectors.ids.tolist()
    cosines = vectors.matrix @ vectors.matrix.T
    np.fill_diagonal(cosines, -np.inf)
    length = min(graph.k, len(cosines) - 1)
    assert (lists.lengths == length).all()
    best = -np.sort(-cosines, axis=1)[:, :length]
    assert np.allclose(lists.similarity[:, :length], best, atol=1e-5)
    places = np.searchsorted(vectors.ids, lists.neighbor_ids[:, :length])
    assert all(len(set(row)) == length for row in places.tolist())
    own = np.take_along_axis(cosines, places, axis=1)
    assert np.allclose(own, lists.similarity[:, :length], atol=1e-5)


def asked_to_follow(sent_jobs: Sent) -> list[object]:
    return [arguments["graph_id"] for job, arguments in sent_jobs if job is Job.FOLLOW]


@pytest.fixture(autouse=True)
def small_graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few neighbors, and no rest between two comparisons."""
    override_config(graph_neighbors=K)
    monkeypatch.setattr(following, "SHORTEST_REST_S", 0.0)
    monkeypatch.setattr(following, "REST", 0)
    yield
    override_config(graph_neighbors=32)


def test_every_document_has_its_nearest(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, texts_of(60))
    encode_everything()
    graph = built(subject_of(caller))
    assert (graph.n_nodes, graph.method, graph.recall, graph.recall_sample) == (60, "exact", 1, 60)
    assert_true(graph)


def test_new_changed_and_removed_rows_are_followed(caller: Caller, sent_jobs: Sent) -> None:
    make_collection(caller)
    send_texts(caller, texts_of(60))
    encode_everything()
    subject = subject_of(caller)
    graph = built(subject)
    before = stored(graph)
    sent_jobs.clear()

    delete_documents(caller, "papers", external_ids=["3", "4"])
    send(caller, *({"external_id": str(i), "text": f"new {t}"} for i, t in zip(
        range(50, 70), texts_of(20, seed=2), strict=True)))  # fmt: skip
    encode_everything()
    assert set(asked_to_follow(sent_jobs)) == {graph.id}
    followed = following.follow(graph.id)
    assert followed is not None
    assert followed.n_nodes == 68
    assert_true(followed)
    with db.reading() as session:
        gone = np.setdiff1d(before.ids, service.node_ids(session, subject, after=0, limit=100))
    assert len(gone) == 2
    assert not np.isin(stored(followed).neighbor_ids, gone).any()


def test_nothing_is_rung_for_without_a_graph(caller: Caller, sent_jobs: Sent) -> None:
    make_collection(caller)
    send_texts(caller, texts_of(5))
    encode_everything()
    assert asked_to_follow(sent_jobs) == []


def test_what_no_bell_told_is_found_by_the_clock(caller: Caller, sent_jobs: Sent) -> None:
    make_collection(caller)
    send_texts(caller, texts_of(20))
    encode_everything()
    graph = built(subject_of(caller))
    assert following.follow(graph.id) is not None
    sent_jobs.clear()
    assert following.ring_for_due() == 0
    following.mark_stale(graph)
    assert following.ring_for_due() == 1
    assert asked_to_follow(sent_jobs) == [graph.id]
    followed = following.follow(graph.id)
    assert followed is not None
    assert followed.stale_since is None


def test_many_changes_at_once_are_left_to_a_run(caller: Caller, sent_jobs: Sent) -> None:
    make_collection(caller)
    send_texts(caller, texts_of(10))
    encode_everything()
    subject = subject_of(caller)
    graph = built(subject)
    send_texts(caller, texts_of(40))
    encode_everything()
    sent_jobs.clear()
    override_config(graph_follow_rows=20)
    try:
        assert following.follow(graph.id) is None
    finally:
        override_config(graph_follow_rows=2_000)
    assert [job for job, _ in sent_jobs] == [Job.TRAINING_RUN]
    assert_true(built(subject))
    assert live(subject).id == graph.id


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_rows_have_few_neighbors(caller: Caller, n: int) -> None:
    make_collection(caller)
    send_texts(caller, texts_of(n)) if n else None
    encode_everything()
    graph = built(subject_of(caller))
    assert graph.n_nodes == n
    assert [part.lengths.tolist() for part in service.all_lists(graph)] == [[n - 1] * n] * bool(n)
    send_texts(caller, texts_of(n + 2))
    encode_everything()
    followed = following.follow(graph.id)
    assert followed is not None
    assert_true(followed)


def test_copies_fill_their_lists_and_are_marked(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["the same words again"] * 30 + texts_of(10))
    encode_everything()
    graph = built(subject_of(caller))
    assert_true(graph)
    with db.reading() as session:
        saturated = session.execute(
            text("SELECT count(*) FROM neighbor_lists WHERE is_saturated")
        ).scalar_one()
    assert saturated == 30


def test_texts_without_words_are_no_rows(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["", " ", "a whale"])
    encode_everything()
    subject = subject_of(caller)
    assert built(subject).n_nodes == 1
    with db.reading() as session:
        assert service.count_nodes(session, subject) == 3


def test_a_document_is_the_mean_of_its_passages(caller: Caller) -> None:
    make_collection(caller, chunking={"strategy": "passages", "max_tokens": 20})
    send_texts(caller, ["\n\n".join(texts_of(9, seed=i)) for i in range(12)])
    encode_everything()
    documents, chunks = built(subject_of(caller)), built(subject_of(caller, "chunk"))
    assert documents.n_nodes == 12 < chunks.n_nodes
    assert_true(documents)
    assert_true(chunks)
    with db.reading() as session:
        own = service.nodes(session, documents.subject, stored(documents).ids[:1].tolist())[0]
        parts = [
            node
            for node in service.nodes(session, chunks.subject, stored(chunks).ids.tolist())
            if node.document_id == own.id
        ]
        rows = service.vectors(session, chunks, [part.id for part in parts]).matrix
        vector = service.vectors(session, documents, [own.id]).matrix[0]
    assert len(parts) > 1
    mean = rows.mean(axis=0)
    assert np.allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)
    encoded = service.encode(documents.subject, [own.text])[0]
    assert np.allclose(encoded, vector, atol=1e-5)


def test_items_of_a_catalog_have_neighbors(caller: Caller, sent_jobs: Sent) -> None:
    make_catalog(caller, content_template="{title}")
    send_items(caller, *({"external_id": str(i), "fields": {"title": t}} for i, t in enumerate(
        texts_of(20))))  # fmt: skip
    encode_everything()
    subject = subject_of(caller, owner=Owner.CATALOGS)
    graph = built(subject)
    assert_true(graph)
    sent_jobs.clear()
    send_items(caller, {"external_id": "1", "fields": {"title": "iron iron lamp"}})
    encode_everything()
    assert set(asked_to_follow(sent_jobs)) == {graph.id}
    followed = following.follow(graph.id)
    assert followed is not None
    assert_true(followed)
    purge_catalog(SilentProgress(), {"catalog_id": _deleted_catalog(caller)})
    assert _rows_left() == (0, 0)


def test_a_build_broken_off_goes_on_where_it_was(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BreaksOff(SilentProgress):
        def report(self, done: int, total: int | None = None) -> None:
            super().report(done, total)
            if done >= 32:
                raise RunCancelled

    monkeypatch.setattr(exact, "ROWS_AT_ONCE", 16)
    make_collection(caller)
    send_texts(caller, texts_of(80))
    encode_everything()
    subject = subject_of(caller)
    with pytest.raises(RunCancelled):
        build_graph(BreaksOff(), subject.arguments)
    with db.reading() as session:
        assert service.live_graph(session, subject) is None
    assert _rows_left() == (1, 32)
    # Meanwhile a row went that lists hold, and one came that they do not.
    delete_documents(caller, "papers", external_ids=["0"])
    send(caller, {"external_id": "late", "text": texts_of(80)[5]})
    encode_everything()
    progress = SilentProgress()
    build_graph(progress, subject.arguments)
    assert max(total or 0 for _, total in progress.reports) < 80
    assert_true(live(subject))
    assert _rows_left() == (1, 80)


def test_a_graph_built_anew_takes_the_place_of_the_old_one(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, texts_of(20))
    encode_everything()
    subject = subject_of(caller)
    first = built(subject)
    assert built(subject).id == first.id
    assert built(subject, rebuild=True).id != first.id
    assert _rows_left() == (1, 20)


def test_somebody_else_at_work_is_not_disturbed(caller: Caller) -> None:
    from embedhub.graph.turns import turn_of

    make_collection(caller)
    send_texts(caller, texts_of(20))
    encode_everything()
    graph = built(subject_of(caller))
    with turn_of(graph.id) as is_ours:
        assert is_ours
        assert following.follow(graph.id) is None
    assert live(graph.subject).stale_since is not None
    assert following.follow(graph.id) is not None


def test_the_index_finds_neighbors_of_large_spaces(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, texts_of(90) + ["one text that many have"] * 30)
    encode_everything()
    subject = subject_of(caller)
    override_config(graph_exact_rows=0, shelf_rows=20)
    try:
        grow_outgrown()
        grow_space(SilentProgress(), {"space_id": _dense_space()})
        graph = built(subject)
        assert graph.method == "hnsw"
        assert graph.recall is not None
        assert graph.recall > 0.97
        assert (stored(graph).lengths == K).all()
        delete_documents(caller, "papers", external_ids=["3"])
        send(caller, {"external_id": "late", "text": texts_of(90)[5]})
        encode_everything()
        followed = following.follow(graph.id)
        assert followed is not None
        assert followed.n_nodes == 120
        (late,) = _ids(subject, "late")
        (twin,) = _ids(subject, "5")
        with db.reading() as session:
            lists = service.neighbor_lists(session, followed, [late, twin])
            probed = service.nearest(session, subject, np.ones((1, 64), np.float32), 5)
        assert twin in lists.neighbor_ids[lists.ids == late]
        assert late in lists.neighbor_ids[lists.ids == twin]
        assert (probed.lengths == 5).all()
    finally:
        override_config(graph_exact_rows=250_000, shelf_rows=10_000)


def test_a_deleted_collection_leaves_nothing(caller: Caller) -> None:
    collection = make_collection(caller)
    send_texts(caller, texts_of(20))
    encode_everything()
    built(subject_of(caller))
    delete_collection(caller, "papers")
    purge_collection(SilentProgress(), {"collection_id": collection.id})
    assert _rows_left() == (0, 0)


def test_rows_are_seen_by_whom_they_are_for(caller: Caller, stranger: Caller) -> None:
    make_collection(caller)
    send(caller, {"external_id": "open", "text": "a whale"},
         {"external_id": "closed", "text": "a whale at sea", "access": ["staff"]})  # fmt: skip
    encode_everything()
    subject = subject_of(caller)
    ids = _ids(subject, "open") + _ids(subject, "closed")
    with db.reading() as session:
        assert service.visible_among(session, subject, [], ids) == {ids[0]}
        assert service.visible_among(session, subject, ["staff"], ids) == set(ids)
        assert service.visible_among(session, subject, None, ids) == set(ids)
        vector = service.encode(subject, ["a whale at sea"])
        found = service.nearest(session, subject, vector, 2, principals=[])
        assert found.neighbor_ids.tolist() == [[ids[0], service.NONE]]
        with pytest.raises(NotFound):
            service.subject_of(session, stranger, Owner.COLLECTIONS, "papers")


def test_a_collection_that_is_gone_has_no_graph(caller: Caller) -> None:
    with pytest.raises(NotFound):
        build_graph(SilentProgress(), Subject(caller.workspace_id, 7, None, service.Level.DOCUMENT)
                    .arguments)  # fmt: skip


def _ids(subject: Subject, external_id: str) -> list[int]:
    with db.reading() as session:
        return service.find_ids(session, subject, None, external_id)


def _dense_space() -> int:
    with db.reading() as session:
        return int(session.execute(text("SELECT id FROM spaces WHERE kind = 'dense'")).scalar_one())


def _deleted_catalog(caller: Caller) -> int:
    delete_catalog(caller, "films")
    with db.reading() as session:
        return int(session.execute(text("SELECT id FROM catalogs")).scalar_one())


def _rows_left() -> tuple[int, int]:
    with db.reading() as session:
        graphs = session.execute(text("SELECT count(*) FROM graphs")).scalar_one()
        lists = session.execute(text("SELECT count(*) FROM neighbor_lists")).scalar_one()
    return graphs, lists
