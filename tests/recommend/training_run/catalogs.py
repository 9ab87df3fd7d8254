"""Catalogs with made-up tastes, and trainings of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.service import find_catalog
from embedhub.recommend import versions
from embedhub.recommend.training_run.service import start_training
from embedhub.recommend.training_run.work import train_recommender
from embedhub.recommend.versions import Version
from embedhub.runs import service as runs
from embedhub.runs.service import RunView
from tests.catalog.factories import act, make_catalog, send_items
from tests.recommend.taste import GROUP_ITEMS, tastes

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ("spaceship robot alien", "wedding kiss romance")


def taste_catalog(caller: Caller, *, n_users: int = 60, slug: str = "films", seed: int = 3) -> int:
    """Make a catalog of two groups of users, each with items of its own, and return its id.

    Items are m0, m1, ...; those from m30 on are the second group's.
    """
    catalog = make_catalog(caller, slug)
    send_items(caller, *map(item, range(2 * GROUP_ITEMS)), slug=slug)
    watch(caller, n_users=n_users, slug=slug, seed=seed)
    return catalog.id


def item(number: int) -> dict[str, Any]:
    """Return an item whose text says which group it is of."""
    words = WORDS[number // GROUP_ITEMS % 2]
    return {"external_id": f"m{number}", "fields": {"title": f"film{number} {words}"}}


def watch(caller: Caller, *, n_users: int, slug: str = "films", seed: int = 3) -> None:
    """Send what these users did."""
    events = tastes(n_users=n_users, seed=seed)
    minutes = np.arange(len(events))
    act(
        caller,
        *(
            {
                "user": f"u{user}",
                "item": f"m{number}",
                "time": (BEGINNING + timedelta(minutes=int(minute))).isoformat(),
            }
            for user, number, minute in zip(events.users, events.items, minutes, strict=True)
        ),
        slug=slug,
    )


def train_now(caller: Caller, slug: str = "films", **arguments: Any) -> RunView:
    """Ask for a training, carry it out here, and return its run."""
    run_id = start_training(caller, slug, **arguments)
    runs.carry_out(run_id, train_recommender)
    return runs.get_run(caller, run_id)


def live_version(caller: Caller, slug: str = "films") -> Version | None:
    """Return the version that answers."""
    with db.reading() as session:
        return versions.live(session, find_catalog(session, caller, slug).id)
