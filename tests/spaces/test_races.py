"""Ingests, deletions and workers at the same time: nobody deadlocks, nothing is lost."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.documents.service import delete_documents
from embedhub.encoders import get_encoder
from embedhub.search.lexical_index import fold
from embedhub.spaces.doctor import examine
from embedhub.spaces.queries import embeddings
from tests.factories import encode_everything, make_collection, send_texts
from tests.spaces.test_ledger import lease, store


def together(*works: Callable[[], object]) -> None:
    """Run all works at once, begun at one barrier; raise what any of them raised."""
    barrier = threading.Barrier(len(works))

    def begin(work: Callable[[], object]) -> None:
        barrier.wait()
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(begin, work) for work in works]:
            future.result(timeout=120)


def test_two_ingests_of_the_same_ids_leave_one_of_both(caller: Caller) -> None:
    make_collection(caller)
    together(
        lambda: send_texts(caller, [f"left {i}" for i in range(60)]),
        lambda: send_texts(caller, [f"right {i}" for i in reversed(range(60))]),
    )
    encode_everything()
    report = examine()
    assert report.is_clean
    assert (report.n_documents, report.n_chunks, report.n_vectors) == (60, 60, 60)


def test_documents_first_sent_twice_at_once_can_be_changed_afterwards(caller: Caller) -> None:
    make_collection(caller)
    texts = [f"text {i}" for i in range(60)]
    for _ in range(3):
        together(*(lambda: send_texts(caller, texts) for _ in range(4)))
    outcomes = send_texts(caller, [f"changed {i}" for i in range(60)])
    assert {each.outcome.value for each in outcomes} == {"updated"}
    encode_everything()
    assert examine().is_clean
    with db.reading() as session:
        versions = session.execute(
            text(
                "SELECT count(*) FROM document_versions v JOIN documents d"
                " ON d.id = v.document_id WHERE v.version > d.version"
            )
        ).scalar_one()
    assert versions == 0


def test_a_vector_that_comes_into_the_cache_meanwhile_leaves_nothing_unwaited_for(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache is asked twice on accepting; between the two another worker may fill it."""
    make_collection(caller)
    send_texts(caller, ["boilerplate"])
    token, rows = lease()
    store_cached = embeddings.store_cached

    def store_and_let_the_worker_finish(*arguments: Any, **named: Any) -> list[int]:
        stored = store_cached(*arguments, **named)
        monkeypatch.setattr(embeddings, "store_cached", store_cached)
        encoder = get_encoder("hashing-64")
        vector = encoder.encode_documents(["boilerplate"])[0]
        with db.writing() as session:
            embeddings.put_in_cache(
                session, encoder=encoder.description.key, vectors={rows[0].input: vector}
            )
        return stored

    monkeypatch.setattr(embeddings, "store_cached", store_and_let_the_worker_finish)
    make_collection(caller, "copies")
    send_texts(caller, ["boilerplate"], slug="copies")
    assert examine().is_clean
    store(token, rows)
    encode_everything()
    assert examine().n_vectors == 2


def test_access_changed_between_reading_and_storing_is_stored(caller: Caller) -> None:
    """The worker holds the document while it copies what the document says of access."""
    make_collection(caller)
    send_texts(caller, ["secret"])
    together(
        encode_everything,
        *(lambda n=n: send_texts(caller, ["secret"], access=[f"group {n}"]) for n in range(6)),
    )
    encode_everything()
    assert examine().is_clean


def test_eight_parallel_ingests_count_every_word_exactly(caller: Caller) -> None:
    make_collection(caller)

    def ingest(worker: int) -> None:
        for round_ in range(3):
            send_texts(
                caller,
                [f"common word{i % 7} from {worker} in {round_}" for i in range(40)],
            )

    together(*(lambda worker=worker: ingest(worker) for worker in range(8)), fold)
    encode_everything()
    fold()
    report = examine()
    assert report.is_clean
    with db.reading() as session:
        frequency = session.execute(
            text("SELECT sum(delta), count(*) FROM term_deltas WHERE lexeme = 'common'")
        ).one()
    assert frequency == (40, 1)


def test_ingest_deletion_and_workers_at_once_leave_a_clean_ledger(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, [f"start {i}" for i in range(80)])

    def change() -> None:
        for round_ in range(5):
            send_texts(caller, [f"round {round_} text {i}" for i in range(80)])

    def delete() -> None:
        for start in range(0, 80, 8):
            ids = [str(i) for i in range(start, start + 8)]
            delete_documents(caller, "papers", external_ids=ids)

    together(change, delete, encode_everything, encode_everything)
    encode_everything()
    report = examine()
    assert report.is_clean
    assert report.n_pending == 0
    assert report.n_vectors == report.n_chunks
