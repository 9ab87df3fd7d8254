"""The ledger at work: lease a batch, encode it outside any transaction, store by comparing.

A worker killed at any moment costs a lease, never a row: what it had leased is due again when the
lease ends. Attempts count at the lease, so a text that kills its worker is found by trying ever
smaller batches of the rows that were tried before.
"""

import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from embedhub import db
from embedhub.config import get_config
from embedhub.encoders import Encoder, get_encoder
from embedhub.errors import HubError, InvalidInput, NotReady
from embedhub.spaces.followers import ring_for_followers, ring_for_graphs
from embedhub.spaces.generations import flip_complete, held
from embedhub.spaces.inputs import CHUNK, inputs_of, owners_by_subject, subjects_of
from embedhub.spaces.queries import embeddings, generations, ledger, members
from embedhub.spaces.queries.ledger import Input, LeasedRow

logger = logging.getLogger(__name__)

Work = Callable[[], None]

MAX_REASON_CHARS = 500
# Rows that say why they wait, of those that wait for an encoder nobody has.
EXPLAINED_ROWS = 1_000


@dataclass(slots=True)
class Encoded:
    """What became of a batch: vectors by place, and the reason of each text that failed."""

    vectors: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)


def encode_pending(*, budget_s: float, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Work through the ledger until nothing is due, the budget is spent, or asked to stop.

    Returns the number of rows that were leased.
    """
    deadline = time.monotonic() + budget_s
    total = 0
    with Behind() as behind:
        while not should_stop() and time.monotonic() < deadline:
            leased = 0
            with db.reading() as session:
                keys = ledger.encoders_with_work(session)
            for key in keys:
                leased += encode_batch(key, behind.run)
            if not leased:
                break
            total += leased
    return total


class Behind:
    """Stores a batch in a thread while the next one is encoded; one at a time, none is lost."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._last: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self._raise_failure()

    def run(self, work: Work) -> None:
        """Begin the work when the one before has ended; raises what that one raised."""
        self._raise_failure()
        self._last = self._thread.submit(work)

    def _raise_failure(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            last.result()


def at_once(work: Work) -> None:
    """Do the work here and now."""
    work()


def encode_batch(key: str, then: Callable[[Work], None] = at_once) -> int:
    """Lease and encode one batch of an encoder's fresh rows, and one of rows due again.

    What is left to do, storing them, is handed to `then`. Returns how many rows were leased: none
    if this process cannot have the encoder, which is then noted on the rows.
    """
    try:
        encoder = encoder_of(key)
    except HubError as error:
        logger.warning("encoder not to be had", extra={"encoder": key, "reason": str(error)})
        with db.writing() as session:
            ledger.explain_wait(session, encoder=key, reason=str(error), limit=EXPLAINED_ROWS)
        return 0
    config = get_config()
    fresh, tried = uuid.uuid4(), uuid.uuid4()
    with db.writing() as session:
        rows = ledger.lease_fresh(
            session, encoder=key, limit=config.encode_batch, token=fresh, lease_s=config.lease_s
        )
    _encode_leased(encoder, rows, fresh, then)
    with db.writing() as session:
        again = ledger.lease_tried(
            session,
            encoder=key,
            limit=config.encode_batch,
            max_attempts=config.max_attempts,
            token=tried,
            lease_s=config.lease_s,
        )
    _encode_leased(encoder, again, tried, then)
    return len(rows) + len(again)


def _encode_leased(
    encoder: Encoder, rows: Sequence[LeasedRow], token: uuid.UUID, then: Callable[[Work], None]
) -> None:
    if not rows:
        return
    key = encoder.description.key
    with db.reading() as session:
        inputs = inputs_of(session, rows)
        cached = embeddings.cached_inputs(session, encoder=key, rows=rows)
    # One text an input: copies of it get the same vector.
    texts = {one: written for one, written in inputs.items() if one not in cached}
    encoded = encode_surely(encoder, list(texts.values()))
    places = list(texts)
    vectors = {places[place]: vector for place, vector in encoded.vectors.items()}
    failures = {places[place]: reason for place, reason in encoded.failures.items()}
    done = [row for row in rows if row.input not in failures]
    if done:
        then(lambda: store(key, rows=done, vectors=vectors, token=token))
    for row in rows:
        if row.input in failures:
            _give_back(row, token, reason=failures[row.input])


def encoder_of(key: str) -> Encoder:
    """Return the encoder of a key, name@revision; NotReady if this process has another revision."""
    name, _, revision = key.rpartition("@")
    try:
        encoder = get_encoder(name)
    except InvalidInput as error:
        raise NotReady(f"this worker has no encoder {name!r}: {error}") from error
    if encoder.description.revision != revision:
        raise NotReady(f"this worker has another revision of {name!r}; {revision} is wanted")
    return encoder


def encode_surely(encoder: Encoder, texts: Sequence[str]) -> Encoded:
    """Encode what can be encoded: a failing batch is halved until the bad text stands alone."""
    outcome = Encoded()
    _encode_half(encoder, texts, range(len(texts)), outcome)
    return outcome


def _encode_half(encoder: Encoder, texts: Sequence[str], places: range, outcome: Encoded) -> None:
    if not places:
        return
    try:
        vectors = encoder.encode_documents([texts[place] for place in places])
        if not np.isfinite(vectors).all():
            raise ArithmeticError("the encoder returned a vector that is not finite")  # noqa: TRY301
    # An encoder is foreign code and may raise anything; one bad text must cost itself only.
    except Exception as error:
        if len(places) == 1:
            reason = f"{type(error).__name__}: {error}"
            outcome.failures[places[0]] = reason[:MAX_REASON_CHARS]
            return
        middle = len(places) // 2
        _encode_half(encoder, texts, places[:middle], outcome)
        _encode_half(encoder, texts, places[middle:], outcome)
        return
    outcome.vectors.update(zip(places, vectors, strict=True))


def store(
    key: str,
    *,
    rows: Sequence[LeasedRow],
    vectors: Mapping[Input, NDArray[np.float32]],
    token: uuid.UUID,
) -> None:
    """Store vectors where their text is still the text, settle the rows, flip what is complete.

    The vectors of rows not among `vectors` are in the cache already. Neither a newer text nor a
    deletion that happened since the lease is overwritten.
    """
    db.retry_deadlocks(lambda: _store(key, rows, vectors, token))


def _store(
    key: str,
    rows: Sequence[LeasedRow],
    vectors: Mapping[Input, NDArray[np.float32]],
    token: uuid.UUID,
) -> None:
    with db.writing() as session:
        ledger.lock_spaces(session, [row.space_id for row in rows])
        subjects = subjects_of(session, rows)
        owners = owners_by_subject(rows, subjects)
        chunk_ids = owners.pop(CHUNK, [])
        generations.lock_documents_of(session, chunk_ids)
        for subject, ids in sorted(owners.items()):
            members.hold(session, subject=subject, ids=ids)
        waiting = held(session, generations.waiting_documents(session, chunk_ids=chunk_ids))
        if vectors:
            embeddings.put_in_cache(session, encoder=key, vectors=vectors)
        for space_id, subject in sorted(subjects.items()):
            ids = [row.owner_id for row in rows if row.space_id == space_id]
            if subject == CHUNK:
                embeddings.store_cached(session, space_id=space_id, chunk_ids=ids)
            else:
                members.store_cached(session, subject=subject, space_id=space_id, ids=ids)
        if owners:
            ring_for_followers(session, list(subjects))
        ring_for_graphs(session, list(subjects))
        ledger.settle(session, token=token, rows=rows)
        for spaces, document_ids in waiting:
            flip_complete(session, spaces, document_ids)


def _give_back(row: LeasedRow, token: uuid.UUID, *, reason: str) -> None:
    config = get_config()
    logger.warning(
        "not encoded", extra={"space_id": row.space_id, "owner_id": row.owner_id, "reason": reason}
    )
    with db.writing() as session:
        ledger.put_back(
            session,
            token=token,
            rows=[row],
            error=reason,
            wait_s=config.retry_base_s * 2 ** (row.attempts - 1),
            max_attempts=config.max_attempts,
        )
