"""Brings the domain's schema (Alembic), Django's and the queues up to date: one command."""

import sys

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from embedhub.errors import NotReady
from embedhub.jobs import declare_queues
from embedhub.local.errors import LocalError
from embedhub.local.prepare import migrations_folder


def migrate() -> None:
    """Return when both schemas are at the newest version and the queues exist; safe at any time.

    LocalError when the database is of a later release, or its pgvector one that can lose rows.
    """
    from embedhub.console.staff import migrate_staff_tables
    from embedhub.spaces.doctor import check_pgvector

    config = Config()
    # A % in a path would be read as interpolation.
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise LocalError(f"the database does not fit this release: {error}") from error
    migrate_staff_tables()
    try:
        check_pgvector()
    except NotReady as error:
        raise LocalError(str(error)) from error
    declare_queues()


if __name__ == "__main__":
    try:
        migrate()
    except LocalError as error:
        sys.exit(str(error))
