"""Searches on a real streaming replica: used, refused, lost, late, and back again."""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.documents import waiting
from embedhub.errors import NotFound
from embedhub.local.postgres import embedded_postgres
from embedhub.replica import monitor, service
from embedhub.replica.position import parse_position
from embedhub.replica.queries import Server
from embedhub.search.request import Mode, SearchRequest
from embedhub.search.service import search
from tests.factories import encode_everything, make_collection, send_texts
from tests.replica.standby import Standby, standby_of
from tests.web.conftest import ApiClient, ClientFor, client_for, fresh_keys

__all__ = ["client_for", "fresh_keys"]


@pytest.fixture(scope="module")
def standby(database: str) -> Iterator[Standby]:
    with (
        tempfile.TemporaryDirectory(prefix="standby-") as folder,
        standby_of(database, Path(folder) / "postgres") as server,
    ):
        yield server


@pytest.fixture
def replica(clean: str, standby: Standby, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standby]:
    """A replica that is in use; the watch looks often."""
    monkeypatch.setattr(monitor, "CHECK_S", 0.05)
    monkeypatch.setattr(monitor, "ANSWER_S", 1.0)
    monkeypatch.setattr(monitor, "REST_S", 0.3)
    resume(standby)
    use(standby.url)
    until(in_use)
    yield standby
    resume(standby)
    use("")
    override_config(read_max_lag_s=10)


def use(url: str, max_lag_s: float = 10) -> None:
    service.forget()
    override_config(read_database_url=url, read_max_lag_s=max_lag_s)


def in_use() -> bool:
    state = service.state()
    return state is not None and state.is_used


def out_of_use(reason: str) -> Callable[[], bool]:
    def is_so() -> bool:
        state = service.state()
        return state is not None and not state.is_used and reason in (state.reason or "")

    return is_so


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, service.state()
        time.sleep(0.01)


def tell(standby: Standby, statement: str) -> object:
    with psycopg.connect(standby.url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else None
    return row and row[0]


def pause(standby: Standby) -> None:
    tell(standby, "SELECT pg_wal_replay_pause()")
    until(lambda: tell(standby, "SELECT pg_get_wal_replay_pause_state()") == "paused")


def resume(standby: Standby) -> None:
    tell(standby, "SELECT pg_wal_replay_resume()")


def is_on_replica(session: Session) -> bool:
    return bool(session.execute(text("SELECT pg_is_in_recovery()")).scalar_one())


def found(caller: Caller, query: str, after: int | None = None) -> list[str]:
    result = search(caller, "papers", SearchRequest(query, mode=Mode.LEXICAL), after=after)
    return [hit.document.external_id for hit in result.hits]


def test_a_search_is_answered_by_the_replica_as_by_the_primary(
    caller: Caller, replica: Standby
) -> None:
    make_collection(caller, filterable={"year": "number"})
    send_texts(caller, [f"cat number {i}" for i in range(30)], metadata={"year": 2020})
    encode_everything()
    assert service.wait_until_replayed(timeout_s=10)
    seen: list[bool] = []

    def spy(session: Session) -> bool:
        seen.append(is_on_replica(session))
        result = search(caller, "papers", SearchRequest("cat", filter={"year": 2020}))
        return result.complete

    assert service.read(spy)
    assert seen == [True]
    on_replica = search(caller, "papers", SearchRequest("cat", limit=20, filter={"year": 2020}))
    use("")
    on_primary = search(caller, "papers", SearchRequest("cat", limit=20, filter={"year": 2020}))
    assert on_replica.hits == on_primary.hits
    assert len(on_replica.hits) == 20


def test_nothing_can_be_written_where_only_reading_was_asked_for(replica: Standby) -> None:
    def write(session: Session) -> None:
        session.execute(text("DELETE FROM documents"))

    with pytest.raises(DBAPIError, match="read-only transaction"):
        service.read(write)


def test_who_has_seen_more_than_the_replica_is_answered_by_the_primary(
    caller: Caller, replica: Standby
) -> None:
    make_collection(caller)
    send_texts(caller, ["first"])
    encode_everything()
    assert service.wait_until_replayed(timeout_s=10)
    pause(replica)
    send_texts(caller, ["first", "second"])
    encode_everything()
    position = service.written_position()
    assert position is not None
    assert found(caller, "second") == [], "without a token the replica's state is good enough"
    assert found(caller, "second", after=position) == ["1"]
    assert not service.wait_until_replayed(timeout_s=0.1)
    resume(replica)
    assert service.wait_until_replayed(timeout_s=10)
    assert service.read(is_on_replica, after=position), "now the replica holds it too"
    assert found(caller, "second") == ["1"]


def test_what_was_made_a_moment_ago_is_never_not_found(caller: Caller, replica: Standby) -> None:
    pause(replica)
    make_collection(caller)
    send_texts(caller, ["cat"])
    assert found(caller, "cat") == ["0"]
    with pytest.raises(NotFound):
        search(caller, "nowhere", SearchRequest("cat"))


def test_a_late_replica_answers_nothing_until_it_has_caught_up(
    caller: Caller, replica: Standby
) -> None:
    use(replica.url, max_lag_s=0.4)
    until(in_use)
    pause(replica)
    make_collection(caller)
    until(out_of_use("more than 0.4 s behind"))
    assert not service.read(is_on_replica)
    resume(replica)
    until(in_use)
    assert service.read(is_on_replica)


def test_a_statement_cancelled_by_the_replay_is_asked_of_the_primary(
    caller: Caller, replica: Standby
) -> None:
    tell(replica, "ALTER SYSTEM SET max_standby_streaming_delay = 0")
    tell(replica, "SELECT pg_reload_conf()")
    try:
        asked: list[bool] = []
        is_reading = threading.Event()

        def slow(session: Session) -> int:
            on_replica = is_on_replica(session)
            asked.append(on_replica)
            session.execute(text("SELECT count(*) FROM search_log"))
            is_reading.set()
            if on_replica:
                session.execute(text("SELECT pg_sleep(20)"))
            return 1

        def conflict() -> None:
            is_reading.wait(10)
            with db.engine().begin() as connection:
                connection.execute(text("TRUNCATE search_log"))

        other = threading.Thread(target=conflict)
        other.start()
        assert service.read(slow) == 1
        other.join()
        assert asked == [True, False]
        assert in_use(), "a conflict is no fault of the replica"
    finally:
        tell(replica, "ALTER SYSTEM RESET max_standby_streaming_delay")
        tell(replica, "SELECT pg_reload_conf()")


def test_a_killed_replica_costs_no_request_and_comes_back_by_itself(
    caller: Caller, replica: Standby
) -> None:
    make_collection(caller)
    send_texts(caller, ["cat"])
    assert service.wait_until_replayed(timeout_s=10)
    assert found(caller, "cat") == ["0"]
    replica.kill()
    began = time.monotonic()
    assert found(caller, "cat") == ["0"]
    assert time.monotonic() - began < 5
    until(out_of_use(""))
    assert service.wait_until_replayed(timeout_s=10), "nobody has to wait for who does not answer"
    replica.launch()
    until(in_use)
    assert service.read(is_on_replica)


def test_a_replica_that_hangs_does_not_hang_the_searches(caller: Caller, replica: Standby) -> None:
    make_collection(caller)
    send_texts(caller, ["cat"])
    assert service.wait_until_replayed(timeout_s=10)
    assert replica.process is not None
    backends = [int(str(pid)) for pid in pids_of(replica)]
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert found(caller, "cat") == ["0"]
        assert time.monotonic() - began < 10
        until(out_of_use("does not answer"))
        began = time.monotonic()
        assert found(caller, "cat") == ["0"]
        assert time.monotonic() - began < 1
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
    until(in_use)


def pids_of(standby: Standby) -> list[object]:
    """Every session of ours on the replica, which stops reading when stopped."""
    with psycopg.connect(standby.url) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchall()
    return [row[0] for row in rows]


def test_only_a_replica_of_this_very_database_is_believed(
    caller: Caller, replica: Standby, clean: str, tmp_path: Path
) -> None:
    use(clean)
    until(out_of_use("accepts writes"))
    assert not service.read(is_on_replica)
    with (
        embedded_postgres(tmp_path / "other", durable=False) as other,
        standby_of(other, tmp_path / "others-standby") as stranger,
    ):
        use(stranger.url)
        until(out_of_use("another server"))
        assert not service.read(is_on_replica)


def test_a_replica_at_another_migration_is_refused() -> None:
    primary = Server(1, False, 100, "0005")
    behind = Server(1, True, 100, "0004")
    reason = monitor.fault_of(primary, behind, 0.0, 10)
    assert reason is not None
    assert "0004" in reason
    assert monitor.fault_of(primary, Server(1, True, 9, "0005"), 0.1, 10) is None


def test_waiting_until_indexed_means_until_searches_find_it(
    caller: Caller, replica: Standby, client_for: ClientFor
) -> None:
    api: ApiClient = client_for(caller.workspace_id)
    make_collection(caller)
    body = {"documents": [{"external_id": "1", "text": "a cat"}]}
    path = "/collections/papers/documents?wait=indexed"
    is_answered = threading.Event()

    def encode_until_answered() -> None:
        while not is_answered.wait(0.05):
            encode_everything()

    worker = threading.Thread(target=encode_until_answered)
    worker.start()
    done = api.post(path + "&timeout=20", body)
    is_answered.set()
    worker.join()
    assert (done.status_code, done.json()["indexing"]["is_indexed"]) == (200, True)
    parse_position(done["Consistency-Token"])
    hits = api.post("/collections/papers/search", {"query": "cat"})
    assert [hit["document"]["external_id"] for hit in hits.json()["hits"]] == ["1"]
    assert "Consistency-Token" not in hits, "a search writes nothing that could be missed"


def test_a_replica_that_does_not_catch_up_is_told_of_and_the_token_helps(
    caller: Caller, replica: Standby, client_for: ClientFor
) -> None:
    api: ApiClient = client_for(caller.workspace_id)
    make_collection(caller)
    assert service.wait_until_replayed(timeout_s=10)
    pause(replica)
    api.post("/collections/papers/documents", {"documents": [{"external_id": "1", "text": "cat"}]})
    encode_everything()
    body = {"documents": [{"external_id": "1", "text": "cat"}]}
    late = api.post("/collections/papers/documents?wait=indexed&timeout=0.3", body)
    assert late.status_code == 202
    assert late.json()["indexing"]["pending"] == ["1"]
    assert late.json()["indexing"]["hint"] == waiting.NOT_REPLAYED
    token = late["Consistency-Token"]
    hits = api.post("/collections/papers/search", {"query": "cat"}, Consistency_Token=token)
    assert [hit["document"]["external_id"] for hit in hits.json()["hits"]] == ["1"]
    wrong = api.post("/collections/papers/search", {"query": "cat"}, Consistency_Token="soon")
    assert (wrong.status_code, wrong.json()["field"]) == (422, "Consistency-Token")


@pytest.mark.parametrize("meanwhile", ["not looked at yet", "it failed a request"])
def test_waiting_goes_on_where_others_may_use_a_replica_that_this_process_does_not(
    caller: Caller, replica: Standby, meanwhile: str
) -> None:
    make_collection(caller)
    assert service.wait_until_replayed(timeout_s=10)
    pause(replica)
    send_texts(caller, ["cat"])
    if meanwhile == "not looked at yet":
        use(replica.url)
    else:
        service._replica.monitor.trip(meanwhile)  # type: ignore[union-attr]
    assert not service.wait_until_replayed(timeout_s=0.2)
    resume(replica)
    assert service.wait_until_replayed(timeout_s=10)


def test_nobody_waits_for_a_replica_that_no_process_would_use(
    caller: Caller, replica: Standby
) -> None:
    make_collection(caller)
    pause(replica)
    use(replica.url, max_lag_s=0.2)
    # Written again and again, since a replica that lacks nothing is not late.
    until(lambda: bool(send_texts(caller, ["cat"])) and out_of_use("behind")())
    began = time.monotonic()
    assert service.wait_until_replayed(timeout_s=20)
    assert time.monotonic() - began < 10
    use("postgresql://nobody@127.0.0.1:9/none")
    until(out_of_use("does not answer"))
    assert service.wait_until_replayed(timeout_s=20)


def test_an_answer_that_begins_before_its_writes_names_no_position(
    caller: Caller, replica: Standby, client_for: ClientFor
) -> None:
    api: ApiClient = client_for(caller.workspace_id)
    make_collection(caller)
    path, line = "/collections/papers/documents/import", b'{"external_id": "1", "text": "cat"}'
    streamed = api.post(path, line, Accept="application/x-ndjson")
    assert b'"is_done":true' in streamed.getvalue()
    assert "Consistency-Token" not in streamed
    assert "Consistency-Token" in api.post(path, line)


def test_health_shows_the_replica_and_stays_ready_without_it(
    caller: Caller, replica: Standby, client_for: ClientFor
) -> None:
    from embedhub.config import get_config
    from embedhub.encoders import get_encoder

    get_encoder(get_config().default_encoder)
    api: ApiClient = client_for(caller.workspace_id)
    assert api.get("/health/ready").json()["parts"]["replica"] == {"ok": True, "reason": None}
    use("postgresql://nobody@127.0.0.1:9/none")
    until(out_of_use("does not answer"))
    answer = api.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["parts"]["replica"]["ok"] is False


def test_without_a_replica_nothing_is_told_of_one(caller: Caller, client_for: ClientFor) -> None:
    api: ApiClient = client_for(caller.workspace_id)
    made = api.post("/collections", {"slug": "papers", "encoder": "hashing-64"})
    assert made.status_code == 201
    assert "Consistency-Token" not in made
