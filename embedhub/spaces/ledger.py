"""The ledger at work: lease a batch, encode it outside any transaction, store by comparing.

A worker killed at any moment costs a lease, never a row: what it had leased is due again when the
lease ends. Attempts count at the lease, so a text that kills its worker is found by trying ever
smaller batches of the rows that were tried before.
"""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from embedhub import db
from embedhub.config import get_config
from embedhub.documents.chunking import encoder_input
from embedhub.encoders import Encoder, get_encoder
from embedhub.errors import HubError, InvalidInput, NotReady
from embedhub.spaces.generations import flip_complete, held
from embedhub.spaces.queries import generations, ledger
from embedhub.spaces.queries.ledger import LeasedRow

logger = logging.getLogger(__name__)

MAX_REASON_CHARS = 500


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
    while not should_stop() and time.monotonic() < deadline:
        leased = 0
        with db.reading() as session:
            keys = ledger.encoders_with_work(session)
        for key in keys:
            leased += encode_batch(key)
        if not leased:
            break
        total += leased
    return total


def encode_batch(key: str) -> int:
    """Lease, encode and store one batch of an encoder's fresh rows, and one of rows due again.

    Returns how many rows were leased.
    """
    config = get_config()
    fresh, tried = uuid.uuid4(), uuid.uuid4()
    with db.writing() as session:
        rows = ledger.lease_fresh(
            session, encoder=key, limit=config.encode_batch, token=fresh, lease_s=config.lease_s
        )
    _encode_leased(key, rows, fresh)
    with db.writing() as session:
        again = ledger.lease_tried(
            session,
            encoder=key,
            limit=config.encode_batch,
            max_attempts=config.max_attempts,
            token=tried,
            lease_s=config.lease_s,
        )
    _encode_leased(key, again, tried)
    return len(rows) + len(again)


def _encode_leased(key: str, rows: Sequence[LeasedRow], token: uuid.UUID) -> None:
    if not rows:
        return
    with db.reading() as session:
        inputs = ledger.chunk_inputs(session, [row.owner_id for row in rows])
    gone = [row for row in rows if row.owner_id not in inputs]
    there = [row for row in rows if row.owner_id in inputs]
    texts = [
        encoder_input(i.title, i.heading_path, i.text)
        for i in (inputs[row.owner_id] for row in there)
    ]
    try:
        encoder = encoder_of(key)
    except HubError as error:
        _give_back(there, token, reason=str(error), forgive=True)
        return
    encoded = encode_surely(encoder, texts)
    stored = [there[place] for place in encoded.vectors]
    if stored or gone:
        vectors = np.array(list(encoded.vectors.values()), dtype=np.float32)
        store(key, rows=stored, vectors=vectors, gone=gone, token=token)
    for place, reason in encoded.failures.items():
        _give_back([there[place]], token, reason=reason, forgive=False)


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
    vectors: NDArray[np.float32],
    gone: Sequence[LeasedRow],
    token: uuid.UUID,
) -> None:
    """Store vectors where their text is still the text, settle the rows, flip what is complete.

    `gone` are leased rows whose owner no longer exists. Neither a newer text nor a deletion that
    happened since the lease is overwritten.
    """
    chunk_ids = [row.owner_id for row in rows]
    with db.writing() as session:
        ledger.lock_spaces(session, [row.space_id for row in rows])
        waiting = held(session, generations.waiting_documents(session, chunk_ids=chunk_ids))
        if rows:
            ledger.put_in_cache(session, encoder=key, rows=rows, vectors=vectors)
        for space_id in sorted({row.space_id for row in rows}):
            owners = [row.owner_id for row in rows if row.space_id == space_id]
            ledger.store_cached(session, space_id=space_id, chunk_ids=owners)
        ledger.settle(session, token=token, rows=[*rows, *gone])
        for spaces, document_ids in waiting:
            flip_complete(session, spaces, document_ids)


def _give_back(rows: Sequence[LeasedRow], token: uuid.UUID, *, reason: str, forgive: bool) -> None:
    if not rows:
        return
    config = get_config()
    attempts = max(row.attempts for row in rows)
    logger.warning("not encoded", extra={"rows": len(rows), "reason": reason})
    with db.writing() as session:
        ledger.put_back(
            session,
            token=token,
            rows=rows,
            error=reason,
            wait_s=config.retry_base_s * 2 ** (attempts - 1),
            forgive=forgive,
            max_attempts=config.max_attempts,
        )
