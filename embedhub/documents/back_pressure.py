"""When no more is taken on: too many imports at once, or more chunks than workers keep up with."""

import time

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.config import get_config
from embedhub.documents.queries import imports as queries
from embedhub.errors import Busy

BACKLOG = "more chunks wait for their vectors than may; send on later"
# How long the length of the backlog is believed: counting it is not free.
BACKLOG_KEPT_S = 5.0
BACKLOG_RETRY_S = 30
_backlog: tuple[float, bool] = (0.0, False)


def refuse_too_many() -> None:
    """Return if another import may begin; raises Busy if `max_imports` store lines just now."""
    with db.reading() as session:
        refuse_one_more(session)


def refuse_one_more(session: Session) -> None:
    """Do the same within a transaction."""
    config = get_config()
    running = queries.count_running(session, alive_s=config.run_heartbeat_s)
    if running >= config.max_imports:
        raise Busy(f"{running} imports are stored already; send again in a while")


def refuse_backlog() -> None:
    """Return if the ledger can take more; raises Busy beyond `max_backlog` waiting chunks."""
    global _backlog  # noqa: PLW0603 - what a process has found out a moment ago
    now = time.monotonic()
    until, is_long = _backlog
    if now >= until:
        with db.reading() as session:
            is_long = queries.has_backlog(session, rows=get_config().max_backlog)
        _backlog = (now + BACKLOG_KEPT_S, is_long)
    if is_long:
        raise Busy(BACKLOG, BACKLOG_RETRY_S)
