"""The SQL of the one-machine default: about databases and versions, before any table exists."""

import psycopg
from psycopg import sql

from embedhub.local.errors import LocalError


def database_exists(url: str, name: str) -> bool:
    """Tell whether the server behind `url` has a database of this name."""
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        return found.fetchone() is not None


def create_database(url: str, name: str) -> None:
    """Create a database on the server behind `url`."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def install_vector(url: str) -> None:
    """Install pgvector in a database, or bring it to the version the server ships."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        connection.execute("ALTER EXTENSION vector UPDATE")


def vector_version(url: str) -> str:
    """Return the version of pgvector installed in a database, such as 0.8.5."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
        ).fetchone()
    if row is None:
        raise LocalError("the extension vector is not installed in this database")
    return str(row[0])


def schema_versions(url: str) -> list[str]:
    """Return what identifies the state of both schemas, empty when one of them is not there yet."""
    with psycopg.connect(url) as connection:
        there = connection.execute(
            "SELECT to_regclass('public.alembic_version') IS NOT NULL"
            " AND to_regclass('django.django_migrations') IS NOT NULL"
        ).fetchone()
        if there is None or not there[0]:
            return []
        alembic = connection.execute("SELECT version_num FROM public.alembic_version").fetchall()
        django = connection.execute(
            "SELECT app || '.' || name FROM django.django_migrations ORDER BY id"
        ).fetchall()
    return [str(row[0]) for row in (*alembic, *django)]
