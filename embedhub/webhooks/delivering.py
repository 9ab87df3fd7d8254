"""Deliveries at work: lease some, post them outside any transaction, write what came of each.

A worker killed at any moment costs a lease: what it had leased is due again when the lease ends,
so a receiver may get an event twice, always with the same id.
"""

import logging
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from embedhub import db, jobs
from embedhub.config import get_config
from embedhub.errors import NotReady
from embedhub.jobs import Job
from embedhub.sealing import Unreadable, unseal
from embedhub.webhooks.events import Event
from embedhub.webhooks.queries import delivering as queries
from embedhub.webhooks.queries.delivering import Leased
from embedhub.webhooks.sending import Attempt, post
from embedhub.webhooks.signing import headers_of

logger = logging.getLogger(__name__)

PURPOSE = "secrets of webhooks"
AT_ONCE, EACH = 8, 4
# Sweeps and runs of upkeep wait meanwhile.
BUDGET_S = 20.0
RETRY_FACTOR = 4
LONGEST_WAIT_S = 24 * 3_600
UNREADABLE = (
    "its secret cannot be read, because the installation's secret has changed: give it a new one"
)


def deliver_due() -> int:
    """Send what is due for some seconds, and ask for more of it if more is; return how many."""
    deadline = time.monotonic() + BUDGET_S
    n_sent = 0
    while time.monotonic() < deadline:
        n_leased = _deliver_some()
        n_sent += n_leased
        if not n_leased:
            return n_sent
    ring_for_due()
    return n_sent


def ring_for_due() -> None:
    """Wake a worker if a delivery is due that nobody sends."""
    with db.writing() as session:
        if queries.has_due(session):
            jobs.enqueue(session, Job.DELIVER)


def forget_old() -> int:
    """Delete deliveries older than `webhook_days`, in batches; return how many."""
    older_than = timedelta(days=get_config().webhook_days)
    return db.in_batches(
        lambda session, size: queries.delete_old(session, older_than=older_than, limit=size)
    )


def wait_after(attempts: int, base_s: float, retry_after_s: int | None = None) -> float:
    """Return the seconds to wait after so many attempts that failed, at most a day."""
    own = base_s * RETRY_FACTOR ** (attempts - 1)
    return float(min(max(own, retry_after_s or 0), LONGEST_WAIT_S))


def _deliver_some() -> int:
    token = uuid.uuid4()
    # Each of them may wait for the name, the connection and the answer.
    lease_s = 2 * get_config().webhook_s + 30
    with db.writing() as session:
        leased = queries.lease_due(
            session, token=token, lease_s=lease_s, limit=AT_ONCE, per_webhook=EACH
        )
    if leased:
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            for one, attempt in zip(leased, pool.map(_attempt, leased), strict=True):
                _record(one, token, attempt)
    return len(leased)


def _attempt(leased: Leased) -> Attempt:
    body = orjson.dumps(leased.body)
    try:
        secret = unseal(leased.secret, PURPOSE)
    except (Unreadable, NotReady):
        return Attempt(None, "", UNREADABLE, 0)
    headers = headers_of(secret, str(leased.event_id), datetime.now(UTC), body)
    return post(leased.url, headers, body)


def _record(leased: Leased, token: uuid.UUID, attempt: Attempt) -> None:
    config = get_config()
    values: dict[str, Any] = {
        "answer_status": attempt.status,
        "answer": attempt.answer,
        "error": attempt.error,
        "took_ms": attempt.took_ms,
        "status": "delivered",
    }
    is_test = leased.event == Event.TEST
    if attempt.error is not None:
        is_last = is_test or attempt.is_gone or leased.attempts >= config.webhook_attempts
        wait_s = wait_after(leased.attempts, config.webhook_retry_base_s, attempt.retry_after_s)
        values["status"] = "failed" if is_last else "waiting"
        values["next_attempt_at"] = datetime.now(UTC) + timedelta(seconds=wait_s)
    with db.writing() as session:
        if not queries.finish_attempt(session, leased, token=token, values=values):
            return
        if attempt.error is None:
            queries.note_good_answer(session, leased.webhook_id)
        elif not is_test:
            is_paused = queries.note_failure(
                session,
                leased.webhook_id,
                most=config.webhook_failures,
                reason=attempt.error,
                is_gone=attempt.is_gone,
            )
            if is_paused:
                logger.warning(
                    "webhook is no longer tried", extra={"webhook_id": leased.webhook_id}
                )
