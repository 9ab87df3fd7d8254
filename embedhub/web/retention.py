"""What the edge keeps for a while, forgotten in time: for the workers, which know no Django."""

from datetime import timedelta

from embedhub import db
from embedhub.config import get_config
from embedhub.web import queries


def forget_old_answers() -> int:
    """Delete what was kept for longer than `idempotency_hours`, in batches; return how many."""
    older_than = timedelta(hours=get_config().idempotency_hours)
    return db.in_batches(
        lambda session, size: queries.delete_old_records(session, older_than=older_than, limit=size)
    )
