"""The rows of a space nearest to a vector, by the plan that suits its size: for other features."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from embedhub.search.filters import Filter
from embedhub.search.legs import dense_leg
from embedhub.search.queries.restriction import Restriction
from embedhub.tables import Space


def nearest_owners(
    session: Session,
    space: Space,
    vector: NDArray[np.float32],
    *,
    limit: int,
    principals: Sequence[str] | None = None,
) -> list[tuple[int, float]]:
    """Return (owner, score) of the nearest rows that somebody may see, as searches find them."""
    found = dense_leg(
        session,
        space=space,
        vector=vector,
        restriction=Restriction(Filter(), principals),
        limit=limit,
    )
    return [(one.chunk_id, one.score) for one in found.candidates]
