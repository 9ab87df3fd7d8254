"""Judging, comparing and variants in the admin, without scripts."""

import pytest
from django.test import Client
from sqlalchemy import text

from embedhub import db
from embedhub.collections.service import get_collection
from embedhub.evaluation import evaluations, service, variants
from tests.console.pages import html_of
from tests.console.seed import House

JUDGE = "/admin/console/judgedquery/judge/"
COMPARE = "/admin/console/evaluation/compare/"


def grade(house: House, external_id: str, relevance: str, **more: str) -> dict[str, str]:
    return {
        "collection": str(house.collection_id),
        "q": "deep sea",
        "external_id": external_id,
        "relevance": relevance,
        "number": "1",
        **more,
    }


def audited() -> list[str]:
    with db.reading() as session:
        return list(session.execute(text("SELECT action FROM staff_actions ORDER BY id")).scalars())


def test_a_grade_is_stored_shown_and_taken_back(house: House, staff: Client) -> None:
    answer = staff.post(f"{JUDGE}set/", grade(house, "whales", "2"))
    assert answer["Location"] == f"{JUDGE}?collection={house.collection_id}&q=deep+sea#hit-1"
    assert service.judged_state(house.caller, "papers", "deep sea").relevance == {"whales": 2}
    html = html_of(staff.get(JUDGE, {"collection": str(house.collection_id), "q": "deep sea"}))
    assert 'data-grade="2"' in html
    assert "<strong data-judged-queries>2</strong>" in html
    staff.post(f"{JUDGE}set/", grade(house, "whales", ""))
    assert service.judged_state(house.caller, "papers", "deep sea").relevance == {}
    assert audited()[-2:] == ["judge hit", "judge hit"]


def test_bad_grades_are_refused_with_a_reason(house: House, staff: Client) -> None:
    answer = staff.post(f"{JUDGE}set/", grade(house, "whales", "999"), follow=True)
    assert "relevance is from 0 to 100" in html_of(answer)
    answer = staff.post(
        f"{JUDGE}set/", grade(house, "", "1"), headers={"X-Requested-With": "fetch"}
    )
    assert answer.status_code == 422
    assert "must not be empty" in answer.json()["error"]
    assert staff.post(f"{JUDGE}set/", grade(house, "a", "1", collection="9")).status_code == 404
    assert service.judged_state(house.caller, "papers", "deep sea").relevance == {}


def test_what_was_asked_and_is_not_judged_is_suggested(house: House, staff: Client) -> None:
    service.put_judged(house.caller, "papers", [service.JudgedInput("sent without judgments")])
    html = html_of(staff.get(JUDGE, {"collection": house.collection_id}))
    assert "sent without judgments" in html
    with db.writing() as session:
        session.execute(text("UPDATE search_log SET query = 'asked a lot'"))
    assert "asked a lot" in html_of(staff.get(JUDGE, {"collection": house.collection_id}))


def test_two_settings_are_chosen_and_measured(house: House, staff: Client) -> None:
    page = f"{COMPARE}?collection={house.collection_id}"
    refusals: list[tuple[dict[str, str | int], str]] = [
        ({"first": "live", "second": "weight", "weight": "", "k": 10}, "Give the weight"),
        ({"first": "live", "second": "live", "k": 10}, "Choose another one"),
        ({"first": "live", "second": "weight", "weight": "7", "k": 10}, "less than or equal to 1"),
    ]
    for given, why in refusals:
        assert why in html_of(staff.post(page, given))
    answer = staff.post(page, {"first": "live", "second": "variant:more meaning", "k": 5})
    [view, _] = evaluations.list_evaluations(house.caller, "papers")
    assert answer["Location"] == f"/admin/console/evaluation/{view.id}/change/"
    assert [one["name"] for one in view.settings] == ["live", "more meaning"]
    assert "Being measured" in html_of(staff.get(answer["Location"]))


def test_figures_stand_side_by_side_with_what_they_mean(house: House, staff: Client) -> None:
    [view] = evaluations.list_evaluations(house.caller, "papers")
    html = html_of(staff.get(f"/admin/console/evaluation/{view.id}/change/"))
    assert "“words only” is worse than “live” by 0.200 nDCG" in html
    assert "2 relevant documents of the judgments not in the collection" in html
    assert "1 judged query has no relevant document" in html
    assert "largest animal" in html
    assert "-0.200" in html


def test_a_variant_is_made_live_after_a_question(house: House, staff: Client) -> None:
    from embedhub.console.models import Variant

    pk = Variant.objects.get(name="more meaning").pk
    page = f"/admin/console/variant/{pk}/apply/"
    assert "Make “more meaning” live?" in html_of(staff.get(page))
    html = html_of(staff.post(page, follow=True))
    assert "To undo this, apply the variant" in html
    assert get_collection(house.caller, "papers").ranking == {"weights": {"dense": 0.7}}
    assert len(variants.list_variants(house.caller, "papers")) == 2
    assert audited()[-1] == "apply variant"


def test_learning_says_what_is_missing(house: House, staff: Client) -> None:
    page = f"/admin/console/variant/learn/{house.collection_id}/"
    assert "needs 30 judged queries" in html_of(staff.post(page, {"apply": "never"}))


@pytest.mark.parametrize(
    ("address", "permission"),
    [
        (JUDGE, "judge_judgedquery"),
        (f"{JUDGE}set/", "judge_judgedquery"),
        (COMPARE, "start_evaluation"),
        ("/admin/console/variant/learn/{id}/", "apply_variant"),
    ],
)
def test_only_those_who_may_do_it(
    house: House, clerk: object, address: str, permission: str
) -> None:
    assert callable(clerk)
    url = address.format(id=house.collection_id)
    without = clerk("view_judgedquery", "view_evaluation", "view_variant")
    assert without.get(url).status_code == 403
    assert without.post(url).status_code == 403
    assert clerk(permission).get(url).status_code in {200, 302}
