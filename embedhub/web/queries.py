"""The SQL of the web edge: the schema's version and the memory of repeated requests."""

from sqlalchemy import text
from sqlalchemy.orm import Session


def schema_version(session: Session) -> str | None:
    """Return the migration the database is at; None if it was never migrated."""
    if session.scalar(text("SELECT to_regclass('public.alembic_version')")) is None:
        return None
    version: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return version
