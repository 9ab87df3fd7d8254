"""Experiments and the click rates that they are judged by."""

import math
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.recommend.experiments import results, service
from embedhub.recommend.experiments.results import Rate, Verdict, click_rates, experiment_results
from embedhub.recommend.experiments.service import ExperimentInput, Status
from tests.catalog.factories import act, make_catalog, send_items, send_users

Z = 1.959963984540054
NOW = datetime.now(UTC)
VARIANTS = [{"name": "a"}, {"name": "b", "request": {"kind": "popular"}}]


def wanted(name: str = "trial", **changed: Any) -> ExperimentInput:
    return ExperimentInput(**{"name": name, "placement": "home", "variants": VARIANTS, **changed})


def show(
    user: str | None, items: str, *, variant: str = "", at: datetime = NOW, placement: str = "home"
) -> uuid.UUID:
    """Keep that a list was shown."""
    request_id = uuid.uuid4()
    with db.writing() as session:
        session.execute(
            text(
                "INSERT INTO impressions (request_id, position, workspace_id, catalog_id, user_id,"
                " item_id, placement, variant, score, shown_at) SELECT :id, shown.position,"
                " i.workspace_id, i.catalog_id, u.id, i.id, :placement, :variant, 1, :at"
                " FROM unnest(CAST(:items AS text[])) WITH ORDINALITY AS shown(name, position)"
                " JOIN items i ON i.external_id = shown.name"
                " LEFT JOIN users u ON u.external_id = :user"
            ),
            {
                "id": request_id, "items": items.split(), "user": user, "placement": placement,
                "variant": variant, "at": at,
            },
        )  # fmt: skip
    return request_id


@pytest.fixture
def films(caller: Caller) -> Caller:
    """A catalog of three items and forty users."""
    make_catalog(caller)
    send_items(caller, *({"external_id": f"m{n}"} for n in range(1, 4)))
    send_users(caller, *({"external_id": f"u{n}"} for n in range(40)))
    return caller


def wilson(clicked: int, n: int) -> tuple[float, float]:
    rate = clicked / n
    middle, whole = rate + Z * Z / (2 * n), 1 + Z * Z / n
    half = Z * math.sqrt(rate * (1 - rate) / n + Z * Z / (4 * n * n))
    return (middle - half) / whole, (middle + half) / whole


def test_a_click_names_its_list_or_follows_what_its_user_was_shown_last(films: Caller) -> None:
    named = show("u1", "m1 m2", at=NOW - timedelta(days=3))
    show(None, "m1 m2 m3", at=NOW - timedelta(hours=5))
    show("u2", "m1 m2", at=NOW - timedelta(hours=3))
    show("u2", "m1 m2", at=NOW - timedelta(hours=2))
    show("u3", "m3", at=NOW - timedelta(hours=30))
    act(
        films,
        {"user": "u1", "item": "m1", "request_id": str(named)},
        # Twice the same item: one click.
        {"user": "u1", "item": "m1", "request_id": str(named), "type": "purchase"},
        {"user": "u1", "item": "m3", "request_id": str(named)},
        {"user": "u2", "item": "m2"},
        {"user": "u2", "item": "m1", "type": "dislike"},
        {"user": "u3", "item": "m3"},
    )
    found = click_rates(films, "films")
    assert "dislike" not in found.types
    [row] = found.items
    assert (row.placement, row.variant) == ("home", "")
    assert (row.items.n, row.items.clicked) == (10, 2)
    assert (row.lists.n, row.lists.clicked) == (5, 2)
    assert (row.people.n, row.people.clicked) == (3, 2)
    low, high = wilson(2, 10)
    assert (row.items.rate, row.items.low, row.items.high) == pytest.approx((0.2, low, high))
    [bought] = click_rates(films, "films", types=["purchase"]).items
    assert bought.items.clicked == 1
    assert click_rates(films, "films", placement="cart").items == []
    assert click_rates(films, "films", until=NOW - timedelta(days=9)).items == []


def test_an_experiment_runs_once_and_is_judged_by_people(films: Caller) -> None:
    service.create_experiment(films, "films", wanted(holdout_share=0.1))
    with pytest.raises(Conflict, match="not started"):
        experiment_results(films, "films", "trial")
    started = service.start_experiment(films, "films", "trial")
    assert started.status is Status.RUNNING
    empty = experiment_results(films, "films", "trial")
    assert [(one.variant, one.verdict) for one in empty.variants] == [
        ("a", Verdict.COMPARED), ("b", Verdict.NOBODY), ("holdout", Verdict.NOBODY),
    ]  # fmt: skip
    assert empty.variants[0].people == Rate()
    # Of 20 people each, 3 click what a shows and 15 what b shows.
    for n in range(40):
        variant = "ab"[n % 2]
        request_id = show(f"u{n}", "m1 m2", variant=variant, at=datetime.now(UTC))
        if n < (6 if variant == "a" else 30):
            act(films, {"user": f"u{n}", "item": "m1", "request_id": str(request_id)})
    show("u1", "m1", variant="", at=datetime.now(UTC))
    service.stop_experiment(films, "films", "trial")
    a, b, held = experiment_results(films, "films", "trial").variants
    assert (a.people.n, a.people.clicked, b.people.n, b.people.clicked) == (20, 3, 20, 15)
    assert (b.items.n, b.items.clicked, held.people) == (40, 15, Rate())
    difference = b.people_difference
    assert difference is not None
    (low_a, high_a), (low_b, high_b) = wilson(3, 20), wilson(15, 20)
    assert difference.value == pytest.approx(0.6)
    assert difference.low == pytest.approx(0.6 - math.hypot(0.75 - low_b, high_a - 0.15))
    assert difference.high == pytest.approx(0.6 + math.hypot(high_b - 0.75, 0.15 - low_a))
    assert (b.verdict, a.people_difference) == (Verdict.BETTER, None)


def test_one_runs_at_a_time_and_none_is_changed_or_started_again(films: Caller) -> None:
    service.create_experiment(films, "films", wanted())
    service.create_experiment(films, "films", wanted("other"))
    with pytest.raises(Conflict, match="already an experiment"):
        service.create_experiment(films, "films", wanted())
    changed = service.replace_experiment(films, "films", wanted(note="why not"))
    assert changed.note == "why not"
    with pytest.raises(Conflict, match="not started"):
        service.stop_experiment(films, "films", "trial")
    service.start_experiment(films, "films", "trial")
    assert service.start_experiment(films, "films", "trial").status is Status.RUNNING
    refused: list[Callable[[], object]] = [
        lambda: service.start_experiment(films, "films", "other"),
        lambda: service.replace_experiment(films, "films", wanted()),
        lambda: service.delete_experiment(films, "films", "trial"),
    ]
    for step in refused:
        with pytest.raises(Conflict):
            step()
    service.stop_experiment(films, "films", "trial")
    service.start_experiment(films, "films", "other")
    with pytest.raises(Conflict, match="was stopped"):
        service.start_experiment(films, "films", "trial")
    service.delete_experiment(films, "films", "trial")
    with pytest.raises(NotFound):
        service.get_experiment(films, "films", "trial")
    assert [one.name for one in service.list_experiments(films, "films")] == ["other"]


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"name": " trial"}, "name"),
        ({"placement": "a/b"}, "placement"),
        ({"variants": VARIANTS[:1]}, "variants"),
        ({"variants": [*VARIANTS, {"name": "c", "version": 7}]}, "variants.2.version"),
        ({"holdout_share": 1.0}, "holdout_share"),
        ({"holdout_share": float("nan")}, "holdout_share"),
        ({"note": "x" * 3000}, "note"),
    ],
)
def test_what_is_no_experiment_is_refused_by_its_path(
    caller: Caller, changed: dict[str, Any], path: str
) -> None:
    make_catalog(caller)
    with pytest.raises(InvalidInput) as caught:
        service.create_experiment(caller, "films", wanted(**changed))
    assert caught.value.field == path


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"types": []}, "types"),
        ({"types": ["view", "dance"]}, "types.1"),
        ({"since": NOW, "until": NOW}, "since"),
        ({"since": NOW.replace(tzinfo=None)}, "since"),
    ],
)
def test_rates_of_nonsense_are_refused(caller: Caller, asked: dict[str, Any], path: str) -> None:
    make_catalog(caller)
    with pytest.raises(InvalidInput) as caught:
        results.click_rates(caller, "films", **asked)
    assert caught.value.field == path
