"""Alembic's entry: one advisory lock, one transaction a migration, and a short wait for locks."""

from alembic import context
from sqlalchemy import Connection, NullPool, create_engine, make_url, text

from embedhub.config import get_config
from embedhub.tables import Base

# Any number will do as long as every migrating process takes the same.
MIGRATION_LOCK = 0x656D6265


def migrate(connection: Connection) -> None:
    """Run the asked-for migrations while nobody else does."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_server_default=False,
    )
    with context.begin_transaction():
        connection.execute(text("SET lock_timeout = '5s'"))
        context.run_migrations()


def run() -> None:
    """Connect and migrate; a caller's own connection is used when it gives one."""
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        migrate(given)
        return
    url = make_url(get_config().session_url).set(drivername="postgresql+psycopg")
    # No pool: closing the connection is what gives the lock back.
    with create_engine(url, poolclass=NullPool).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        migrate(connection)


run()
