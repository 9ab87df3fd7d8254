"""Changes of many documents at once: what a request does, what a run does, what searches see."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.documents import deletion, relabelling
from embedhub.documents.deletion import carry_out_deletion, delete_documents, delete_expired
from embedhub.documents.relabelling import relabel_documents
from embedhub.errors import NotFound, NotReady
from embedhub.runs import service as runs
from embedhub.runs.progress import RunProgress
from embedhub.search.queries import target
from embedhub.search.request import Mode, NoteCode, SearchRequest
from embedhub.search.service import search
from embedhub.spaces.doctor import examine
from embedhub.spaces.indexes import grow_space
from tests.factories import encode_everything, make_collection, send_texts
from tests.web.conftest import ApiClient, ClientFor, client_for, fresh_keys

__all__ = ["client_for", "fresh_keys"]
TEXTS = [f"cat number {i}" for i in range(10)]


@pytest.fixture(autouse=True)
def few_rows() -> Iterator[None]:
    """More than three index rows are many."""
    override_config(relabelled_rows=3)
    yield
    override_config(relabelled_rows=1_000)


def found(caller: Caller, mode: Mode = Mode.LEXICAL, **wishes: Any) -> list[str]:
    result = search(caller, "papers", SearchRequest("cat", mode=mode, limit=20, **wishes))
    return sorted(hit.document.external_id for hit in result.hits)


def grow_all(caller: Caller) -> None:
    with db.reading() as session:
        ids = session.execute(text("SELECT id FROM spaces ORDER BY id")).scalars().all()
    for space_id in ids:
        carry_out(caller, runs.RunKind.GROW_SPACE, grow_space, {"space_id": space_id})


def carry_out(caller: Caller, kind: runs.RunKind, work: Any, arguments: dict[str, Any]) -> Any:
    with db.writing() as session:
        run_id = runs.start_run(
            session,
            workspace_id=caller.workspace_id,
            kind=kind,
            subject=str(arguments),
            arguments=arguments,
        )
    runs.carry_out(run_id, work)
    view = runs.get_run(caller, run_id)
    assert view.status == "succeeded", view.error
    return view


def test_changed_metadata_of_many_passages_is_repeated_by_a_run(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relabelling, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(relabelling, "DOCUMENTS_AT_ONCE", 3)
    make_collection(caller)
    send_texts(caller, TEXTS, metadata={"year": 1})
    encode_everything()
    few = send_texts(caller, TEXTS[:1], metadata={"year": 2})
    assert [each.relabelling for each in few] == [None]
    assert found(caller, filter={"year": 2}) == ["0"]
    many = send_texts(caller, TEXTS, metadata={"year": 3})
    [run_id] = {each.relabelling for each in many}
    assert run_id is not None
    before = search(caller, "papers", SearchRequest("cat", filter={"year": 3}))
    assert before.hits == ()
    assert not before.complete
    assert [note.code for note in before.notes] == [NoteCode.FILTERS_PENDING]
    assert search(caller, "papers", SearchRequest("cat")).complete, "nothing was filtered"
    assert not runs.wait_until_ended(run_id, timeout_s=0.1)
    runs.carry_out(run_id, relabel_documents)
    done = runs.get_run(caller, run_id)
    assert (done.status, done.done, done.total) == ("succeeded", 10, 10)
    # Both legs' rows of ten documents.
    assert done.result == {"rows": 20}
    after = search(caller, "papers", SearchRequest("cat", limit=20, filter={"year": 3}))
    assert (len(after.hits), after.complete) == (10, True)
    assert examine().is_clean
    assert runs.wait_until_ended(run_id, timeout_s=0)


def test_changed_metadata_that_a_run_failed_to_repeat_is_told_and_tried_again(
    caller: Caller,
) -> None:
    make_collection(caller)
    send_texts(caller, TEXTS, metadata={"year": 1})
    encode_everything()
    run_id = send_texts(caller, TEXTS, metadata={"year": 3})[0].relabelling
    assert run_id is not None

    def fail(*_: object) -> dict[str, Any]:
        raise NotReady("no lock was to be had")

    runs.carry_out(run_id, fail)
    tried = runs.get_run(caller, run_id)
    assert (tried.status, tried.error) == ("queued", "no lock was to be had")
    before = search(caller, "papers", SearchRequest("cat", filter={"year": 3}))
    assert (before.hits, before.complete) == ((), False)
    with db.writing() as session:
        session.execute(text("UPDATE runs SET created_at = now() - interval '1 hour'"))
    assert runs.ring_for_waiting() == 1
    runs.carry_out(run_id, relabel_documents)
    done = runs.get_run(caller, run_id)
    assert (done.status, done.error) == ("succeeded", None)
    after = search(caller, "papers", SearchRequest("cat", limit=20, filter={"year": 3}))
    assert (len(after.hits), after.complete) == (10, True)


def test_a_run_over_a_collection_that_is_gone_is_not_tried_again(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, TEXTS, metadata={"year": 1})
    run_id = send_texts(caller, TEXTS, metadata={"year": 3})[0].relabelling
    assert run_id is not None

    def fail(*_: object) -> dict[str, Any]:
        raise NotFound("collection", "papers")

    runs.carry_out(run_id, fail)
    assert runs.get_run(caller, run_id).status == "failed"


def test_an_access_list_that_is_narrowed_holds_before_the_run(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, TEXTS, access=["a", "b"])
    encode_everything()
    assert len(found(caller, principals=("b",))) == 10
    sent = send_texts(caller, TEXTS, access=["a"])
    assert sent[0].relabelling is not None
    for mode in Mode:
        assert found(caller, mode, principals=("b",)) == []
    runs.carry_out(sent[0].relabelling, relabel_documents)
    assert found(caller, principals=("b",)) == []
    assert len(found(caller, principals=("a",))) == 10
    assert examine().is_clean


def test_a_document_changed_again_before_its_run_is_repeated_as_it_is_then(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, TEXTS, metadata={"year": 1})
    first = send_texts(caller, TEXTS, metadata={"year": 2})[0].relabelling
    second = send_texts(caller, TEXTS, metadata={"year": 3})[0].relabelling
    assert first != second
    for run_id in (second, first):
        assert run_id is not None
        runs.carry_out(run_id, relabel_documents)
    assert len(found(caller, filter={"year": 3})) == 10
    assert examine().is_clean


def test_the_answer_names_the_run_and_wait_waits_for_it(
    caller: Caller, client_for: ClientFor
) -> None:
    api: ApiClient = client_for(caller.workspace_id)
    make_collection(caller)
    path = "/collections/papers/documents"

    def body(year: int) -> dict[str, Any]:
        return {
            "documents": [
                {"external_id": str(i), "text": each, "metadata": {"year": year}}
                for i, each in enumerate(TEXTS)
            ]
        }

    assert api.post(path, body(1)).json()["run_id"] is None
    encode_everything()
    late = api.post(f"{path}?wait=indexed&timeout=0.3", body(2))
    assert late.status_code == 202
    run_id = late.json()["run_id"]
    assert late.json()["counts"] == {"updated": 10}
    assert str(run_id) in late.json()["indexing"]["hint"]
    assert sorted(late.json()["indexing"]["pending"]) == [str(i) for i in range(10)]
    assert api.get(f"/runs/{run_id}").json()["kind"] == "relabel_documents"
    assert api.post(f"/runs/{run_id}/cancel", {}).status_code == 409
    runs.carry_out(run_id, relabel_documents)
    done = api.post(f"{path}?wait=indexed", body(2))
    assert (done.status_code, done.json()["run_id"]) == (200, None)


@pytest.mark.parametrize("is_grown", [False, True])
def test_what_expired_by_thousands_is_found_by_no_leg(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, is_grown: bool
) -> None:
    make_collection(caller)
    send_texts(caller, TEXTS, metadata={"year": 1}, expires_at="2100-01-01T00:00:00Z")
    encode_everything()
    if is_grown:
        grow_all(caller)
        override_config(exact_rows=0)
    try:
        for named in (100, 3):
            # More than so many are not named to the legs: each row's document is asked.
            monkeypatch.setattr(target, "MAX_NAMED_EXPIRED", named)
            expire("external_id::int < 6")
            for mode in Mode:
                assert found(caller, mode) == ["6", "7", "8", "9"], (mode, named)
                assert found(caller, mode, filter={"year": 1}) == ["6", "7", "8", "9"]
    finally:
        override_config(exact_rows=10_000)


def expire(which: str) -> None:
    with db.writing() as session:
        session.execute(
            text(f"UPDATE documents SET expires_at = now() - interval '1 s' WHERE {which}")
        )


def test_the_sweep_ends_with_its_time_and_goes_on_the_next_time(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "DELETED_AT_ONCE", 4)
    make_collection(caller)
    send_texts(caller, TEXTS, expires_at="2100-01-01T00:00:00Z")
    encode_everything()
    expire("external_id <> '0'")
    assert delete_expired(budget_s=0) == 4
    assert found(caller) == ["0"]
    assert delete_expired(budget_s=60) == 5
    assert delete_expired() == 0
    assert found(caller) == ["0"]
    assert examine().is_clean


def test_a_deletion_by_a_run_tells_how_far_it_is_and_vacuums_what_it_emptied(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "DELETED_IN_REQUEST", 3)
    monkeypatch.setattr(deletion, "DELETED_AT_ONCE", 2)
    monkeypatch.setattr(deletion, "WORTH_VACUUMING", 5)
    make_collection(caller)
    send_texts(caller, TEXTS, metadata={"year": 1})
    encode_everything()
    grow_all(caller)
    send_texts(caller, ["cat x", "cat y"], metadata={"year": 2})
    encode_everything()
    started = delete_documents(caller, "papers", where={"year": 1})
    assert started.run_id is not None
    reports: list[tuple[int, int | None]] = []
    report = RunProgress.report

    def note(self: RunProgress, done: int, total: int | None = None) -> None:
        reports.append((done, total))
        report(self, done, total)

    monkeypatch.setattr(RunProgress, "report", note)
    runs.carry_out(started.run_id, carry_out_deletion)
    view = runs.get_run(caller, started.run_id)
    assert (view.status, view.result) == ("succeeded", {"n_deleted": 8})
    assert reports[:4] == [(2, 8), (4, 8), (6, 8), (8, 8)]
    assert found(caller) == ["0", "1"]
    with db.reading() as session:
        vacuumed = session.execute(
            text(
                "SELECT count(*) FROM pg_stat_user_tables"
                " WHERE schemaname = 'vectors' AND relname !~ '_0$' AND last_vacuum IS NOT NULL"
            )
        ).scalar_one()
    assert vacuumed == 2, "the shelf of the meanings and that of the words"


def test_a_deletion_that_is_cancelled_stops_between_two_batches(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "DELETED_IN_REQUEST", 3)
    monkeypatch.setattr(deletion, "DELETED_AT_ONCE", 2)
    monkeypatch.setattr("embedhub.runs.progress.REPORTED_EVERY_S", 0)
    make_collection(caller)
    send_texts(caller, TEXTS, metadata={"year": 1})
    encode_everything()
    run_id = delete_documents(caller, "papers", where={"year": 1}).run_id
    assert run_id is not None
    original = deletion.remove_documents

    def cancelled_meanwhile(*arguments: Any, **more: Any) -> int:
        n = original(*arguments, **more)
        if runs.get_run(caller, run_id).done >= 2:
            runs.cancel_run(caller, run_id)
        return n

    monkeypatch.setattr(deletion, "remove_documents", cancelled_meanwhile)
    runs.carry_out(run_id, carry_out_deletion)
    assert runs.get_run(caller, run_id).status == "cancelled"
    assert len(found(caller)) == 6
    assert examine().is_clean


def test_thousands_of_waiting_runs_are_not_asked_for_all_at_once(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "RUNG_AT_ONCE", 3)
    with db.writing() as session:
        for n in range(5):
            runs.start_run(
                session,
                workspace_id=caller.workspace_id,
                kind=runs.RunKind.REWEIGH,
                subject=f"space {n}",
            )
    with db.writing() as session:
        session.execute(text("UPDATE runs SET created_at = now() - interval '1 hour'"))
    assert runs.ring_for_waiting() == 3
