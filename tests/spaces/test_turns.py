"""Who needs a space or a collection alone gets it, however many share it without a gap."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import CollectionChanges, delete_collection, update_collection
from embedhub.documents.queries.writing import hold_collection
from embedhub.search.queries import lexical_index
from embedhub.spaces.queries import ledger, shelves
from embedhub.spaces.queries.spaces import lock_collection_spaces
from tests.factories import make_collection

PATIENCE_S = 5.0
HELD_S = 0.2


@contextmanager
def shared_without_gap(share: Callable[[Session], object]) -> Iterator[None]:
    """Four transactions in each other's steps: at every moment one of them shares."""
    stop = threading.Event()
    started = threading.Barrier(5)

    def go_on(offset: int) -> None:
        started.wait()
        time.sleep(offset * HELD_S / 4)
        while not stop.is_set():
            with db.writing() as session:
                share(session)
                time.sleep(HELD_S)

    threads = [threading.Thread(target=go_on, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    time.sleep(2 * HELD_S)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


@contextmanager
def patient() -> Iterator[Session]:
    """A transaction that gives up after a while instead of waiting for ever."""
    with db.writing() as session:
        session.execute(text(f"SET LOCAL statement_timeout = {int(PATIENCE_S * 1000)}"))
        yield session


@pytest.mark.parametrize("hold", [shelves.hold_space, lexical_index.hold_space])
def test_a_space_is_had_alone_between_stores_and_ingests(
    caller: Caller, hold: Callable[[Session, int], object]
) -> None:
    collection = make_collection(caller)
    with db.reading() as session:
        space_ids = list(session.execute(text("SELECT id FROM spaces ORDER BY id")).scalars())

    def store_or_ingest(session: Session) -> None:
        ledger.lock_spaces(session, space_ids[:1])
        lock_collection_spaces(session, collection_id=collection.id)

    with shared_without_gap(store_or_ingest):
        for space_id in space_ids:
            with patient() as session:
                assert hold(session, space_id)


def test_a_collection_is_changed_and_deleted_between_ingests(caller: Caller) -> None:
    collection = make_collection(caller)
    began = time.monotonic()
    with shared_without_gap(lambda session: hold_collection(session, collection.id)):
        update_collection(caller, "papers", CollectionChanges(filterable={"year": "number"}))
        delete_collection(caller, "papers")
    assert time.monotonic() - began < PATIENCE_S
