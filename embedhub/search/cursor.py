"""Where the next page goes on: no offsets, so rows that come and go cannot shift a page."""

import base64
import binascii
import hashlib
import json
import math
import struct
from collections.abc import Container, Sequence
from dataclasses import dataclass

from embedhub.errors import InvalidInput
from embedhub.search.fusion import Ranked
from embedhub.search.request import SearchRequest

# Fingerprint, tier, score, chunk id; of a ranked search the time of its first page and the chunks
# shown out of a reranker's window follow.
LAYOUT = struct.Struct(">8sBdq")
CHUNK_BYTES = 8
MAX_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class Position:
    """The last hit of a page: its tier, its score there and its chunk.

    `asked_at` is when the first page was asked for, in seconds since 1970, where ages count.
    `shown` are chunks of pages before whose order depends on a reranker: it may fail on the next.
    """

    tier: int
    score: float
    chunk_id: int
    asked_at: float | None = None
    shown: tuple[int, ...] = ()


FIRST = Position(1, float("inf"), -1)


def fingerprint(
    collection_ids: Sequence[int], request: SearchRequest, principals: Sequence[str] | None
) -> bytes:
    """Return what is the same for all pages of one request; the page size may change."""
    facts = {
        "collections": sorted(collection_ids),
        "queries": [request.texts, request.operators],
        "vector": None if request.vector is None else request.vector.tobytes().hex(),
        "mode": request.mode,
        "group": request.group,
        "filter": request.filter,
        "language": request.language,
        "weights": dict(request.weights or {}),
        "ranking": request.ranking,
        "examples": [request.like, request.unlike],
        "principals": None if principals is None else sorted(principals),
    }
    written = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(written.encode(errors="surrogatepass")).digest()[:8]


def write_cursor(mark: bytes, position: Position) -> str:
    """Return an opaque text that `read_cursor` understands."""
    packed = LAYOUT.pack(mark, position.tier, position.score, position.chunk_id)
    if position.asked_at is not None:
        packed += struct.pack(f">d{len(position.shown)}q", position.asked_at, *position.shown)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(cursor: str | None, mark: bytes) -> Position:
    """Return where a page begins; InvalidInput for a cursor that is none, or another request's."""
    if cursor is None:
        return FIRST
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found, tier, score, chunk_id = LAYOUT.unpack_from(packed)
        asked_at, shown = _unpack_ranked(packed[LAYOUT.size :])
    except (ValueError, binascii.Error, struct.error):
        raise InvalidInput("not a cursor of this service", "cursor") from None
    if found != mark or tier not in (1, 2):
        raise InvalidInput("the cursor belongs to another request", "cursor")
    return Position(tier, score, chunk_id, asked_at, shown)


def _unpack_ranked(packed: bytes) -> tuple[float | None, tuple[int, ...]]:
    if not packed:
        return None, ()
    n_shown = len(packed) // CHUNK_BYTES - 1
    if n_shown > MAX_SHOWN:
        raise ValueError("too long")
    asked_at, *shown = struct.unpack(f">d{n_shown}q", packed)
    if not math.isfinite(asked_at):
        raise ValueError("not a time")
    return asked_at, tuple(shown)


def after(
    ranked: Sequence[Ranked],
    position: Position,
    tier: int,
    window: Container[int] = frozenset(),
) -> list[Ranked]:
    """Return what of a tier's ranking comes after the position.

    Where the chunk is still ranked, what stands behind it: the order need not be that of scores.
    Within the `window`, whose order may have changed since, what no page has shown.
    """
    if tier > position.tier:
        return list(ranked)
    if tier < position.tier:
        return []
    if position.chunk_id in window:
        start = next(at for at, one in enumerate(ranked) if one.chunk_id in window)
        return [one for one in ranked[start:] if one.chunk_id not in position.shown]
    for place, candidate in enumerate(ranked):
        if candidate.chunk_id == position.chunk_id:
            return list(ranked[place + 1 :])
    last = (-position.score, position.chunk_id)
    return [candidate for candidate in ranked if (-candidate.score, candidate.chunk_id) > last]
