"""What searches leave behind for advice and for checks of the index, without making them wait.

Counted in memory and written every few seconds in a short transaction of its own, by a thread of
its own. What cannot be written is dropped: it is a sample, no promise.
"""

import atexit
import json
import logging
import random
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from embedhub import db
from embedhub.config import Config, get_config
from embedhub.search.filter_kinds import used_kinds
from embedhub.search.queries import filter_usage as usage_queries
from embedhub.search.queries import recall as recall_queries
from embedhub.search.queries.filter_usage import Use
from embedhub.search.question import Question
from embedhub.search.request import SearchResult

logger = logging.getLogger(__name__)

# Distinct (collection, field, kind) counted between two writes; what comes on top is not counted.
MAX_USES = 20_000
# Collections of which one search each is kept between two writes.
MAX_ASKED = 200
# How long the end of the process may be held up.
CLOSE_S = 2.0
# A longer filter is not kept to check with.
MAX_FILTER_CHARS = 4_000


@dataclass(slots=True)
class Counted:
    """Searches of one use of a filter, and the time of their legs."""

    n_searches: int = 0
    took_ms: float = 0.0


class Observer:
    """Takes note of searches; `flush` writes what was noted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses: dict[Use, Counted] = {}
        self._fields: dict[int, set[str]] = {}
        self._asked: dict[int, dict[str, Any]] = {}
        self._n_asked: dict[int, int] = {}
        self._thread: threading.Thread | None = None
        self._hurry = threading.Event()
        self._ended = threading.Event()

    def note(self, question: Question, result: SearchResult) -> None:
        """Count the filters of an answered search and, by chance, keep what it asked."""
        config = get_config()
        kinds = used_kinds(question.request.filter)
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        took_ms = result.took.dense + result.took.lexical
        with self._lock:
            for field, kind in kinds:
                use = Use(question.workspace_id, question.collection_id, field, kind.value, hour)
                self._count(use, took_ms, config.max_usage_fields)
            self._keep(question, config)
        if kinds or self._asked:
            self._start()

    def flush(self) -> None:
        """Write what was noted so far; what the database refuses is dropped with a warning."""
        with self._lock:
            uses, self._uses, self._fields = self._uses, {}, {}
            asked, self._asked, self._n_asked = self._asked, {}, {}
        config = get_config()
        try:
            if uses:
                counts = {use: (one.n_searches, one.took_ms) for use, one in uses.items()}
                with db.writing() as session:
                    usage_queries.add_uses(session, counts, max_fields=config.max_usage_fields)
            if asked:
                with db.writing() as session:
                    recall_queries.insert_asked(session, rows=asked, keep=config.recall_asked)
        # Whatever is raised while the database goes away or the process ends: the thread has to
        # live on, and counting is no promise.
        except Exception:
            logger.warning("uses of filters not written", exc_info=True)

    def _count(self, use: Use, took_ms: float, max_fields: int) -> None:
        counted = self._uses.get(use)
        if counted is None:
            # Names come from callers: garbage must neither fill the memory nor the table.
            fields = self._fields.setdefault(use.workspace_id, set())
            is_known = use.field in fields
            if len(self._uses) >= MAX_USES or (not is_known and len(fields) >= max_fields):
                return
            fields.add(use.field)
            counted = self._uses[use] = Counted()
        counted.n_searches += 1
        counted.took_ms += took_ms

    def _keep(self, question: Question, config: Config) -> None:
        if question.vector is None or not (
            config.recall_s and config.recall_asked and config.search_log_days
        ):
            return
        collection_id = question.collection_id
        if collection_id not in self._asked and len(self._asked) >= MAX_ASKED:
            return
        n_asked = self._n_asked[collection_id] = self._n_asked.get(collection_id, 0) + 1
        # Each of them is as likely to be the one that is kept.
        if random.random() * n_asked >= 1:  # noqa: S311 - a sample, no secret
            return
        raw = dict(question.request.filter or {})
        if len(json.dumps(raw, default=dict)) <= MAX_FILTER_CHARS:
            self._asked[collection_id] = {
                "vector": question.vector,
                "filter": raw,
                "principals": None if question.principals is None else list(question.principals),
            }

    def _start(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Write what was noted, for the end of the process, which this holds up but briefly."""
        if self._thread is not None and self._thread.is_alive():
            self._hurry.set()
            self._ended.wait(CLOSE_S)

    def _run(self) -> None:
        while not self._hurry.wait(get_config().usage_flush_s):
            self.flush()
        self.flush()
        self._ended.set()


observer = Observer()
atexit.register(observer.close)
