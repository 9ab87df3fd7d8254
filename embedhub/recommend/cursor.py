"""Where the next page of a list goes on: which list, and how many places were shown; pure."""

import base64
import binascii
import hashlib
import json
import struct
import uuid
from dataclasses import asdict, dataclass

from embedhub.errors import InvalidInput
from embedhub.recommend.request import RecommendationRequest

# Fingerprint, list, places shown.
LAYOUT = struct.Struct(">8s16sI")
# What may differ between the pages of one list.
FREE = ("limit", "cursor", "explain")


@dataclass(frozen=True, slots=True)
class Place:
    """A list, and how many of its places were shown before."""

    request_id: uuid.UUID
    n_shown: int = 0


def fingerprint(catalog_id: int, request: RecommendationRequest) -> bytes:
    """Return what is the same for all pages of one list."""
    facts = {name: value for name, value in asdict(request).items() if name not in FREE}
    written = json.dumps([catalog_id, facts], sort_keys=True, default=str)
    return hashlib.sha256(written.encode(errors="surrogatepass")).digest()[:8]


def write_cursor(mark: bytes, place: Place) -> str:
    """Return an opaque text that `read_cursor` understands."""
    packed = LAYOUT.pack(mark, place.request_id.bytes, place.n_shown)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(cursor: str | None, mark: bytes) -> Place:
    """Return where a page begins; InvalidInput for a cursor that is none, or another list's."""
    if cursor is None:
        return Place(uuid.uuid4())
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found, request_id, n_shown = LAYOUT.unpack(packed)
    except (ValueError, binascii.Error, struct.error):
        raise InvalidInput("not a cursor of this service", "cursor") from None
    if found != mark:
        raise InvalidInput("the cursor belongs to another request", "cursor")
    return Place(uuid.UUID(bytes=request_id), n_shown)
