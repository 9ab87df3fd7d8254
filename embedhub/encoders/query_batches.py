"""Queries that wait at the same moment, encoded together: half the work a query under load."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock

import numpy as np
from numpy.typing import NDArray

EncodeAll = Callable[[Sequence[str]], NDArray[np.float32]]

# The last of a batch waits for all of it.
MAX_BATCH = 16


@dataclass(slots=True)
class _Ticket:
    """One waiting query: woken with its vector or its error, or with a batch to encode first."""

    text: str
    woken: Event = field(default_factory=Event)
    batch: Sequence["_Ticket"] = ()
    vector: NDArray[np.float32] | None = None
    error: Exception | None = None


class QueryBatcher:
    """Encodes queries for several threads, at most `at_once` batches at the same time.

    While fewer are under way a query is encoded at once and alone. Those that come meanwhile wait;
    when a batch ends, one of them encodes itself and the others with it. A query that fails does
    not fail those beside it.
    """

    def __init__(self, encode_all: EncodeAll, at_once: int) -> None:
        self._encode_all = encode_all
        self._n_free = at_once
        self._lock = Lock()
        self._waiting: list[_Ticket] = []

    def encode(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a query; raises what the encoder raises on this query."""
        ticket = _Ticket(text)
        with self._lock:
            if self._n_free:
                self._n_free -= 1
                ticket.batch = [ticket]
            else:
                self._waiting.append(ticket)
        if not ticket.batch:
            ticket.woken.wait()
        if ticket.batch:
            self._encode(ticket.batch)
        if ticket.error is not None:
            raise ticket.error
        if ticket.vector is None:
            raise RuntimeError("the thread that was to encode this query has ended")
        return ticket.vector

    def _encode(self, batch: Sequence[_Ticket]) -> None:
        """Encode a batch, have the next one encoded by the first that waits, and wake this one."""
        try:
            self._fill(batch)
        finally:
            with self._lock:
                following = self._waiting[:MAX_BATCH]
                del self._waiting[:MAX_BATCH]
                if following:
                    following[0].batch = following
                else:
                    self._n_free += 1
            for ticket in (*following[:1], *batch):
                ticket.woken.set()

    def _fill(self, batch: Sequence[_Ticket]) -> None:
        texts = list(dict.fromkeys(ticket.text for ticket in batch))
        try:
            vectors = dict(zip(texts, self._encode_all(texts), strict=True))
        # Encoders raise anything; it belongs to whoever asked, not to this thread.
        except Exception as error:
            if len(texts) == 1:
                for ticket in batch:
                    ticket.error = error
            else:
                for text in texts:
                    self._fill([ticket for ticket in batch if ticket.text == text])
            return
        for ticket in batch:
            ticket.vector = vectors[ticket.text]
