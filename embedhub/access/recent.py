"""Keys seen a moment ago, so that a busy client does not cost a query a request.

Also where the last use of a key is noted: at most once a minute and key, on a thread of its own,
in a short transaction that no request waits for.
"""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock

from sqlalchemy.exc import SQLAlchemyError

from embedhub import db
from embedhub.access import queries
from embedhub.access.caller import Caller

logger = logging.getLogger(__name__)

# How long a key is believed unasked, and so the longest a revoked one may still work.
KEPT_S = 3.0
MAX_KEPT = 10_000
NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """A caller and the moment, on the monotonic clock, until which it is believed."""

    caller: Caller
    until: float


_lock = Lock()
_seen: dict[bytes, Seen] = {}
_noted: dict[int, float] = {}
_notes = ThreadPoolExecutor(max_workers=1, thread_name_prefix="key-last-used")


def find(secret_hash: bytes) -> Caller | None:
    """Return the caller of a key seen less than `KEPT_S` seconds ago."""
    seen = _seen.get(secret_hash)
    return seen.caller if seen and time.monotonic() < seen.until else None


def remember(secret_hash: bytes, caller: Caller, *, until: datetime | None) -> None:
    """Believe this key for `KEPT_S` seconds, or until it expires if that is sooner."""
    kept_s = KEPT_S
    if until is not None:
        kept_s = min(kept_s, (until - datetime.now(UTC)).total_seconds())
    with _lock:
        if len(_seen) >= MAX_KEPT:
            _seen.clear()
        _seen[secret_hash] = Seen(caller, time.monotonic() + kept_s)


def forget(key_id: int) -> None:
    """Stop believing a key in this process."""
    with _lock:
        for secret_hash in [h for h, seen in _seen.items() if seen.caller.key_id == key_id]:
            del _seen[secret_hash]


def forget_all() -> None:
    """Stop believing every key in this process, and note each key's next use again."""
    with _lock:
        _seen.clear()
        _noted.clear()


def note_use(caller: Caller) -> None:
    """Have the key's last use written soon, unless that was done within the last minute."""
    if caller.key_id is None:
        return
    now = time.monotonic()
    with _lock:
        noted = _noted.get(caller.key_id)
        if noted is not None and now - noted < NOTED_EVERY.total_seconds():
            return
        if len(_noted) >= MAX_KEPT:
            _noted.clear()
        _noted[caller.key_id] = now
    _notes.submit(_write_use, caller.key_id, datetime.now(UTC))


def _write_use(key_id: int, at: datetime) -> None:
    try:
        with db.writing() as session:
            queries.note_key_use(session, key_id=key_id, at=at, every=NOTED_EVERY)
    except SQLAlchemyError:
        # Nobody waits for this, and the next minute's use is noted again.
        logger.warning("last use of a key not noted", extra={"key_id": key_id}, exc_info=True)
