"""NDJSON import: bounded memory, a commit every few hundred lines, errors by line."""

import tracemalloc
from collections.abc import Iterator

import orjson
import pytest

from embedhub.access.caller import Caller
from embedhub.collections.service import CollectionChanges, update_collection
from embedhub.config import override_config
from embedhub.documents import import_batches
from embedhub.documents.importing import import_documents
from embedhub.documents.service import list_documents
from tests.factories import make_collection


def line(external_id: str, body: str = "text", **fields: object) -> bytes:
    return orjson.dumps({"external_id": external_id, "text": body} | fields) + b"\n"


def run(caller: Caller, lines: list[bytes]) -> tuple[list[str], list[tuple[int, str]], int]:
    """Import everything; return the outcomes, the errors and the number of lines."""
    outcomes: list[str] = []
    errors: list[tuple[int, str]] = []
    n_lines = 0
    for part in import_documents(caller, "papers", lines):
        outcomes += [each.outcome.value for each in part.outcomes]
        errors += [(each.line, each.message) for each in part.errors]
        n_lines = part.n_lines
    return outcomes, errors, n_lines


def test_bad_lines_are_reported_and_do_not_stop_the_others(caller: Caller) -> None:
    make_collection(caller)
    outcomes, errors, n_lines = run(
        caller,
        [
            line("a"),
            b"\n",
            b"{not json}\n",
            b'{"external_id": "b", "text": "\\ud800"}\n',
            b"\xff\xfe\n",
            line("c", colour="red"),
            line("d"),
        ],
    )
    assert outcomes == ["created", "created"]
    assert [number for number, _ in errors] == [3, 4, 5, 6]
    assert "document.colour" in errors[3][1]
    assert n_lines == 7


def test_the_later_line_of_an_id_wins(caller: Caller) -> None:
    make_collection(caller)
    outcomes, _, _ = run(caller, [line("a", "first"), line("b"), line("a", "second")])
    assert outcomes == ["created", "created", "updated"]
    assert len(list_documents(caller, "papers").documents) == 2


def test_sending_everything_again_changes_nothing(caller: Caller) -> None:
    make_collection(caller)
    lines = [line(str(i), f"text {i}") for i in range(30)]
    run(caller, lines)
    outcomes, _, _ = run(caller, lines)
    assert set(outcomes) == {"unchanged"}


def test_what_was_committed_stays_when_the_sender_breaks_off(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_batches, "COMMITTED_EVERY", 10)
    make_collection(caller)

    def broken() -> Iterator[bytes]:
        for i in range(25):
            yield line(str(i))
        raise ConnectionError("the client went away")

    with pytest.raises(ConnectionError):
        for _ in import_documents(caller, "papers", broken()):
            pass
    assert len(list_documents(caller, "papers").documents) == 20


def test_memory_does_not_grow_with_the_import(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_batches, "COMMITTED_EVERY", 20)
    make_collection(caller, chunking={"strategy": "document"})

    def lines(n: int) -> Iterator[bytes]:
        # Long words: it is bytes that could pile up, and words are slow to count while traced.
        return (line(str(i), f"{'word' * 25} " * 500) for i in range(n))

    def peak(n: int) -> int:
        tracemalloc.start()
        for _ in import_documents(caller, "papers", lines(n)):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    # 20 MB in batches of 1 MB.
    assert peak(400) < 8 * 2**20


def test_a_document_of_too_many_chunks_is_an_error_of_its_line(caller: Caller) -> None:
    make_collection(caller, chunking={"max_tokens": 16, "overlap_tokens": 0})
    override_config(max_chunks=3)
    try:
        outcomes, errors, _ = run(caller, [line("a"), line("b", "many words " * 99), line("c")])
    finally:
        override_config(max_chunks=20_000)
    assert outcomes == ["created", "created"]
    assert [number for number, _ in errors] == [2]
    assert "chunks" in errors[0][1]


def test_a_batch_is_bounded_by_its_text_too(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_batches, "COMMITTED_BYTES", 400)
    make_collection(caller)
    parts = list(import_documents(caller, "papers", [line(str(i), "x" * 60) for i in range(4)]))
    assert [len(part.outcomes) for part in parts] == [1, 1, 1, 1]


@pytest.mark.parametrize("heavy", ["title", "url", "metadata", "access"])
def test_a_batch_is_bounded_by_whatever_is_large(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, heavy: str
) -> None:
    monkeypatch.setattr(import_batches, "COMMITTED_BYTES", 400)
    make_collection(caller)
    value = {"metadata": {"note": "x" * 60}, "access": ["x" * 60]}.get(heavy, "x" * 60)
    lines = [orjson.dumps({"external_id": str(i), heavy: value}) for i in range(3)]
    parts = list(import_documents(caller, "papers", lines))
    assert [len(part.outcomes) for part in parts] == [1, 1, 1]


def test_filter_fields_may_change_during_an_import(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_batches, "COMMITTED_EVERY", 2)
    make_collection(caller)

    def lines() -> Iterator[bytes]:
        for i in range(4):
            if i == 1:
                update_collection(caller, "papers", CollectionChanges(filterable={"when": "date"}))
            yield line(str(i), metadata={"when": "2020-05-01"})

    for _ in import_documents(caller, "papers", lines()):
        pass
    found = list_documents(caller, "papers", where={"when": {"$lt": "2020-05-02"}})
    assert len(found.documents) == 4
