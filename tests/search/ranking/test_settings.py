"""The setting `ranking`: what it takes, and how it says what it does not take."""

from typing import Any

import pytest

from embedhub.errors import InvalidInput, TooLarge
from embedhub.search.ranking.checks import check_ranking
from embedhub.search.ranking.plan import PLAIN, make_plan
from embedhub.search.ranking.settings import MAX_BOOSTS, RankingSettings, merged
from embedhub.search.request import NoteCode

FULL: dict[str, Any] = {
    "weights": {"dense": 0.6},
    "fields": {"title": 0.2, "heading": 0.1},
    "recency": {"field": "published", "half_life_days": 30.0, "weight": 0.3},
    "boosts": [{"filter": {"kind": "faq"}, "factor": 1.2, "offset": 0.5}],
    "diversity": 0.2,
    "collapse": {"by": "shingles", "threshold": 0.9},
    "reranker": {"name": "local", "candidates": 20, "budget_ms": 300, "weight": 0.8},
}
DATED = {"published": "date", "year": "number"}


def test_what_is_written_is_read_again() -> None:
    settings = RankingSettings.from_mapping(FULL)
    assert settings.as_mapping() == FULL
    assert RankingSettings.from_mapping({}) == RankingSettings()
    assert RankingSettings().as_mapping() == {}


def test_parts_have_defaults_and_null_is_none() -> None:
    settings = RankingSettings.from_mapping(
        {
            "recency": {"half_life_days": 7},
            "collapse": {},
            "reranker": {"name": "a"},
            "boosts": None,
        }
    )
    assert settings.as_mapping() == {
        "recency": {"field": None, "half_life_days": 7.0, "weight": 0.5},
        "collapse": {"by": "vectors", "threshold": 0.95},
        "reranker": {"name": "a", "candidates": 50, "budget_ms": 1_000, "weight": 1.0},
    }


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ([], "ranking"),
        ({"titel": 1}, "ranking.titel"),
        ({"weights": {}}, "ranking.weights"),
        ({"weights": {"dense": 1.1}}, "ranking.weights.dense"),
        ({"weights": {"dense": True}}, "ranking.weights.dense"),
        ({"weights": {"lexical": 1}}, "ranking.weights.lexical"),
        ({"fields": {"title": -1}}, "ranking.fields.title"),
        ({"fields": {"title": float("nan")}}, "ranking.fields.title"),
        ({"fields": {"text": 1}}, "ranking.fields.text"),
        ({"recency": {}}, "ranking.recency.half_life_days"),
        ({"recency": {"half_life_days": 0}}, "ranking.recency.half_life_days"),
        ({"recency": {"half_life_days": 10**400}}, "ranking.recency.half_life_days"),
        ({"recency": {"half_life_days": 1, "field": ""}}, "ranking.recency.field"),
        ({"recency": {"half_life_days": 1, "field": "a\0"}}, "ranking.recency.field"),
        ({"boosts": {}}, "ranking.boosts"),
        ({"boosts": [{"factor": 2}]}, "ranking.boosts.0.filter"),
        ({"boosts": [{"filter": {}, "factor": 2}]}, "ranking.boosts.0.filter"),
        ({"boosts": [{"filter": {"a": 1}}]}, "ranking.boosts.0"),
        ({"boosts": [{"filter": {"a": 1}, "factor": "2"}]}, "ranking.boosts.0.factor"),
        ({"boosts": [{"filter": {"a": 1}, "offset": -11}]}, "ranking.boosts.0.offset"),
        ({"diversity": 1.5}, "ranking.diversity"),
        ({"diversity": "high"}, "ranking.diversity"),
        ({"collapse": {"by": "ids"}}, "ranking.collapse.by"),
        ({"collapse": {"by": []}}, "ranking.collapse.by"),
        ({"collapse": {"threshold": 0}}, "ranking.collapse.threshold"),
        ({"reranker": "local"}, "ranking.reranker"),
        ({"reranker": {}}, "ranking.reranker.name"),
        ({"reranker": {"name": "a", "candidates": 0}}, "ranking.reranker.candidates"),
        ({"reranker": {"name": "a", "candidates": 1.5}}, "ranking.reranker.candidates"),
        ({"reranker": {"name": "a", "budget_ms": 10**6}}, "ranking.reranker.budget_ms"),
    ],
)
def test_what_is_wrong_is_named(raw: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        RankingSettings.from_mapping(raw)
    assert refused.value.field == field


def test_too_many_boosts_are_refused() -> None:
    boost = {"filter": {"a": 1}, "factor": 2}
    RankingSettings.from_mapping({"boosts": [boost] * MAX_BOOSTS})
    with pytest.raises(TooLarge):
        RankingSettings.from_mapping({"boosts": [boost] * (MAX_BOOSTS + 1)})


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"recency": {"field": "year", "half_life_days": 1}}, "ranking.recency.field"),
        ({"recency": {"field": "other", "half_life_days": 1}}, "ranking.recency.field"),
        (
            {"boosts": [{"filter": {"year": "2020"}, "factor": 2}]},
            "ranking.boosts.0.filter.year",
        ),
        ({"boosts": [{"filter": {"$or": 1}, "factor": 2}]}, "ranking.boosts.0.filter.$or"),
        ({"reranker": {"name": "nobody's"}}, "ranking.reranker.name"),
    ],
)
def test_what_the_collection_lacks_is_named(raw: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_ranking(RankingSettings.from_mapping(raw), DATED)
    assert refused.value.field == field


def test_a_request_replaces_parts_and_null_takes_them_away() -> None:
    stored = {"diversity": 0.2, "fields": {"title": 1.0, "heading": 0.5}}
    assert merged(stored, {"fields": {"title": 2}}) == {"diversity": 0.2, "fields": {"title": 2}}
    assert merged(stored, {"diversity": None}) == {"fields": stored["fields"]}
    with pytest.raises(InvalidInput, match="titel"):
        merged(stored, {"titel": None})


def test_nothing_set_is_the_plain_plan() -> None:
    assert make_plan({}, None, {}) is PLAIN
    no_objects: list[Any] = ["", [], 0, False]
    for wrong in no_objects:
        with pytest.raises(InvalidInput, match="expected an object"):
            make_plan({}, wrong, {})
    assert PLAIN.is_fusion_alone
    assert make_plan({"weights": {"dense": 0.7}}, None, {}).is_fusion_alone
    assert not make_plan({"diversity": 0.1}, None, {}).is_fusion_alone
    assert make_plan({"diversity": 0.1}, {"diversity": None}, {}).is_fusion_alone


def test_a_stored_part_that_no_longer_works_is_skipped_and_told_of() -> None:
    stored = {
        "diversity": 0.2,
        "boosts": [
            {"filter": {"year": "2020"}, "factor": 2},
            {"filter": {"kind": "faq"}, "factor": 3},
        ],
    }
    plan = make_plan(stored, None, {"year": "number"})
    assert [boost.factor for boost, _ in plan.boosts] == [3]
    assert plan.settings.diversity == 0.2
    (note,) = plan.notes
    assert note.code is NoteCode.RANKING_SKIPPED
    assert "ranking.boosts.0.filter.year" in note.message
    with pytest.raises(InvalidInput):
        make_plan({}, {"boosts": stored["boosts"]}, {"year": "number"})
    broken = make_plan({"diversity": "much"}, None, {})
    assert broken.is_fusion_alone
    assert [note.code for note in broken.notes] == [NoteCode.RANKING_SKIPPED]
