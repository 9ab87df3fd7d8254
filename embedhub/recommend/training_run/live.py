"""How well the version that answers does on the hold-out of a new one."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.recommend.holdout import Order
from embedhub.recommend.interactions import Floats, Integers
from embedhub.recommend.queries import versions
from embedhub.recommend.sources import Published
from embedhub.recommend.training import Plan
from embedhub.recommend.training_run import gate
from embedhub.recommend.training_run.events import CatalogEvents
from embedhub.recommend.training_run.material import Material
from embedhub.spaces.vectors import find_space, read_vectors
from embedhub.tables import RecommenderVersion


@dataclass(frozen=True, slots=True)
class JudgedLive:
    """The number of the version that answers and its figure, None where there is none."""

    number: int | None
    figure: gate.Figure | None

    @property
    def ndcg(self) -> float | None:
        """Return nDCG@10 alone."""
        return None if self.figure is None else self.figure.ndcg


def judge_live(catalog_id: int, material: Material, order: Order, plan: Plan) -> JudgedLive:
    """Return how well the live version's settings do where a new version is judged.

    Supplied vectors are judged as they are: nobody here can train them again.
    """
    with db.reading() as session:
        live = versions.find_live(session, catalog_id=catalog_id)
        if live is None:
            return JudgedLive(None, None)
        supplied: gate.Supplied = {}
        if live.origin == "supplied":
            source = supplied_source(session, live, material.read)
            supplied = {} if source is None else {str(live.settings["name"]): source}
    recipe = gate.recipe_of(live.settings)
    if recipe is None:
        return JudgedLive(live.number, None)
    figure = gate.judge_recipe(
        recipe, material.read.events, order, plan, content=material.content, supplied=supplied
    )
    return JudgedLive(live.number, figure)


def supplied_source(
    session: Session, row: RecommenderVersion, read: CatalogEvents
) -> Published | None:
    """Return a version's supplied vectors of these items and users; None without those of items."""
    items = _vectors_of(session, row.factor_space_id, read.item_ids)
    if items is None:
        return None
    users = _vectors_of(session, row.user_space_id, read.user_ids)
    return Published(
        items, np.zeros((len(read.user_ids), items.shape[1])) if users is None else users
    )


def _vectors_of(session: Session, space_id: int | None, owner_ids: Integers) -> Floats | None:
    """Return the vectors of these owners, 0 where there is none; None without the space."""
    space = None if space_id is None else find_space(session, space_id)
    if space is None:
        return None
    owners, rows = read_vectors(session, space, owner_ids=owner_ids.tolist())
    vectors = np.zeros((len(owner_ids), space.dimension))
    vectors[np.searchsorted(owner_ids, owners)] = rows
    return vectors
