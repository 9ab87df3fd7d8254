"""A catalog with a trained version, as tests of lists need it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.recommend.blending import BUCKETS
from embedhub.recommend.ease import EaseSetting, fit_ease
from embedhub.recommend.ials import IalsSetting, fit_ials
from embedhub.recommend.interactions import Floats, Interactions, histories
from embedhub.recommend.neighbors import strongest
from embedhub.recommend.popularity import popularity
from embedhub.recommend.recommender import POPULARITY, Recommender
from embedhub.recommend.sources import Content, Factors, Neighbors, Prior, Source
from embedhub.recommend.training import (
    CONDITIONAL,
    CONTENT,
    COSINE,
    EASE,
    IALS,
)
from embedhub.recommend.training_run import publishing, storing
from embedhub.recommend.training_run.artifacts import artifacts_of
from embedhub.recommend.training_run.material import Material, read_material
from tests.catalog.factories import act, make_catalog, send_items, send_users
from tests.recommend.taste import tastes

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Shop:
    """A catalog, what was trained on it, and who may do everything in it."""

    caller: Caller
    slug: str
    catalog_id: int
    material: Material
    recommender: Recommender

    def position(self, item_id: int) -> int:
        return int(np.searchsorted(self.material.read.item_ids, item_id))


def item(number: int, **more: Any) -> dict[str, Any]:
    """Return item number so and so: its group is what its users have in common."""
    group = "ab"[number // 30]
    return {
        "external_id": f"i{number}",
        "fields": {"title": f"thing {number} of group {group}"},
        "categories": [group],
        "attributes": {"price": number % 30, "maker": f"m{number % 5}"},
        **more,
    }


def open_shop(caller: Caller, slug: str = "shop") -> Shop:
    """Make a catalog of two tastes and train on it; users are u0 to u119, items i0 to i59."""
    catalog = make_catalog(caller, slug)
    events = tastes(with_times=True)
    send_items(caller, *(item(number) for number in range(events.n_items)), slug=slug)
    send_users(caller, *({"external_id": f"u{n}"} for n in range(events.n_users)), slug=slug)
    send(caller, slug, events)
    return train_shop(caller, slug, catalog.id)


def send(caller: Caller, slug: str, events: Interactions) -> None:
    times = np.arange(len(events)) if events.times is None else events.times
    act(
        caller,
        *(
            {
                "user": f"u{user}",
                "item": f"i{item}",
                "time": (LONG_AGO + timedelta(seconds=float(time))).isoformat(),
            }
            for user, item, time in zip(events.users, events.items, times, strict=True)
        ),
        slug=slug,
    )


def train_shop(caller: Caller, slug: str, catalog_id: int) -> Shop:
    """Fit every source on a catalog, with weights that use them all, and let it answer."""
    material = read_material(catalog_id)
    events = material.read.events
    recommender = fit(events, material.content)
    artifacts = artifacts_of(recommender, events)
    row = storing.begin_version(
        catalog_id,
        settings=artifacts.settings,
        n_items=events.n_items,
        n_users=events.n_users,
        n_interactions=len(events),
        content_space_id=material.content_space_id,
    )
    storing.store_artifacts(row, artifacts, material.read.item_ids.tolist())
    with db.writing() as session:
        publishing.make_live(session, row)
    return Shop(caller, slug, catalog_id, material, recommender)


def fit(events: Interactions, content: Floats | None) -> Recommender:
    """Return a recommender of every source; nothing is chosen by a hold-out."""
    seen = histories(events)
    together = (seen.T @ seen).toarray()
    n_users = np.diag(together).copy()
    np.fill_diagonal(together, 0)
    setting = IalsSetting(0.02, 0.3, factors=8, sweeps=4)
    sources: dict[str, Source] = {
        POPULARITY: Prior(np.log1p(popularity(events))),
        CONDITIONAL: Neighbors(strongest(together / (n_users[:, None] + 5), 40)),
        COSINE: Neighbors(strongest(together / np.sqrt(np.outer(n_users, n_users) + 1), 40)),
        EASE: Neighbors(strongest(fit_ease(seen, EaseSetting(10.0)), 40)),
        IALS: Factors(fit_ials(seen, setting)),
    }
    short = {POPULARITY: 0.2, CONDITIONAL: 0.5, COSINE: 0.3}
    long = {POPULARITY: 0.05, COSINE: 0.15, EASE: 0.4, IALS: 0.3}
    if content is not None:
        sources[CONTENT] = Content(content)
        long[CONTENT] = 0.1
    weights = {bucket: short if bucket < 5 else long for bucket in BUCKETS}
    return Recommender(sources, weights, 5.0)
