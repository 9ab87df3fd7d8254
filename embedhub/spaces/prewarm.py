"""Reading indexes into memory after Postgres has started: else the first searches wait for disk."""

import logging
import time

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from embedhub import db, jobs
from embedhub.config import get_config
from embedhub.jobs import Job
from embedhub.spaces.queries import prewarm as queries
from embedhub.spaces.queries import server
from embedhub.tables import Space

logger = logging.getLogger(__name__)

# Without the extension an index is read by searching it: for so many of its own vectors, so long.
PROBES, PROBE_LIMIT, SECONDS_PER_INDEX = 300, 100, 20.0

# The start of the server whose indexes this process has seen to.
_warmed_for: int | None = None


def prewarm_after_start() -> bool:
    """Ask for the indexes to be read in if the server has started since; return whether it has."""
    global _warmed_for  # noqa: PLW0603 - what this process knows of the server
    if not get_config().prewarm:
        return False
    with db.reading() as session:
        started_at = server.started_at(session)
    if started_at == _warmed_for:
        return False
    _warmed_for = started_at
    jobs.send(Job.PREWARM)
    return True


def prewarm_indexes() -> list[str]:
    """Read vector indexes into memory, those searched last first, as far as it goes; return them.

    By the extension pg_prewarm where it can be had, else by searching for some of their vectors.
    """
    has_extension = _install_extension()
    with db.reading() as session:
        room = server.server_facts(session).shared_buffers_bytes
        spaces = queries.indexed_spaces(session)
    warmed = []
    for space in spaces:
        index = f"embeddings_{space.shelf_id}_hnsw"
        with db.reading() as session:
            n_bytes = queries.index_bytes(session, index)
            if not n_bytes or n_bytes > room:
                continue
            if has_extension:
                queries.prewarm(session, index)
            else:
                _probe(session, space)
        room -= n_bytes
        warmed.append(index)
    logger.info("indexes read in", extra={"n": len(warmed), "by_extension": has_extension})
    return warmed


def _probe(session: Session, space: Space) -> None:
    deadline = time.monotonic() + SECONDS_PER_INDEX
    for vector in queries.some_vectors(session, space, n=PROBES):
        if time.monotonic() > deadline:
            return
        queries.probe(session, space, vector, limit=PROBE_LIMIT)


def _install_extension() -> bool:
    with db.reading() as session:
        state = queries.extension_state(session)
    if state != "available":
        return state == "installed"
    try:
        with db.autocommit() as connection:
            queries.create_extension(connection)
    except DBAPIError:
        # Only a superuser may; then it is done without.
        return False
    return True
