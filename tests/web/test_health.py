import pytest

from embedhub import __version__, db
from embedhub.config import get_config, override_config
from embedhub.encoders import get_encoder, registry
from embedhub.web import health, queries
from tests.web.conftest import ApiClient


@pytest.fixture
def probe(clean: str) -> ApiClient:
    return ApiClient(None)


def test_live_asks_nothing_but_the_process(
    probe: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "reading", lambda: pytest.fail("asked the database"))
    answer = probe.get("/health/live")
    assert answer.status_code == 200
    assert answer.json() == {"status": "live", "version": __version__}


def test_ready_needs_database_migrations_and_encoder(
    probe: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_encoder(get_config().default_encoder)
    ready = probe.get("/health/ready")
    assert ready.status_code == 200, ready.content
    assert set(ready.json()["parts"]) == {"database", "migrations", "encoder"}
    monkeypatch.setattr(health, "newest_migration", lambda: "9999")
    behind = probe.get("/health/ready")
    assert behind.status_code == 503
    assert behind["Retry-After"]
    parts = behind.json()["parts"]
    assert parts["migrations"]["ok"] is False
    assert "9999" in parts["migrations"]["reason"]
    assert parts["database"]["ok"] is True


def test_ready_waits_for_the_encoder(probe: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "is_loaded", lambda _: False)
    answer = probe.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["parts"]["encoder"]["ok"] is False


def test_ready_waits_for_an_encoder_that_is_still_compiled(
    probe: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = get_encoder(get_config().default_encoder)
    seen: list[int] = []

    def compile_first(_: str) -> None:
        seen.append(probe.get("/health/ready").status_code)

    monkeypatch.setattr(type(encoder), "encode_query", lambda _, text: compile_first(text))
    health.warm_up().join()
    assert seen == [503]
    assert probe.get("/health/ready").status_code == 200


def test_the_newest_migration_is_the_one_the_database_is_at(probe: ApiClient) -> None:
    with db.reading() as session:
        assert queries.schema_version(session) == health.newest_migration()
    assert health.newest_migration() is not None


def test_without_a_database_nothing_hangs_and_everything_says_so(
    probe: ApiClient, database: str
) -> None:
    before = get_config().database_url
    override_config(database_url="postgresql://nobody@127.0.0.1:9/none")
    db.dispose()
    try:
        ready = probe.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["parts"]["database"]["ok"] is False
        assert probe.get("/health/live").status_code == 200
        probe.headers = {"Authorization": "Bearer eh_some_key"}
        asked = probe.get("/collections")
        assert asked.status_code == 503
        assert asked.json()["code"] == "not_ready"
        assert int(asked["Retry-After"]) >= 1
        assert "127.0.0.1" not in asked.content.decode()
    finally:
        override_config(database_url=before)
        db.dispose()
