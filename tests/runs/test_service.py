import threading
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.errors import Conflict, Forbidden, InvalidInput, NotFound
from embedhub.jobs import Job
from embedhub.runs import progress as progress_module
from embedhub.runs import service
from embedhub.runs.service import RunKind, RunProgress

Sent = list[tuple[Job, dict[str, object]]]


@pytest.fixture(autouse=True)
def every_report_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "REPORTED_EVERY_S", 0.0)


def start(
    caller: Caller, subject: str = "space 1", kind: RunKind = RunKind.REWEIGH, **more: int
) -> int:
    with db.writing() as session:
        return service.start_run(
            session,
            workspace_id=caller.workspace_id,
            kind=kind,
            subject=subject,
            arguments={"n": 3, **more},
        )


def age_heartbeats() -> None:
    with db.writing() as session:
        session.execute(text("UPDATE runs SET heartbeat_at = now() - interval '1 hour'"))


def test_a_run_reports_and_ends_with_its_result(caller: Caller, sent_jobs: Sent) -> None:
    run_id = start(caller)
    assert sent_jobs == [(Job.RUN, {"run_id": run_id})]
    assert service.kind_of(run_id) is RunKind.REWEIGH
    seen = []

    def work(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
        progress.report(1, arguments["n"])
        seen.append(service.get_run(caller, run_id))
        return {"rows": arguments["n"]}

    service.carry_out(run_id, work)
    assert (seen[0].status, seen[0].done, seen[0].total) == ("running", 1, 3)
    assert seen[0].eta_s is not None
    run = service.get_run(caller, run_id)
    assert (run.status, run.done, run.progress, run.eta_s) == ("succeeded", 3, 1.0, None)
    assert run.result == {"rows": 3}
    assert run.finished_at is not None


def test_one_unfinished_run_of_a_kind_over_a_subject(caller: Caller, sent_jobs: Sent) -> None:
    first = start(caller)
    assert start(caller) == first
    assert len(sent_jobs) == 1
    assert start(caller, "space 2") != first
    assert start(caller, kind=RunKind.GROW_SPACE) != first
    service.carry_out(first, lambda *_: {})
    assert start(caller) != first


def test_a_message_delivered_twice_does_nothing(caller: Caller) -> None:
    run_id = start(caller)
    calls: list[str] = []

    def count(name: str) -> dict[str, Any]:
        calls.append(name)
        return {}

    def work(*_: object) -> dict[str, Any]:
        calls.append("outer")
        service.carry_out(run_id, lambda *_: count("inner"))
        return {}

    service.carry_out(run_id, work)
    service.carry_out(run_id, work)
    assert calls == ["outer"]


def test_two_workers_at_once_carry_a_run_out_once(caller: Caller) -> None:
    run_id = start(caller)
    barrier = threading.Barrier(4)
    calls: list[int] = []

    def count(*_: object) -> dict[str, Any]:
        calls.append(1)
        return {}

    def worker() -> None:
        barrier.wait()
        service.carry_out(run_id, count)

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [1]


def test_a_run_whose_worker_died_is_taken_over_and_the_late_one_stops(
    caller: Caller, sent_jobs: Sent
) -> None:
    run_id = start(caller)
    after_takeover = []

    def slow(progress: RunProgress, _: dict[str, Any]) -> dict[str, Any]:
        age_heartbeats()
        sent_jobs.clear()
        assert service.ring_for_waiting() == 1
        assert sent_jobs == [(Job.RUN, {"run_id": run_id})]
        service.carry_out(run_id, lambda *_: {"by": "second"})
        progress.report(1)
        after_takeover.append("reached")
        return {"by": "first"}

    service.carry_out(run_id, slow)
    assert after_takeover == []
    assert service.get_run(caller, run_id).result == {"by": "second"}


def test_a_late_worker_that_never_reports_cannot_overwrite_the_result(caller: Caller) -> None:
    run_id = start(caller)

    def silent(*_: object) -> dict[str, Any]:
        age_heartbeats()
        service.carry_out(run_id, lambda *_: {"by": "second"})
        return {"by": "first"}

    service.carry_out(run_id, silent)
    assert service.get_run(caller, run_id).result == {"by": "second"}


def test_a_living_run_is_not_taken_over(caller: Caller) -> None:
    run_id = start(caller)
    assert service.ring_for_waiting() == 0

    def work(progress: RunProgress, _: dict[str, Any]) -> dict[str, Any]:
        progress.report(1)
        assert service.ring_for_waiting() == 0
        return {}

    service.carry_out(run_id, work)


def test_a_run_whose_message_was_lost_is_rung_for_again(caller: Caller, sent_jobs: Sent) -> None:
    run_id = start(caller)
    sent_jobs.clear()
    with db.writing() as session:
        session.execute(text("UPDATE runs SET created_at = now() - interval '2 minutes'"))
    assert service.ring_for_waiting() == 1
    assert sent_jobs == [(Job.RUN, {"run_id": run_id})]


def test_cancel_ends_a_waiting_run_at_once(caller: Caller) -> None:
    run_id = start(caller)
    assert service.cancel_run(caller, run_id).status == "cancelled"
    service.carry_out(run_id, lambda *_: pytest.fail("it was cancelled"))
    with pytest.raises(Conflict):
        service.cancel_run(caller, run_id)


def test_cancel_stops_a_running_run_at_its_next_report(caller: Caller) -> None:
    run_id = start(caller)
    steps = []

    def work(progress: RunProgress, _: dict[str, Any]) -> dict[str, Any]:
        steps.append(1)
        asked = service.cancel_run(caller, run_id)
        assert (asked.status, asked.is_cancel_asked) == ("running", True)
        progress.note(1, 9)  # a watching thread is never interrupted
        progress.report(2)
        steps.append(2)
        return {}

    service.carry_out(run_id, work)
    assert steps == [1]
    assert service.get_run(caller, run_id).status == "cancelled"


@pytest.mark.parametrize("kind", [RunKind.DELETE_COLLECTION, RunKind.UPDATE_ATTRIBUTES])
def test_what_must_not_stop_half_way_cannot_be_cancelled(caller: Caller, kind: RunKind) -> None:
    run_id = start(caller, kind=kind)
    with pytest.raises(Conflict):
        service.cancel_run(caller, run_id)


def test_a_key_bound_to_principals_does_not_learn_what_runs_count(caller: Caller) -> None:
    run_id = start(caller)
    bound = caller.narrowed(["alice"])
    with pytest.raises(Forbidden):
        service.get_run(bound, run_id)
    with pytest.raises(Forbidden):
        service.list_runs(bound)


def test_a_key_bound_to_principals_cannot_cancel(caller: Caller) -> None:
    run_id = start(caller)
    with pytest.raises(Forbidden):
        service.cancel_run(caller.narrowed(["guests"]), run_id)
    assert service.get_run(caller, run_id).status == "queued"


@pytest.mark.parametrize("ending", ["failed", "cancelled", "succeeded"])
def test_upkeep_pauses_after_a_run_that_ended_badly(caller: Caller, ending: str) -> None:
    def again() -> int | None:
        with db.writing() as session:
            return service.start_unless_paused(
                session,
                workspace_id=caller.workspace_id,
                kind=RunKind.GROW_SPACE,
                subject="space 1",
            )

    run_id = again()
    assert run_id is not None
    assert again() == run_id
    if ending == "cancelled":
        service.cancel_run(caller, run_id)
    else:
        service.carry_out(run_id, lambda *_: {"n": 1 // (ending == "succeeded")})
    assert service.get_run(caller, run_id).status == ending
    assert (again() is None) == (ending != "succeeded")
    with db.writing() as session:
        session.execute(text("UPDATE runs SET finished_at = now() - interval '11 minutes'"))
    assert again() is not None


def test_a_failure_keeps_a_reason_that_is_safe_to_show(caller: Caller) -> None:
    run_id, other = start(caller), start(caller, "space 2")

    def ours(*_: object) -> dict[str, Any]:
        raise InvalidInput("no such field", "filterable")

    def theirs(*_: object) -> dict[str, Any]:
        raise ValueError("secret text of a customer")

    service.carry_out(run_id, ours)
    service.carry_out(other, theirs)
    assert service.get_run(caller, run_id).status == "failed"
    assert service.get_run(caller, run_id).error == "filterable: no such field"
    error = service.get_run(caller, other).error
    assert error is not None
    assert "ValueError" in error
    assert "secret" not in error


def test_a_run_that_loses_the_database_stays_to_be_taken_over(caller: Caller) -> None:
    run_id = start(caller)

    def work(*_: object) -> dict[str, Any]:
        raise OperationalError("SELECT 1", {}, Exception("server closed"))

    with pytest.raises(OperationalError):
        service.carry_out(run_id, work)
    assert service.get_run(caller, run_id).status == "running"
    age_heartbeats()
    service.carry_out(run_id, lambda *_: {})
    assert service.get_run(caller, run_id).status == "succeeded"


def test_a_stranger_sees_no_run(caller: Caller, stranger: Caller) -> None:
    run_id = start(caller)
    for attempt in (service.get_run, service.cancel_run):
        with pytest.raises(NotFound):
            attempt(stranger, run_id)
    assert service.list_runs(stranger) == []


def test_a_bound_key_sees_the_runs_of_its_collections_only(caller: Caller) -> None:
    mine = start(caller, "one", collection_id=1)
    other = start(caller, "other", collection_id=2)
    start(caller, "a space")
    bound = Caller(caller.workspace_id, 1, frozenset({"read"}), frozenset({1}))
    assert [run.id for run in service.list_runs(bound)] == [mine]
    with pytest.raises(NotFound):
        service.get_run(bound, other)


def test_runs_are_listed_newest_first_in_pages(caller: Caller) -> None:
    ids = [start(caller, f"space {n}") for n in range(5)]
    first = [run.id for run in service.list_runs(caller, limit=2)]
    rest = [run.id for run in service.list_runs(caller, before=first[-1])]
    assert first + rest == ids[::-1]
    service.carry_out(ids[0], lambda *_: {})
    assert [run.id for run in service.list_runs(caller, status="succeeded")] == [ids[0]]
    with pytest.raises(InvalidInput):
        service.list_runs(caller, status="sleeping")


def test_old_runs_are_forgotten_and_unfinished_ones_are_not(caller: Caller) -> None:
    done, waiting = start(caller), start(caller, "space 2")
    service.carry_out(done, lambda *_: {})
    assert service.forget_old() == 0
    with db.writing() as session:
        session.execute(
            text("UPDATE runs SET created_at = now() - interval '1 year', finished_at ="
                 " CASE WHEN finished_at IS NOT NULL THEN now() - interval '1 year' END")
        )  # fmt: skip
    assert service.forget_old() == 1
    assert [run.id for run in service.list_runs(caller)] == [waiting]
