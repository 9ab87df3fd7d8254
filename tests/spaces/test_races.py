"""Ingests, deletions and workers at the same time: nobody deadlocks, nothing is lost."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.documents.service import delete_documents
from embedhub.search.lexical_index import fold
from embedhub.spaces.doctor import examine
from tests.factories import encode_everything, make_collection, send_texts


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
