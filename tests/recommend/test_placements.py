"""What holds for a list: rules of its placement, and the variant of who gets it."""

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.service import find_catalog
from embedhub.errors import InvalidInput
from embedhub.recommend.experiments.variant import HOLDOUT, assign, read_variants
from embedhub.recommend.placements import Decision, decide, matches
from embedhub.recommend.request import Kind
from embedhub.recommend.rules.rule import read_rules
from embedhub.tables import Experiment, Placement
from tests.catalog.factories import make_catalog, send_items

BOTH = ({"name": "a"}, {"name": "b", "weight": 3})


def drawn(subject: str, *, experiment_id: int = 1, holdout_share: float = 0.0) -> str:
    return assign(
        read_variants(list(BOTH), {}),
        experiment_id=experiment_id,
        catalog_id=9,
        holdout_share=holdout_share,
        subject=subject,
    ).name


def test_a_person_keeps_a_variant_and_variants_have_their_weights() -> None:
    people = [f"u{n}" for n in range(4000)]
    first = [drawn(person) for person in people]
    assert first == [drawn(person) for person in people]
    assert Counter(first)["b"] / len(people) == pytest.approx(0.75, abs=0.03)
    # Another experiment draws anew: of those who had b, as many get it as of all.
    again = [
        drawn(one, experiment_id=2) for one, had in zip(people, first, strict=True) if had == "b"
    ]
    assert Counter(again)["b"] / len(again) == pytest.approx(0.75, abs=0.03)


def test_the_same_people_are_held_out_in_every_experiment() -> None:
    people = [f"u{n}" for n in range(2000)]
    held = {one for one in people if drawn(one, holdout_share=0.1) == HOLDOUT}
    assert len(held) / len(people) == pytest.approx(0.1, abs=0.025)
    assert held == {
        one for one in people if drawn(one, experiment_id=2, holdout_share=0.1) == HOLDOUT
    }
    # A larger group holds out the same people and more.
    assert held < {one for one in people if drawn(one, holdout_share=0.3) == HOLDOUT}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"name": "a"}, "variants"),
        ([{"name": "a"}], "variants"),
        ([{"name": "a"}, {"name": "a"}], "variants.1.name"),
        ([{"name": "a"}, {"name": HOLDOUT}], "variants.1.name"),
        ([{"name": "a"}, {"name": "b", "weight": 0}], "variants.1.weight"),
        ([{"name": "a"}, {"name": "b", "rules": [{"action": "pin"}]}], "variants.1.rules.0.item"),
        ([{"name": "a"}, {"name": "b", "request": {"user": "x"}}], "variants.1.request.user"),
        ([{"name": "a"}, {"name": "b", "request": {"kind": "best"}}], "variants.1.request.kind"),
        ([{"name": "a"}, {"name": "b", "version": 0}], "variants.1.version"),
    ],
)
def test_what_is_no_variant_is_refused_by_its_path(given: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_variants(given, {})
    assert caught.value.field == path


def place(caller: Caller, rules: list[dict[str, Any]], *variants: dict[str, Any]) -> None:
    """Store a placement, and an experiment that runs in it if there are variants."""
    with db.writing() as session:
        catalog = find_catalog(session, caller, "films")
        of = {"workspace_id": catalog.workspace_id, "catalog_id": catalog.id}
        session.add(Placement(**of, name="home", rules=rules, changed_by="test"))
        if variants:
            session.add(
                Experiment(
                    **of,
                    name="trial",
                    placement="home",
                    variants=list(variants),
                    status="running",
                    started_at=catalog.created_at,
                    created_by="test",
                )
            )


def decided(caller: Caller, name: str = "home", **asked: Any) -> Decision:
    with db.reading() as session:
        return decide(session, find_catalog(session, caller, "films"), name, **asked)


def test_a_list_gets_the_rules_of_its_placement_and_of_its_variant(caller: Caller) -> None:
    make_catalog(caller)
    pin = {"action": "pin", "item": "m1", "position": 1}
    changed = {"name": "b", "rules": [], "request": {"kind": "trending"}, "version": 3}
    place(caller, [pin], {"name": "a"}, changed)
    assert decided(caller, "elsewhere") == Decision()
    anonymous = decided(caller)
    assert (anonymous.variant, anonymous.rules.pinned) == ("", ("m1",))
    by_variant = {
        found.variant: found for n in range(20) if (found := decided(caller, subject=f"u{n}"))
    }
    assert by_variant["a"].rules.pinned == ("m1",)
    assert by_variant["b"] == Decision(read_rules([], {}), "b", {"kind": Kind.TRENDING}, version=3)
    assert decided(caller, variant="b") == by_variant["b"]
    with pytest.raises(InvalidInput, match="variant"):
        decided(caller, variant="c")


def test_a_stored_rule_that_cannot_be_used_any_more_is_told_and_the_others_hold(
    caller: Caller,
) -> None:
    make_catalog(caller)
    unknown = {"action": "boost", "filter": {"year": {"$near": 1}}, "factor": 2}
    place(caller, [unknown, {"action": "pin", "item": "m1", "position": 1}])
    found = decided(caller)
    assert [rule.number for rule in found.rules.rules] == [1]
    assert "rules.0.filter" in found.broken[0]


def test_items_match_by_filter_and_category_within_their_catalog(caller: Caller) -> None:
    make_catalog(caller)
    make_catalog(caller, "books")
    send_items(
        caller,
        {"external_id": "m1", "attributes": {"year": 1979}, "categories": ["horror", "space"]},
        {"external_id": "m2", "attributes": {"year": 1994}, "categories": ["horror"]},
        {"external_id": "m3", "attributes": {"year": 1979}},
    )
    send_items(caller, {"external_id": "m1", "attributes": {"year": 1979}}, slug="books")
    boost = {"action": "boost", "factor": 2}
    rules = read_rules(
        [
            {**boost, "filter": {"year": {"$lt": 1990}}},
            {**boost, "categories": ["space", "crime"]},
            {**boost, "filter": {"year": 1979}, "categories": ["horror"]},
            {"action": "pin", "item": "m1", "position": 1},
        ],
        {},
    )
    with db.reading() as session:
        catalog = find_catalog(session, caller, "films")
        every = session.execute(text("SELECT id FROM items")).scalars().all()
        found = matches(session, catalog, rules, every)
        assert matches(session, catalog, rules, []) == {}
    m1, m3 = min(found[0]), max(found[0])
    assert found == {0: {m1, m3}, 1: {m1}, 2: {m1}}
