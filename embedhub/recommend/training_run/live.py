"""How well the version that answers does on the hold-out of a new one."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.recommend.holdout import Order
from embedhub.recommend.interactions import Floats, Integers
from embedhub.recommend.queries import versions
from embedhub.recommend.training import Plan
from embedhub.recommend.training_run import gate
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
            vectors = supplied_vectors(session, live, material.read.item_ids)
            supplied = {} if vectors is None else {str(live.settings["name"]): vectors}
    recipe = gate.recipe_of(live.settings)
    if recipe is None:
        return JudgedLive(live.number, None)
    figure = gate.judge_recipe(
        recipe, material.read.events, order, plan, content=material.content, supplied=supplied
    )
    return JudgedLive(live.number, figure)


def supplied_vectors(
    session: Session, row: RecommenderVersion, item_ids: Integers
) -> Floats | None:
    """Return the supplied vectors of these items, 0 where there is none; None without the space."""
    space = None if row.factor_space_id is None else find_space(session, row.factor_space_id)
    if space is None:
        return None
    owners, rows = read_vectors(session, space, owner_ids=item_ids.tolist())
    vectors = np.zeros((len(item_ids), space.dimension))
    vectors[np.searchsorted(item_ids, owners)] = rows
    return vectors
