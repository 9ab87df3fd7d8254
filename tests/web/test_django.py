"""Django's part: its own connection, its own pages, and nothing of either in API requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from embedhub import settings
from embedhub.access.caller import Caller
from tests.factories import make_collection
from tests.web.conftest import ApiClient


@contextmanager
def no_django_query() -> Iterator[None]:
    """Fail if Django's connection is used."""

    def refuse(*_: Any) -> None:
        pytest.fail("an API request used Django's connection")

    with connections["default"].execute_wrapper(refuse):
        yield


def test_api_requests_use_no_connection_of_django(api: ApiClient, caller: Caller) -> None:
    make_collection(caller)
    connections["default"].close()
    with no_django_query():
        body = {"documents": [{"external_id": "1", "text": "x"}]}
        assert api.post("/collections/papers/documents", body).status_code == 200
        assert api.get("/collections").status_code == 200
        assert api.get("/collections/none").status_code == 404
        assert ApiClient("eh_wrong").get("/collections").status_code == 401
        assert ApiClient(None).get("/health/ready").status_code in {200, 503}
    assert connections["default"].connection is None


def test_the_guard_notices_a_page_that_does(clean: str) -> None:
    with no_django_query(), pytest.raises(pytest.fail.Exception):
        Client(SERVER_NAME="localhost").post(
            "/admin/login/", {"username": "ada", "password": "wrong"}
        )


def test_an_api_answer_sets_no_cookie_and_is_not_cached(api: ApiClient) -> None:
    response = api.get("/collections")
    assert not response.cookies
    assert response["Cache-Control"] == "no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "Vary" not in response


def test_pages_may_load_nothing_from_elsewhere_and_stand_in_no_frame(clean: str) -> None:
    for path in ("/admin/login/", "/v1/docs"):
        response = Client(SERVER_NAME="localhost").get(path)
        assert response.status_code == 200
        assert response["X-Frame-Options"] == "DENY"
        assert "default-src 'self'" in response["Content-Security-Policy"]
        assert b"https://cdn" not in response.content
        assert b"//unpkg" not in response.content


@pytest.mark.parametrize(
    "path",
    [
        "/static/ninja/swagger-ui-bundle.js",
        "/static/ninja/swagger-ui.css",
        "/static/ninja/swagger-ui-init.js",
        "/static/unfold/css/styles.css",
        "/static/admin/js/core.js",
    ],
)
def test_scripts_and_styles_come_from_the_installed_apps(clean: str, path: str) -> None:
    response = Client(SERVER_NAME="localhost").get(path)
    assert response.status_code == 200
    assert b"".join(response)


def test_the_docs_page_loads_only_what_is_served_here(clean: str) -> None:
    client = Client(SERVER_NAME="localhost")
    page = client.get("/v1/docs").content.decode()
    sources = [part.split('"')[0] for part in page.split('src="')[1:] + page.split('href="')[1:]]
    assert sources
    for source in sources:
        assert source.startswith("/static/"), source
        assert client.get(source).status_code == 200, source


def test_djangos_tables_are_in_their_own_schema(clean: str) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT schemaname FROM pg_tables WHERE tablename ~ '^(auth|django)_'")
        assert {row[0] for row in cursor.fetchall()} == {"django"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://postgres@/embedhub?host=/run/a%20b/socket&port=5433",
            {"HOST": "/run/a b/socket", "PORT": "5433", "USER": "postgres", "NAME": "embedhub"},
        ),
        (
            "postgresql://ada:p%40ss@db.example:6000/hub?sslmode=require",
            {"HOST": "db.example", "PORT": "6000", "PASSWORD": "p@ss", "NAME": "hub"},
        ),
        ("postgresql+psycopg://ada@db/hub", {"HOST": "db", "USER": "ada", "PORT": ""}),
    ],
)
def test_djangos_connection_is_read_from_the_one_url(url: str, expected: dict[str, str]) -> None:
    database = settings.database(url)
    assert {name: database[name] for name in expected} == expected
    assert "search_path=django,public" in database["OPTIONS"]["options"]
    assert database["OPTIONS"].get("sslmode") == ("require" if "sslmode" in url else None)
