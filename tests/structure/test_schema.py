"""Tables and migrations describe the same schema, and every migration can be taken back."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import create_engine, make_url, text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import override_config
from tests.factories import encode_everything, make_collection, send_texts

PROJECT = Path(__file__).parent.parent.parent
ALEMBIC = AlembicConfig(toml_file=PROJECT / "pyproject.toml")


def test_the_migrations_make_exactly_the_tables(database: str) -> None:
    command.check(ALEMBIC)


def test_partitions_and_django_stay_out_of_the_domains_schema(database: str) -> None:
    with db.reading() as session:
        names = session.execute(
            text("SELECT schemaname || '.' || tablename FROM pg_tables ORDER BY 1")
        ).scalars()
        tables = set(names)
    assert {"vectors.embeddings_0", "vectors.sparse_embeddings_0"} <= tables
    assert "django.auth_user" in tables
    assert not {name for name in tables if name.startswith(("public.django_", "public.auth_"))}


def test_the_history_runs_back_and_forth_over_rows(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["some", "rows"])
    encode_everything()
    try:
        command.downgrade(ALEMBIC, "base")
        with db.reading() as session:
            left = session.execute(
                text("SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'vectors')")
            ).scalars()
            assert set(left) <= {"alembic_version"}
    finally:
        command.upgrade(ALEMBIC, "head")
    command.check(ALEMBIC)


def test_the_release_before_finds_no_run_that_it_does_not_know(caller: Caller) -> None:
    """What such a run was still to do is done."""
    outdated = text(
        "SELECT count(*) FROM embeddings e JOIN documents d ON d.id = e.document_id"
        " WHERE e.access IS DISTINCT FROM d.access OR e.attributes <> d.attributes"
    )
    override_config(relabelled_rows=1)
    try:
        make_collection(caller, filterable={"year": "number"})
        send_texts(caller, ["some", "rows"])
        encode_everything()
        send_texts(caller, ["some", "rows"], metadata={"year": 1}, access=["staff"])
        with db.reading() as session:
            assert session.execute(outdated).scalar_one() == 2
        command.downgrade(ALEMBIC, "0004")
        with db.reading() as session:
            assert session.execute(text("SELECT count(*) FROM runs")).scalar_one() == 0
            assert session.execute(outdated).scalar_one() == 0
    finally:
        override_config(relabelled_rows=1_000)
        command.upgrade(ALEMBIC, "head")


def test_two_migrating_processes_wait_for_each_other(server_url: str) -> None:
    """The second finds the work done; neither fails."""
    import os
    import subprocess
    import sys

    admin = create_engine(
        make_url(server_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE twice"))
    url = make_url(server_url).set(database="twice").render_as_string(hide_password=False)
    try:
        both = [
            subprocess.Popen(
                [sys.executable, "-m", "alembic", "upgrade", "head"],
                cwd=PROJECT,
                env={**os.environ, "EMBEDHUB_DATABASE_URL": url},
                stderr=subprocess.PIPE,
            )
            for _ in range(2)
        ]
        for process in both:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors.decode()
    finally:
        with admin.connect() as connection:
            connection.execute(text("DROP DATABASE twice"))
        admin.dispose()


@pytest.mark.parametrize("table", ["embeddings", "sparse_embeddings"])
def test_every_statement_on_vectors_reads_one_partition(caller: Caller, table: str) -> None:
    """With shelf and space named, the planner never looks at another shelf."""
    with db.autocommit() as connection:
        connection.execute(
            text(f"CREATE TABLE vectors.{table}_900001 PARTITION OF {table} FOR VALUES IN (900001)")
        )
    try:
        with db.reading() as session:
            plan = session.execute(
                text(
                    f"EXPLAIN DELETE FROM {table} WHERE shelf_id = :shelf AND space_id = :space"
                    " AND owner_id = ANY(:ids)"
                ),
                {"shelf": 0, "space": 1, "ids": [1, 2, 3]},
            ).scalars()
            text_of_plan = "\n".join(plan)
        assert f"{table}_0" in text_of_plan
        assert "900001" not in text_of_plan
    finally:
        with db.autocommit() as connection:
            connection.execute(text(f"DROP TABLE vectors.{table}_900001"))
