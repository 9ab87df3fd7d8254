"""PgBouncer in transaction mode: every session is everybody's, and nothing relies on one."""

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.collections.service import delete_collection, purge_collection
from embedhub.config import get_config, override_config
from embedhub.documents.service import delete_documents
from embedhub.runs import service as runs
from embedhub.search.request import Mode, SearchRequest
from embedhub.search.service import search
from embedhub.spaces.doctor import examine
from embedhub.spaces.indexes import grow_space
from tests.factories import encode_everything, make_collection, send_texts
from tests.pooler import ABSENT, PROGRAM, pgbouncer

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=ABSENT)
SESSIONS = 2


@pytest.fixture(scope="module")
def pooler_url(database: str) -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="bouncer-") as folder,
        pgbouncer(database, Path(folder), sessions=SESSIONS) as url,
    ):
        yield url


@pytest.fixture
def pooled(clean: str, pooler_url: str) -> Iterator[str]:
    """This process reaches the database through PgBouncer, and past it where it has to."""
    db.dispose()
    override_config(database_url=pooler_url, direct_database_url=clean)
    yield clean
    db.dispose()
    override_config(database_url=clean, direct_database_url="")


def test_documents_live_their_whole_life_through_few_shared_sessions(
    caller: Caller, pooled: str
) -> None:
    make_collection(caller)
    threads = [
        threading.Thread(target=lambda n=n: send_texts(caller, [f"cat {n} {i}" for i in range(20)]))
        for n in range(3)
    ]
    threads += [threading.Thread(target=encode_everything) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    encode_everything()
    for mode in Mode:
        found = search(caller, "papers", SearchRequest("cat", mode=mode))
        assert (len(found.hits), found.complete) == (10, True)
    with db.writing() as session:
        space_id = session.execute(text("SELECT id FROM spaces WHERE kind = 'dense'")).scalar_one()
        run_id = runs.start_run(
            session,
            workspace_id=caller.workspace_id,
            kind=runs.RunKind.GROW_SPACE,
            subject=f"space {space_id}",
            arguments={"space_id": space_id},
        )
    runs.carry_out(run_id, grow_space)
    assert runs.get_run(caller, run_id).status == "succeeded"
    found = search(caller, "papers", SearchRequest("cat", mode=Mode.DENSE))
    assert len(found.hits) == 10
    assert delete_documents(caller, "papers", external_ids=["1", "2"]).n_deleted == 2
    assert examine().is_clean
    removal = delete_collection(caller, "papers")
    runs.carry_out(removal, purge_collection)
    assert runs.get_run(caller, removal).status == "succeeded"


def test_every_transaction_brings_its_settings_and_leaves_none(pooled: str) -> None:
    names = ("plan_cache_mode", "jit", "timezone", "statement_timeout", "transaction_read_only")
    with db.reading() as session:
        for _ in range(8):  # more often than psycopg waits before it would prepare a statement
            found = [session.execute(text(f"SHOW {name}")).scalar_one() for name in names]
        assert session.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar() == 0
    assert found[:3] == ["force_custom_plan", "off", "UTC"]
    assert found[3] == f"{get_config().statement_timeout_s:g}s"
    assert found[4] == "on"
    with psycopg.connect(get_config().database_url, autocommit=True) as stranger:
        left = [stranger.execute(f"SHOW {name}").fetchone() for name in names]
    assert [row and row[0] for row in left] == ["auto", "off", "UTC", "0", "off"]


def test_a_statement_that_takes_too_long_is_ended_through_the_pooler(pooled: str) -> None:
    before = get_config().statement_timeout_s
    override_config(statement_timeout_s=0.2)
    db.dispose()
    try:
        with pytest.raises(OperationalError, match="statement timeout"), db.reading() as session:
            session.execute(text("SELECT pg_sleep(5)"))
    finally:
        override_config(statement_timeout_s=before)


def test_what_needs_a_session_of_its_own_goes_past_the_pooler(pooled: str) -> None:
    with db.autocommit() as connection:
        connection.execute(text("SET lock_timeout = 123"))
        pids = {connection.execute(text("SELECT pg_backend_pid()")).scalar_one() for _ in range(20)}
        # Others use up the pooler's sessions meanwhile.
        with db.reading() as one, db.reading() as other:
            one.execute(text("SELECT 1"))
            other.execute(text("SELECT 1"))
            assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "123ms"
        connection.execute(text("RESET lock_timeout"))
        assert len(pids) == 1
    config = get_config()
    assert config.session_url == pooled != config.database_url
    options = jobs.broker_options("pgmq://")
    assert options["conn_string"] == jobs.pgmq_conninfo(pooled)
