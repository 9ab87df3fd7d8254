"""The work of the run that judges supplied vectors and makes a version of them that can answer."""

from dataclasses import asdict

from embedhub import db
from embedhub.errors import Conflict, NotFound
from embedhub.recommend.blending import learn_weights
from embedhub.recommend.holdout import Order, hold_out, order_of
from embedhub.recommend.interactions import Interactions
from embedhub.recommend.judging import Judging
from embedhub.recommend.queries import versions
from embedhub.recommend.recommender import POPULARITY, Recommender
from embedhub.recommend.sources import Published, Source
from embedhub.recommend.training import Chosen, Plan
from embedhub.recommend.training_run import gate
from embedhub.recommend.training_run.artifacts import artifacts_of
from embedhub.recommend.training_run.events import CatalogEvents
from embedhub.recommend.training_run.fitted import Fitted
from embedhub.recommend.training_run.live import judge_live, supplied_source
from embedhub.recommend.training_run.material import plan_for, read_material
from embedhub.recommend.versions import Status
from embedhub.runs.progress import RunProgress
from embedhub.tables import RecommenderVersion

N_STEPS = 5


def fit_supplied(progress: RunProgress, catalog_id: int, version_id: int) -> Fitted:
    """Return a supplied version with what it is to be served from, its figures and the verdict.

    The other sources are trained by the settings of the live version. Raises NotFound if the
    version is gone, Conflict if it is finished or no item that anybody had has a vector.
    """
    progress.describe("reading interactions")
    progress.report(0, N_STEPS)
    material = read_material(catalog_id)
    row, source = read_supplied(version_id, material.read)
    name = str(row.settings["name"])
    events = material.read.events
    plan, order = plan_for(events.n_items), order_of(events)
    recipe = recipe_beside(catalog_id, plan)
    half_life = recipe.half_life if order is Order.TIME else None

    def follow(some: Interactions) -> dict[str, Source]:
        return gate.follow(recipe, some, plan, content=material.content, supplied={name: source})

    progress.describe("learning how much each source counts")
    progress.report(1, N_STEPS)
    holdout = hold_out(events, order)
    judging = Judging.of(holdout, plan.judged_users)
    tried = follow(holdout.train)
    weights = learn_weights(list(tried), judging.judged(holdout, tried, half_life))
    ndcg = judging.ndcg_of(Recommender(tried, weights, half_life))
    by_source = {of: judging.ndcg(one, half_life) for of, one in tried.items()}
    progress.describe("judging the live version")
    progress.report(2, N_STEPS)
    live = judge_live(catalog_id, material, order, plan)
    progress.describe("training on all interactions")
    progress.report(3, N_STEPS)
    recommender = Recommender(follow(events), weights, half_life)
    progress.describe("storing")
    progress.report(4, N_STEPS)
    facts = {
        "name": name, "order": order.value, "chosen": asdict(recipe.chosen), **material.facts,
    }  # fmt: skip
    return Fitted(
        row=row,
        material=material,
        artifacts=artifacts_of(recommender, events, facts=facts),
        metrics={
            "ndcg": ndcg,
            "popularity_ndcg": by_source[POPULARITY],
            "live_ndcg": live.ndcg,
            "live_version": live.number,
            "by_source": by_source,
            "order": order.value,
            "n_user_vectors": int(source.users.any(axis=1).sum()),
        },
        verdict=gate.verdict(ndcg, by_source[POPULARITY], live.figure),
    )


def recipe_beside(catalog_id: int, plan: Plan) -> gate.Recipe:
    """Return the settings of the live version, or the usual ones."""
    with db.reading() as session:
        live = versions.find_live(session, catalog_id=catalog_id)
    found = None if live is None else gate.recipe_of(live.settings)
    return found or gate.Recipe(Chosen(plan.ease[0], plan.ials[0], None), {}, None)


def read_supplied(version_id: int, read: CatalogEvents) -> tuple[RecommenderVersion, Published]:
    """Return an unfinished version and its vectors of these items and users."""
    with db.reading() as session:
        row = session.get(RecommenderVersion, version_id)
        source = None if row is None else supplied_source(session, row, read)
    if row is None or source is None:
        raise NotFound("version", version_id)
    if row.status != Status.TRAINING:
        raise Conflict(f"version {row.number} is finished: it is {row.status}")
    if not source.vectors.any():
        raise Conflict("no item that anybody interacted with has a vector")
    return row, source
