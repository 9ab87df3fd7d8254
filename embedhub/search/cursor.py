"""Where the next page goes on: no offsets, so rows that come and go cannot shift a page."""

import base64
import binascii
import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from embedhub.errors import InvalidInput
from embedhub.search.fusion import Ranked
from embedhub.search.request import SearchRequest

# Fingerprint, tier, score, chunk id.
LAYOUT = struct.Struct(">8sBdq")


@dataclass(frozen=True, slots=True)
class Position:
    """The last hit of a page: its tier, its score there and its chunk."""

    tier: int
    score: float
    chunk_id: int


FIRST = Position(1, float("inf"), -1)


def fingerprint(
    collection_id: int, request: SearchRequest, principals: Sequence[str] | None
) -> bytes:
    """Return what is the same for all pages of one request; the page size may change."""
    facts = {
        "collection": collection_id,
        "query": request.query,
        "vector": None if request.vector is None else request.vector.tobytes().hex(),
        "mode": request.mode,
        "group": request.group,
        "filter": request.filter,
        "language": request.language,
        "weights": dict(request.weights or {}),
        "principals": None if principals is None else sorted(principals),
    }
    written = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(written.encode(errors="surrogatepass")).digest()[:8]


def write_cursor(mark: bytes, position: Position) -> str:
    """Return an opaque text that `read_cursor` understands."""
    packed = LAYOUT.pack(mark, position.tier, position.score, position.chunk_id)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(cursor: str | None, mark: bytes) -> Position:
    """Return where a page begins; InvalidInput for a cursor that is none, or another request's."""
    if cursor is None:
        return FIRST
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found, tier, score, chunk_id = LAYOUT.unpack(packed)
    except (ValueError, binascii.Error, struct.error):
        raise InvalidInput("not a cursor of this service", "cursor") from None
    if found != mark or tier not in (1, 2):
        raise InvalidInput("the cursor belongs to another request", "cursor")
    return Position(tier, score, chunk_id)


def after(ranked: Sequence[Ranked], position: Position, tier: int) -> list[Ranked]:
    """Return what of a tier's ranking comes after the position.

    Where the chunk is still ranked, what stands behind it: the order need not be that of scores.
    """
    if tier > position.tier:
        return list(ranked)
    if tier < position.tier:
        return []
    for place, candidate in enumerate(ranked):
        if candidate.chunk_id == position.chunk_id:
            return list(ranked[place + 1 :])
    last = (-position.score, position.chunk_id)
    return [candidate for candidate in ranked if (-candidate.score, candidate.chunk_id) > last]
