"""The queue's client reaches the same database as everybody else, however its URL is written."""

import pytest
from pgmq.base import PGMQConfig
from psycopg.conninfo import conninfo_to_dict

from embedhub.jobs import pgmq_conninfo


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres@/embedhub?host=/home/me/my%20hub/socket&port=5432",
        "postgresql://u:p%40ss%20w%27rd@db.example.org:6432/hub?sslmode=require&application_name=a%20b",
        "postgresql://u:p@127.0.0.1:5432/hub",
        "postgresql://u@db.example.org:5432/hub?sslmode=verify-full&sslrootcert=/etc/my%20ca.pem",
    ],
)
def test_pgmq_connects_where_the_url_says(url: str) -> None:
    wanted = conninfo_to_dict(url)
    found = conninfo_to_dict(PGMQConfig(conn_string=pgmq_conninfo(url)).dsn)
    if "password" not in wanted:
        # The client fills in a password of its own; a server that asks for none ignores it.
        found.pop("password", None)
    assert found == wanted
