"""Rules over ranked lists: what stands where, why, and what is refused."""

import random
from typing import Any

import pytest

from embedhub.errors import InvalidInput, TooLarge
from embedhub.recommend.candidates import Candidate
from embedhub.recommend.request import NoteCode
from embedhub.recommend.rules.applying import Placing, apply
from embedhub.recommend.rules.rule import Action, Rules, read_rules
from embedhub.recommend.rules.telling import notes_of


def ranked(n: int = 10, **changed: dict[str, Any]) -> list[Candidate]:
    """Return candidates "i1".."in", best first, of scores n-1 to 0; brands alternate a, b, c."""
    return [
        Candidate(
            item_id=place,
            external_id=f"i{place}",
            score=float(n - place),
            attributes={"brand": "abc"[(place - 1) % 3]},
            **changed.get(f"i{place}", {}),
        )
        for place in range(1, n + 1)
    ]


def rules(*given: dict[str, Any]) -> Rules:
    return read_rules(list(given), {})


def run(
    candidates: list[Candidate], *given: dict[str, Any], k: int = 5, seed: int = 1, **matches: str
) -> Placing:
    """Apply rules; `r0="i1 i2"` says which items match the first one."""
    found = {
        int(name[1:]): frozenset(int(item[1:]) for item in items.split())
        for name, items in matches.items()
    }
    return apply(candidates, rules(*given), k, random.Random(seed), found)


def names(placing: Placing) -> list[str]:
    return [placed.candidate.external_id for placed in placing.placed]


PIN = {"action": "pin", "item": "i9", "position": 2}
BOOST = {"action": "boost", "filter": {"new": True}, "factor": 3}
BURY = {"action": "bury", "filter": {"old": True}, "amount": 4}
CAP = {"action": "cap", "field": "brand", "most": 1, "window": 3}
AT_LEAST = {"action": "at_least", "filter": {"own": True}, "share": 0.4}
EXPLORE = {"action": "explore", "share": 0.2, "depth": 50}


def test_without_rules_the_list_is_as_ranked() -> None:
    placing = run(ranked(), k=3)
    assert names(placing) == ["i1", "i2", "i3"]
    assert all(not placed.effects for placed in placing.placed)


@pytest.mark.parametrize(
    "given", [(), (PIN,), (CAP, AT_LEAST, EXPLORE)], ids=["none", "a pin", "several"]
)
def test_nothing_to_place_is_an_empty_list(given: tuple[dict[str, Any], ...]) -> None:
    assert run([], *given) == Placing(())


def test_a_pin_stands_at_its_place_and_only_there() -> None:
    first = {**PIN, "item": "i1", "position": 4}
    placing = run(ranked(), PIN, first)
    assert names(placing) == ["i2", "i9", "i3", "i1", "i4"]
    assert [effect.text for effect in placing.placed[1].effects] == ["pinned to place 2"]


def test_a_pin_of_what_is_no_candidate_is_passed_over() -> None:
    assert names(run(ranked(3), {**PIN, "item": "gone"}, k=2)) == ["i1", "i2"]


def test_a_pin_behind_the_end_ends_the_list() -> None:
    assert names(run(ranked(3), {**PIN, "item": "i1", "position": 8}, k=9)) == ["i2", "i3", "i1"]


def test_boosts_and_buries_add_up_and_say_what_they_add() -> None:
    both = {"action": "boost", "filter": {"a": 1}, "amount": 2.5}
    placing = run(ranked(4), BOOST, BURY, both, r0="i4 i3", r1="i1 i3", r2="i3", k=4)
    by_name = {placed.candidate.external_id: placed for placed in placing.placed}
    # i3 has 1: tripled it gains 2, loses 4, gains 2.5.
    assert [effect.amount for effect in by_name["i3"].effects] == [2.0, -4.0, 2.5]
    assert by_name["i3"].candidate.score == pytest.approx(1.5)
    assert by_name["i1"].candidate.score == pytest.approx(-1.0)
    assert names(placing) == ["i2", "i3", "i4", "i1"]


def test_a_factor_raises_a_score_below_zero_too() -> None:
    low = [Candidate(1, "i1", -1.0), Candidate(2, "i2", -1.5)]
    placing = run(low, BOOST, r0="i2")
    assert names(placing) == ["i2", "i1"]
    assert placing.placed[0].candidate.score == pytest.approx(1.5)


def test_a_cap_holds_in_every_stretch_of_places() -> None:
    placing = run(ranked(12), CAP, k=6)
    assert names(placing) == ["i1", "i2", "i3", "i4", "i5", "i6"]
    same = [Candidate(n, f"i{n}", 9.0 - n, {"brand": "b" if n > 3 else "a"}) for n in range(1, 6)]
    placing = run(same, CAP, k=5)
    # Of two brands and one of each in three places, two may stand: then the list ends.
    assert names(placing) == ["i1", "i4"]
    assert placing.held_back[2].text == "moved down: at most 1 of each brand in 3 places"
    assert placing.placed[1].effects == ()


def test_a_cap_of_several_values_counts_each() -> None:
    many = [
        Candidate(1, "i1", 3.0, {"brand": ["a", "b"]}),
        Candidate(2, "i2", 2.0, {"brand": "b"}),
        Candidate(3, "i3", 1.0, {}),
    ]
    assert names(run(many, {**CAP, "window": None})) == ["i1", "i3"]


def test_a_cap_of_matching_items_and_of_categories() -> None:
    placing = run(ranked(6), {"action": "cap", "filter": {"ad": True}, "most": 0}, r0="i1 i3", k=3)
    assert names(placing) == ["i2", "i4", "i5"]
    some = [Candidate(n, f"i{n}", 9.0 - n, {}, ("horror",)) for n in range(1, 4)]
    capped = {"action": "cap", "field": "categories", "most": 2, "window": None}
    assert names(run(some, capped)) == ["i1", "i2"]


def test_a_pin_stands_in_spite_of_a_cap_and_counts_for_it() -> None:
    # i9 is of brand c, as are i3 and i6.
    placing = run(ranked(), PIN, {**CAP, "window": 10}, k=5)
    assert names(placing) == ["i1", "i9", "i2"]


def test_a_minimum_share_moves_up_as_late_and_as_little_as_it_can() -> None:
    placing = run(ranked(), AT_LEAST, r0="i7 i8 i10", k=5)
    assert names(placing) == ["i1", "i2", "i7", "i3", "i8"]
    assert placing.placed[2].effects[0].action is Action.AT_LEAST
    assert placing.unmet == ()


def test_an_impossible_share_is_met_as_far_as_it_goes() -> None:
    placing = run(ranked(), {**AT_LEAST, "share": 1}, {**AT_LEAST, "share": 1}, r0="i7", r1="i2")
    assert set(names(placing)[:2]) == {"i7", "i2"}
    assert len(placing.placed) == 5
    assert placing.unmet == (0, 1)


def test_a_share_that_a_cap_forbids_gives_way() -> None:
    none = {"action": "cap", "filter": {"own": True}, "most": 0}
    placing = run(ranked(), AT_LEAST, none, r0="i7", r1="i7", k=5)
    assert "i7" not in names(placing)
    assert placing.unmet == (0,)
    assert placing.held_back[7].action is Action.CAP


def test_of_two_shares_one_item_can_serve_both() -> None:
    half = {**AT_LEAST, "share": 0.5}
    assert names(run(ranked(), half, half, r0="i5 i6", r1="i6 i7", k=2)) == ["i1", "i6"]


def test_exploration_has_its_share_of_places_wherever_it_falls() -> None:
    at: set[int] = set()
    for seed in range(40):
        placing = run(ranked(100), EXPLORE, k=20, seed=seed)
        explored = [n for n, one in enumerate(placing.placed) if one.effects]
        assert len(explored) == 4
        at.update(explored)
    assert at == set(range(20))


def test_exploration_of_new_items_draws_only_those() -> None:
    known = ranked(30, **{f"i{n}": {"n_events": 0 if n > 20 else 50} for n in range(1, 31)})
    placing = run(known, {**EXPLORE, "max_events": 5}, k=10)
    drawn = [one.candidate for one in placing.placed if one.effects]
    assert len(drawn) == 2
    assert all(candidate.item_id > 20 for candidate in drawn)


def test_pages_of_one_list_fit_together_and_repeat_nothing() -> None:
    given = (PIN, {**CAP, "most": 3, "window": 6}, AT_LEAST, EXPLORE)
    matches = {"r2": " ".join(f"i{n}" for n in range(30, 60))}
    whole = names(run(ranked(80), *given, k=40, seed=7, **matches))
    assert len(set(whole)) == 40
    for k in (1, 7, 20):
        assert names(run(ranked(80), *given, k=k, seed=7, **matches)) == whole[:k]
    assert names(run(ranked(80), *given, k=40, seed=8, **matches)) != whole


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("pin", "rules"),
        (["pin"], "rules.0"),
        ([{"action": "push"}], "rules.0.action"),
        ([PIN, {**PIN, "item": "i2"}], "rules.1.position"),
        ([PIN, {**PIN, "position": 3}], "rules.1.item"),
        ([{**PIN, "position": 0}], "rules.0.position"),
        ([{**PIN, "share": 0.1}], "rules.0.share"),
        ([{**BOOST, "factor": 0.5}], "rules.0.factor"),
        ([{**BOOST, "amount": 2}], "rules.0.factor"),
        ([{**BURY, "amount": float("nan")}], "rules.0.amount"),
        ([{**BURY, "amount": -1}], "rules.0.amount"),
        ([{"action": "boost", "factor": 2}], "rules.0.filter"),
        ([{**BOOST, "filter": {"year": {"$near": 1}}}], "rules.0.filter.year.$near"),
        ([{**CAP, "filter": {"a": 1}}], "rules.0.field"),
        ([{**CAP, "most": True}], "rules.0.most"),
        ([{**CAP, "window": 0}], "rules.0.window"),
        ([{**AT_LEAST, "share": 1.5}], "rules.0.share"),
        ([{**EXPLORE, "share": 0}], "rules.0.share"),
        ([{**EXPLORE, "categories": []}], "rules.0.categories"),
        ([{**PIN, "is_on": "no"}], "rules.0.is_on"),
        ([{**PIN, "note": 7}], "rules.0.note"),
    ],
)
def test_what_is_no_rule_is_refused_by_its_path(given: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_rules(given, {})
    assert caught.value.field == path


def test_a_rule_switched_off_is_checked_but_not_applied() -> None:
    assert not rules({**PIN, "is_on": False}, {**PIN, "is_on": False})
    assert [rule.number for rule in rules({**PIN, "is_on": False}, CAP).rules] == [1]
    with pytest.raises(InvalidInput):
        rules({**PIN, "is_on": False, "position": "first"})


def test_what_rules_could_not_do_is_told() -> None:
    placing = run(ranked(), {**AT_LEAST, "share": 1}, {**CAP, "window": None}, r0="i7", k=5)
    notes = {note.code: note.message for note in notes_of(["rules.2: gone"], placing, n_lacking=2)}
    assert list(notes) == [NoteCode.BROKEN_RULES, NoteCode.SHARE_UNMET, NoteCode.CAPPED]
    assert "(rule 1)" in notes[NoteCode.SHARE_UNMET]
    assert "keep 7 items out" in notes[NoteCode.CAPPED]
    assert notes_of((), run(ranked(), CAP), n_lacking=0) == []


def test_too_many_rules_are_refused() -> None:
    with pytest.raises(TooLarge):
        read_rules([CAP] * 101, {})
