"""Batches of an import that are stored at the same time: in order, all of them or a beginning."""

import threading
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from embedhub.access.caller import Caller
from embedhub.documents import import_batches, import_storing
from embedhub.documents.import_batches import Batch
from embedhub.documents.importing import Importer, import_documents, send_on
from embedhub.documents.imports import claim_import, create_import, list_imports
from embedhub.documents.service import get_document, list_documents
from embedhub.documents.upsert import try_upsert
from embedhub.spaces.doctor import examine
from tests.factories import make_collection

WAIT_S = 10


def lines_of(*numbers: int) -> list[bytes]:
    return [
        orjson.dumps({"external_id": str(n), "metadata": {"place": place}, "vector": [n + 1, 1.0]})
        for place, n in enumerate(numbers)
    ]


@pytest.fixture
def two_lines(monkeypatch: pytest.MonkeyPatch, caller: Caller) -> Callable[[Any], None]:
    """A collection of vectors, two lines a batch; return what puts something before a storing."""
    monkeypatch.setattr(import_batches, "COMMITTED_EVERY", 2)
    make_collection(caller, dimension=2)

    def put_before(step: Callable[[str], None]) -> None:
        def stored(facts: Any, batch: Any, **named: Any) -> Any:
            then = named.pop("then")

            def and_then(session: Any, outcomes: Any) -> None:
                step(batch[0].document.external_id)
                then(session, outcomes)

            return try_upsert(facts, batch, then=and_then, **named)

        monkeypatch.setattr(import_storing, "try_upsert", stored)

    return put_before


def test_two_batches_are_written_at_once_and_committed_in_order(
    caller: Caller, two_lines: Callable[[Any], None]
) -> None:
    second_is_written = threading.Event()
    order: list[str] = []

    def step(first_id: str) -> None:
        if first_id == "0":
            assert second_is_written.wait(WAIT_S)
        elif first_id == "2":
            second_is_written.set()
        order.append(first_id)

    two_lines(step)
    parts = list(import_documents(caller, "papers", lines_of(*range(6))))
    assert [part.n_lines for part in parts] == [2, 4, 6]
    assert sorted(order[:2]) == ["0", "2"]
    assert len(list_documents(caller, "papers").documents) == 6
    assert examine().is_clean


def test_nothing_is_kept_behind_a_batch_that_failed(
    caller: Caller, two_lines: Callable[[Any], None]
) -> None:
    second_is_written = threading.Event()

    def step(first_id: str) -> None:
        if first_id == "0":
            assert second_is_written.wait(WAIT_S)
            raise ConnectionError("the database went away")
        second_is_written.set()

    two_lines(step)
    with pytest.raises(ConnectionError):
        list(import_documents(caller, "papers", lines_of(*range(6))))
    (state,) = list_imports(caller, "papers")
    assert (state.status, state.next_line) == ("broken", 1)
    assert not list_documents(caller, "papers").documents


def test_a_batch_that_waits_too_long_to_commit_is_written_again(
    caller: Caller, two_lines: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_storing, "COMMIT_PATIENCE_S", 0.01)
    given_up = threading.Event()
    written: list[str] = []

    def step(first_id: str) -> None:
        written.append(first_id)
        if first_id == "0":
            assert given_up.wait(WAIT_S)

    wait = import_storing._await_commit

    def noted(before: Any) -> None:
        try:
            wait(before)
        except import_storing.OutOfTurn:
            given_up.set()
            raise

    monkeypatch.setattr(import_storing, "_await_commit", noted)
    two_lines(step)
    parts = list(import_documents(caller, "papers", lines_of(*range(4))))
    assert written.count("2") == 2
    assert [part.n_lines for part in parts] == [2, 4]
    assert sum(len(part.outcomes) for part in parts) == 4
    assert examine().is_clean


def test_of_one_id_in_batches_under_way_the_later_line_wins(
    caller: Caller, two_lines: Callable[[Any], None]
) -> None:
    parts = list(import_documents(caller, "papers", lines_of(0, 1, 2, 0, 3, 1)))
    outcomes = [str(each.outcome) for part in parts for each in part.outcomes]
    assert sorted(outcomes) == ["created"] * 4 + ["updated"] * 2
    assert get_document(caller, "papers", "0").metadata == {"place": 3}
    assert get_document(caller, "papers", "1").metadata == {"place": 5}
    assert examine().is_clean


def test_what_was_read_ahead_and_is_stored_meanwhile_is_left_out(
    caller: Caller, two_lines: Callable[[Any], None]
) -> None:
    lines = lines_of(*range(6))
    import_id = create_import(caller, "papers").id
    ahead = Importer(caller, "papers", lines[1:], from_line=2)
    ahead.read_ahead()
    # Somebody else sends the same lines before it is this part's turn.
    first = Importer(caller, "papers", lines[:2])
    list(send_on(first, claim_import(caller, "papers", import_id=import_id), more=True))
    claim = claim_import(caller, "papers", import_id=import_id, from_line=2)
    parts = list(send_on(ahead, claim))
    assert [part.n_lines for part in parts] == [3, 5, 6]
    (state,) = list_imports(caller, "papers")
    assert (state.counts["created"], state.counts["unchanged"]) == (6, 0)
    assert state.n_bytes == sum(len(line) + 1 for line in lines)
    assert examine().is_clean


def test_a_batch_forgets_lines_with_their_bytes_and_refusals() -> None:
    batch = Batch()
    assert batch.read(5, b"no json") is None
    for number in (5, 6, 7):
        batch.pass_line(number, 10 * number)
    assert not batch.forget(4)
    assert batch.forget(5)
    assert (batch.n_lines, batch.n_bytes, batch.errors) == (7, 130, [])
    assert batch.forget(9)
    assert (batch.n_lines, batch.n_bytes) == (9, 0)
