"""Items that a training did not see, placed among those it did by what their texts say.

A linear map from texts' vectors to factors, learned at the training, stands in until the next one
learns the item itself. It is applied as soon as the vector of a text is stored.
"""

import numpy as np

from embedhub import db
from embedhub.errors import NotFound
from embedhub.recommend.content_map import apply_map
from embedhub.recommend.queries import versions
from embedhub.recommend.training_run.artifacts import MAP
from embedhub.recommend.versions import arrays_of
from embedhub.spaces.followers import Stale, stale_owners
from embedhub.spaces.vectors import find_space, put_vectors

ITEMS_AT_ONCE = 2_000


def place_items(catalog_id: int) -> int:
    """Place a catalog's items that have a text's vector and no factors of their own yet.

    Returns how many; nothing happens without a live version that learned where texts belong.
    """
    n_placed = 0
    while True:
        found = _next(catalog_id)
        if found is None or not found[0].owner_ids:
            return n_placed
        stale, space_id, mapping = found
        vectors = apply_map(mapping, stale.vectors.astype(np.float64)).astype(np.float32)
        try:
            n_stored = put_vectors(space_id, stale.owner_ids, vectors, stale.hashes)
        except NotFound:
            # The version was dropped meanwhile.
            return n_placed
        n_placed += n_stored
        if len(stale.owner_ids) < ITEMS_AT_ONCE or not n_stored:
            return n_placed


def _next(catalog_id: int) -> tuple[Stale, int, np.ndarray] | None:
    with db.reading() as session:
        row = versions.find_live(session, catalog_id=catalog_id)
        if row is None or row.factor_space_id is None or row.content_space_id is None:
            return None
        mapping = arrays_of(session, row).get(MAP)
        leader = find_space(session, row.content_space_id)
        follower = find_space(session, row.factor_space_id)
        if mapping is None or leader is None or follower is None:
            return None
        stale = stale_owners(session, leader, follower, limit=ITEMS_AT_ONCE)
        return stale, follower.id, mapping
