"""The SQL of the one-machine default: what its supervisor asks before it imports the product."""

import psycopg
from psycopg import sql


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


def has_leases(url: str) -> bool:
    """Tell whether a worker holds texts to encode, or held them when it died."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT EXISTS (SELECT FROM public.pending WHERE lease_token IS NOT NULL)"
        ).fetchone()
    return found is not None and bool(found[0])
