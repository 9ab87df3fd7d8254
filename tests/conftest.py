"""One real Postgres a test process; every database test begins with empty tables."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, text

# Before anything reads the settings: tests never touch a developer's own database or home.
os.environ["EMBEDHUB_HOME"] = tempfile.mkdtemp(prefix="embedhub-tests-")
os.environ["EMBEDHUB_SECRET_KEY"] = "only for tests"
os.environ["EMBEDHUB_DEFAULT_ENCODER"] = "hashing-64"
# Tests write counts of filters when they look at them, and no thread does beside a truncation.
os.environ["EMBEDHUB_USAGE_FLUSH_S"] = "86400"
os.environ["DJANGO_SETTINGS_MODULE"] = "embedhub.settings"

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.access.service import create_workspace
from embedhub.config import override_config
from embedhub.local.postgres import embedded_postgres
from embedhub.search.observed import observer
from embedhub.search.search_log import writer
from embedhub.tables import Base

PROJECT = Path(__file__).parent.parent
LARGE_BYTES = 256 * 1024


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An embedded Postgres with an empty database."""
    with embedded_postgres(tmp_path_factory.mktemp("postgres"), durable=False) as url:
        yield url


@pytest.fixture(scope="session")
def database(server_url: str) -> Iterator[str]:
    """A database at the head of both histories; this process is connected to it."""
    override_config(database_url=server_url)
    db.dispose()
    command.upgrade(AlembicConfig(toml_file=PROJECT / "pyproject.toml"), "head")
    _migrate_django(server_url)
    yield server_url
    # What tests of searches left behind is not worth a warning at the end of the process.
    observer.flush()
    writer.flush()
    db.dispose()


def _migrate_django(url: str) -> None:
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    # The usual one is slow on purpose, and not what these tests are about.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    from embedhub.settings import database as django_database

    # A test module may have made Django read its settings before the server's URL was known.
    connections.settings["default"].update(django_database(url))
    call_command("migrate", verbosity=0)


@pytest.fixture
def clean(database: str) -> str:
    """The database without a row in the domain's tables and without shelves of past tests."""
    with db.engine().begin() as connection:
        _empty_tables(connection)
        shelves = connection.execute(
            text(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname = 'vectors' AND tablename !~ '_0$'"
            )
        ).scalars()
        for shelf in shelves.all():
            connection.execute(text(f"DROP TABLE {shelf}"))
    return database


def _empty_tables(connection: Connection) -> None:
    """Delete what the test before left, which is ten times quicker than to truncate every table.

    What left much behind has all truncated: the dead rows of many tests would slow the next ones.
    """
    tables = [table.name for table in Base.metadata.sorted_tables]
    found = " UNION ALL ".join(
        f"SELECT '{table}', relkind = 'p', pg_table_size('{table}') > {LARGE_BYTES}"
        f" FROM pg_class WHERE oid = '{table}'::regclass AND EXISTS (SELECT FROM {table})"
        for table in tables
    )
    written = connection.execute(text(found)).all()
    # Dead rows would stay in the indexes of vectors, and be met by every search.
    truncated = [table for table, is_partitioned, _ in written if is_partitioned]
    if any(is_large for _, _, is_large in written):
        truncated = tables
    if truncated:
        connection.execute(text(f"TRUNCATE {', '.join(truncated)}"))
    # No foreign key needs to be looked after where every row goes.
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    for table, _, _ in written:
        connection.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def caller(clean: str) -> Caller:
    """Somebody with every right in a fresh workspace."""
    return Caller.for_workspace(create_workspace("ours", "Ours"))


@pytest.fixture
def stranger(clean: str) -> Caller:
    """Somebody with every right in another workspace."""
    return Caller.for_workspace(create_workspace("theirs", "Theirs"))


@pytest.fixture(autouse=True)
def sent_jobs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[jobs.Job, dict[str, object]]]:
    """The jobs asked for, in order, recorded instead of sent."""
    sent: list[tuple[jobs.Job, dict[str, object]]] = []
    monkeypatch.setattr(jobs, "send", lambda job, **arguments: sent.append((job, arguments)))
    return sent
