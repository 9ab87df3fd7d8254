"""The spaces that answers compare texts in, and how alike the passages of each are."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from sqlalchemy.orm import Session

from embedhub.answers import queries
from embedhub.encoders import SUPPLIED
from embedhub.tables import Space

# Vectors that are averaged, and for how long their mean is believed: while there are fewer, each
# new document changes it.
SAMPLED_ROWS, BELIEVED_S, BELIEVED_OF_FEW_S = 500, 600.0, 10.0
MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class LiveSpace:
    """The encoder of a collection's vectors, and the mean cosine of two of its passages."""

    encoder: str
    alike: float


_lock = Lock()
# By space: until when it is believed, and the mean cosine.
_alike: dict[int, tuple[float, float]] = {}


def live_spaces(
    session: Session, *, workspace_id: int, slugs: Sequence[str]
) -> dict[str, LiveSpace]:
    """Return the live space of each of the collections that has vectors."""
    spaces = queries.live_dense_spaces(session, workspace_id=workspace_id, slugs=slugs)
    return {
        slug: LiveSpace(space.encoder, _how_alike(session, space)) for slug, space in spaces.items()
    }


def _how_alike(session: Session, space: Space) -> float:
    # Supplied vectors can be of any length; no text is compared with them.
    if space.encoder == SUPPLIED:
        return 0.0
    known = _alike.get(space.id)
    now = time.monotonic()
    if known is not None and now < known[0]:
        return known[1]
    n_rows, length = queries.mean_length(session, space, limit=SAMPLED_ROWS)
    alike = mean_cosine(n_rows, length)
    until = now + (BELIEVED_OF_FEW_S if n_rows < SAMPLED_ROWS else BELIEVED_S)
    with _lock:
        if len(_alike) >= MAX_REMEMBERED:
            _alike.clear()
        _alike[space.id] = until, alike
    return alike


def mean_cosine(n_rows: int, length: float) -> float:
    """Return the mean cosine of two different unit vectors of so many, by their mean's length."""
    if n_rows < 2:
        return 0.0
    return (length**2 * n_rows - 1) / (n_rows - 1)
