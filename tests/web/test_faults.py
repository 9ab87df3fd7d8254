"""The database in trouble: the answer says that the request is not at fault, and when to retry."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access import recent
from embedhub.access.caller import Caller
from embedhub.config import get_config, override_config
from embedhub.errors import HubError
from embedhub.web.problems import STATUSES
from tests.factories import make_collection
from tests.web.conftest import ApiClient

Broken = Callable[[str], Any]


@contextmanager
def settings(**changed: object) -> Iterator[None]:
    """Other settings, and an engine made with them."""
    before = {name: getattr(get_config(), name) for name in changed}
    override_config(**changed)
    db.dispose()
    try:
        yield
    finally:
        override_config(**before)
        db.dispose()


@pytest.fixture
def run_instead(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> Broken:
    """Sends a request whose service runs this statement."""

    def send(statement: str) -> Any:
        def run(*_: object) -> None:
            with db.writing() as session:
                session.execute(text(statement))

        monkeypatch.setattr("embedhub.collections.details.describe_collection", run)
        return api.get("/collections/papers")

    return send


def check_unavailable(response: Any) -> None:
    assert response.status_code == 503, response.content
    assert response.json()["code"] == "not_ready"
    assert int(response["Retry-After"]) >= 1


def test_a_statement_that_takes_too_long_is_504(run_instead: Broken) -> None:
    response = run_instead("SET statement_timeout = 50; SELECT pg_sleep(5)")
    assert response.status_code == 504
    assert response.json()["code"] == "timeout"


def test_a_connection_cut_off_is_503_and_the_next_request_works(
    api: ApiClient, run_instead: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_unavailable(run_instead("SELECT pg_terminate_backend(pg_backend_pid())"))
    monkeypatch.undo()
    assert api.get("/collections").status_code == 200


def test_a_connection_that_ended_while_idle_is_replaced_unnoticed(
    api: ApiClient, caller: Caller
) -> None:
    make_collection(caller)
    with settings(pool_size=1):
        assert api.get("/collections/papers").status_code == 200
        with db.reading() as session:
            pid = session.scalar(text("SELECT pg_backend_pid()"))
        with psycopg.connect(get_config().database_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert api.get("/collections/papers").status_code == 200
        with db.reading() as session:
            assert session.scalar(text("SELECT pg_backend_pid()")) != pid


@pytest.mark.parametrize("sqlstate", ["40P01", "40001", "55P03", "53300", "57P03"])
def test_what_passes_by_itself_is_503(run_instead: Broken, sqlstate: str) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '{sqlstate}'; END $$"
    check_unavailable(run_instead(raising))


@pytest.mark.parametrize("sqlstate", ["23503", "23505"])
def test_a_row_that_changed_meanwhile_is_409(run_instead: Broken, sqlstate: str) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END $$"
    assert run_instead(raising).status_code == 409


def test_a_statement_that_is_wrong_is_500(run_instead: Broken) -> None:
    response = run_instead("SELECT nonsense")
    assert response.status_code == 500
    assert "nonsense" not in response.content.decode()


def test_when_every_connection_is_taken_the_answer_is_503(api: ApiClient, caller: Caller) -> None:
    make_collection(caller)
    assert api.get("/collections/papers").status_code == 200
    with settings(pool_size=1, pool_wait_s=0.3), db.reading():
        recent.forget_all()
        response = api.get("/collections/papers")
        assert response.status_code == 503
        assert response.json()["code"] == "overloaded"
        assert int(response["Retry-After"]) >= 1
    assert api.get("/collections/papers").status_code == 200


def test_every_error_of_ours_has_a_status() -> None:
    for kind in HubError.__subclasses__():
        if kind.__module__ == "embedhub.errors":
            assert kind in STATUSES, kind
