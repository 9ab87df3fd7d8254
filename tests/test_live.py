"""A server of the tests leaves nothing behind."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
from sqlalchemy import text

from embedhub import db
from tests.live import live_server

COUNT = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
# Looked up in the database.
SESSION = {"Cookie": "sessionid=of-nobody-here"}


def n_connections() -> int:
    with db.reading() as session:
        return int(session.execute(text(COUNT)).scalar_one())


def test_a_server_that_has_ended_keeps_no_connection(clean: str) -> None:
    before = n_connections()
    with live_server() as url, ThreadPoolExecutor(8) as pool:
        page = partial(httpx.get, f"{url}/admin/login/", headers=SESSION, trust_env=False)
        assert {one.result().status_code for one in [pool.submit(page) for _ in range(16)]} == {200}
        assert n_connections() > before
    assert n_connections() <= before
