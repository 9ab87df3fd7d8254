"""What the edge keeps for a while, forgotten in time: for the workers, which know no Django."""

from datetime import timedelta

from embedhub import db
from embedhub.config import get_config
from embedhub.web import queries

FORGOTTEN_AT_ONCE = 5_000


def forget_old_answers() -> int:
    """Delete what was kept for longer than `idempotency_hours`, in batches; return how many."""
    older_than = timedelta(hours=get_config().idempotency_hours)
    n_deleted = 0
    while True:
        with db.writing() as session:
            n = queries.delete_old_records(session, older_than=older_than, limit=FORGOTTEN_AT_ONCE)
        n_deleted += n
        if n < FORGOTTEN_AT_ONCE:
            return n_deleted
