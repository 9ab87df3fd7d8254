"""Another chunking of a collection: a run, and searches answer all the while."""

from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import CollectionChanges, get_collection, update_collection
from embedhub.config import override_config
from embedhub.documents import rechunking
from embedhub.documents.queries.writing import HeldCollection, hold_collection
from embedhub.documents.rechunking import rechunk_documents
from embedhub.documents.service import open_for_writing
from embedhub.errors import InvalidInput, NotReady
from embedhub.runs import service as runs
from embedhub.runs.progress import RunCancelled
from embedhub.search.request import Group, Mode, SearchRequest
from embedhub.search.service import search
from embedhub.spaces import ledger
from embedhub.spaces.doctor import examine
from tests.factories import SilentProgress, encode_everything, make_collection, send, send_texts

SMALL = {"max_tokens": 16}
TEXT = " ".join(f"Sentence {i} speaks of fish number {i}." for i in range(30))


@pytest.fixture(autouse=True)
def encoding_while_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's pauses are when an embed worker works."""
    monkeypatch.setattr(
        "embedhub.documents.pace.time.sleep", lambda _: ledger.encode_pending(budget_s=10)
    )


def change(caller: Caller, chunking: dict[str, Any]) -> int | None:
    return update_collection(caller, "papers", CollectionChanges(chunking=chunking))[1]


def carry_out(caller: Caller, run_id: int | None) -> Any:
    assert run_id is not None
    runs.carry_out(run_id, rechunk_documents)
    return runs.get_run(caller, run_id)


def passages(caller: Caller, mode: Mode = Mode.LEXICAL) -> list[str]:
    request = SearchRequest("fish", mode=mode, limit=100, group=Group.CHUNK)
    hits = search(caller, "papers", request).hits
    return [hit.chunk.text for hit in sorted(hits, key=lambda hit: hit.chunk.start)]


def filled(caller: Caller, **wanted: Any) -> None:
    make_collection(caller, **wanted)
    send_texts(caller, [TEXT])
    encode_everything()


def test_the_documents_are_parted_anew_and_found_in_both_legs(caller: Caller) -> None:
    filled(caller)
    before = passages(caller)
    run = carry_out(caller, change(caller, SMALL))
    assert (run.status, run.result) == ("succeeded", {"n_documents": 1, "n_changed": 1})
    assert get_collection(caller, "papers").chunking["max_tokens"] == 16
    after = passages(caller)
    assert len(after) > 2 * len(before)
    assert passages(caller, Mode.DENSE) == after
    assert examine().is_clean


def test_old_passages_answer_until_the_new_ones_are_encoded(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(caller)
    before = passages(caller)
    seen: list[bool] = []

    def look(_: float) -> None:
        seen.append(passages(caller) == before == passages(caller, Mode.DENSE))
        ledger.encode_pending(budget_s=10)

    monkeypatch.setattr("embedhub.documents.pace.time.sleep", look)
    carry_out(caller, change(caller, SMALL))
    assert seen == [True]
    assert passages(caller) != before


def test_vectors_of_passages_that_stay_are_used_again(caller: Caller) -> None:
    filled(caller)
    send(caller, {"external_id": "short", "text": "one fish"})
    encode_everything()
    carry_out(caller, change(caller, SMALL))
    with db.writing() as session:
        n_vectors = session.execute(text("SELECT count(*) FROM vector_cache")).scalar_one()
    # Back to what was: every vector is at hand, nothing waits.
    run = carry_out(caller, change(caller, {}))
    assert run.result == {"n_documents": 2, "n_changed": 1}
    with db.reading() as session:
        assert session.execute(text("SELECT count(*) FROM pending")).scalar_one() == 0
        same = session.execute(text("SELECT count(*) FROM vector_cache")).scalar_one()
    assert same == n_vectors


def test_a_run_that_was_killed_goes_on_where_it_was(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_collection(caller)
    send_texts(caller, [TEXT + f" And {i}." for i in range(5)])
    encode_everything()
    run_id = change(caller, SMALL)
    monkeypatch.setattr(rechunking, "DOCUMENTS_AT_ONCE", 2)
    with db.reading() as session:
        arguments = session.execute(text("SELECT arguments FROM runs")).scalar_one()
    killed = SilentProgress()
    monkeypatch.setattr(killed, "report", _kill_at(2))
    with pytest.raises(KeyboardInterrupt):
        rechunk_documents(killed, arguments)
    assert examine().is_clean
    run = carry_out(caller, run_id)
    assert run.result["n_documents"] == 5
    assert run.result["n_changed"] == 1
    assert examine().is_clean
    assert len(passages(caller)) > 50


def _kill_at(call: int) -> Any:
    calls: list[int] = []

    def report(n_done: int, _: int | None = None) -> None:
        calls.append(n_done)
        if len(calls) == call:
            raise KeyboardInterrupt

    return report


def test_a_cancelled_run_leaves_the_rest_as_it_was_and_can_be_asked_for_again(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_collection(caller)
    send_texts(caller, [TEXT + f" And {i}." for i in range(4)])
    encode_everything()
    monkeypatch.setattr(rechunking, "DOCUMENTS_AT_ONCE", 2)
    run_id = change(caller, SMALL)
    assert run_id is not None

    def cancelled(*_: object, **__: object) -> None:
        raise RunCancelled("asked")

    with monkeypatch.context() as patch:
        patch.setattr(rechunking._Rechunking, "wait", cancelled)
        assert carry_out(caller, run_id).status == "cancelled"
    encode_everything()
    assert examine().is_clean
    again = change(caller, SMALL)
    assert again not in {None, run_id}
    assert carry_out(caller, again).result["n_changed"] == 2
    assert change(caller, SMALL) is None


def test_a_later_change_ends_the_run_before_it(caller: Caller) -> None:
    filled(caller)
    first = change(caller, SMALL)
    second = change(caller, {"max_tokens": 24})
    assert carry_out(caller, first).result["superseded"]
    assert carry_out(caller, second).result["n_changed"] == 1
    assert max(len(passage.split()) for passage in passages(caller)) > 16


def test_what_is_sent_while_the_chunking_changes_is_told_to_come_again(caller: Caller) -> None:
    from embedhub.documents.inputs import parse_document
    from embedhub.documents.preparation import prepare
    from embedhub.documents.upsert import upsert

    filled(caller)
    facts = open_for_writing(caller, "papers")
    change(caller, SMALL)
    late = prepare(parse_document({"external_id": "b", "text": TEXT}, "d"), facts, "d")
    with pytest.raises(NotReady):
        upsert(facts, [late], priority=0, field="documents")


def test_a_text_that_changed_meanwhile_is_not_overwritten(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(caller)
    run_id = change(caller, SMALL)
    held = hold_collection
    sent: list[object] = []

    def send_first(session: Any, collection_id: int) -> HeldCollection | None:
        if not sent:
            sent.append(send_texts(caller, ["another fish"]))
        return held(session, collection_id)

    monkeypatch.setattr(rechunking, "hold_collection", send_first)
    assert carry_out(caller, run_id).result["n_changed"] == 0
    encode_everything()
    assert passages(caller) == ["another fish"]
    assert examine().is_clean


def test_a_document_of_too_many_passages_keeps_its_old_ones(caller: Caller) -> None:
    filled(caller)
    before = passages(caller)
    override_config(max_chunks=2)
    try:
        run = carry_out(caller, change(caller, SMALL))
    finally:
        override_config(max_chunks=20_000)
    assert run.result == {"n_documents": 1, "n_changed": 0, "n_too_many_passages": 1}
    assert passages(caller) == before


def test_supplied_vectors_stay_one_passage_a_document(caller: Caller) -> None:
    make_collection(caller, dimension=2)
    send(caller, {"external_id": "a", "text": TEXT, "vector": [1, 0]})
    with pytest.raises(InvalidInput) as refused:
        change(caller, {"strategy": "passages"})
    assert refused.value.field == "chunking.strategy"
    run = carry_out(caller, change(caller, {"max_tokens": 100}))
    assert run.result == {"n_documents": 0, "n_changed": 0}
    assert passages(caller) == [TEXT]


def test_fields_and_chunking_change_one_after_the_other(caller: Caller) -> None:
    make_collection(caller)
    both = CollectionChanges(filterable={"year": "number"}, chunking=SMALL)
    with pytest.raises(InvalidInput) as refused:
        update_collection(caller, "papers", both)
    assert refused.value.field == "chunking"
