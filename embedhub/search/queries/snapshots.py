"""The SQL that lets a second connection see what the first one sees."""

import re

from sqlalchemy import text
from sqlalchemy.orm import Session

SNAPSHOT = re.compile(r"[0-9A-F-]+")


def export_snapshot(session: Session) -> str:
    """Return the name of this transaction's snapshot, good for as long as it is open."""
    return str(session.execute(text("SELECT pg_export_snapshot()")).scalar_one())


def import_snapshot(session: Session, snapshot: str) -> None:
    """See the database as that snapshot does; only before the transaction's first query."""
    if not SNAPSHOT.fullmatch(snapshot):
        raise ValueError(snapshot)
    # A utility statement: it takes no parameters.
    session.execute(text(f"SET TRANSACTION SNAPSHOT '{snapshot}'"))
