"""Somebody judges ten queries by keyboard and sees nDCG of two settings side by side."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from embedhub.access.caller import Caller
from embedhub.evaluation import service
from tests.browser.conftest import log_in
from tests.evaluation.conftest import TEXTS, carried_out, fill

pytestmark = pytest.mark.slow

Picture = Callable[[Any], None]
QUERIES = {
    "largest animal": "whales",
    "enormous sea mammal": "whales",  # none of its words is anywhere
    "hear where they fly": "bats",
    "what do bats do": "bats",
    "molten rock": "volcano",
    "mountain that opens": "volcano",
    "flour and salt": "bread",
    "how is bread baked": "bread",
    "water condenses": "rain",
    "clouds": "rain",
}


@pytest.fixture(autouse=True)
def nothing_went_wrong(faults: list[str]) -> Any:
    yield
    assert faults == []


@pytest.fixture
def judging(caller: Caller, browser_page: Any) -> tuple[Caller, Any]:
    """A collection without a judgment, and the page to judge its hits, logged in."""
    fill(caller)
    log_in(browser_page)
    browser_page.get_by_role("link", name="Judge hits").click()
    return caller, browser_page


def test_ten_queries_are_judged_and_two_settings_compared(
    judging: tuple[Caller, Any], picture: Picture
) -> None:
    caller, page = judging
    for number, (query, wanted) in enumerate(QUERIES.items(), start=1):
        page.locator("h1").click()
        page.keyboard.press("/")
        page.keyboard.type(query)
        page.keyboard.press("Enter")
        hits = page.locator("[data-hit]")
        expect(hits.first).to_be_focused()
        expect(hits).to_have_count(len(TEXTS))
        for place in range(len(TEXTS)):
            is_wanted = TEXTS[wanted] == hits.nth(place).locator(".eh-passage").inner_text()
            page.keyboard.press("3" if is_wanted else "0")
        expect(page.get_by_text("5 of 5 hits judged")).to_be_visible()
        expect(page.locator("[data-judged-queries]")).to_have_text(str(number))
        if number == 2:
            picture(page)
    state = service.judged_state(caller, "papers", "clouds")
    assert state.relevance == {name: 3 * (name == "rain") for name in TEXTS}
    page.get_by_role("link", name="Compare two settings").click()
    page.locator("#id_second").select_option("lexical")
    picture(page)
    page.get_by_role("button", name="Measure both").click()
    expect(page.get_by_text("Being measured")).to_be_visible()
    picture(page)
    [view] = evaluations_of(caller)
    carried_out(caller, view.run_id)
    # The page finds out by itself.
    expect(page.get_by_role("heading", name="Side by side, 10 queries")).to_be_visible()
    row = page.locator(".eh-figures tbody tr").first
    expect(row).to_contain_text("ndcg@10")
    [view] = evaluations_of(caller)
    assert view.results[1]["comparison"][0]["mean"] < 0
    for place, name in enumerate(("live", "words only")):
        mean = view.results[place]["metrics"][0]["mean"]
        expect(page.locator(".eh-figures th").nth(place + 1)).to_have_text(name)
        expect(row.locator("td").nth(place)).to_contain_text(f"{mean:.3f}")
    picture(page)
    page.goto("/admin/console/evaluation/")
    expect(page.get_by_role("link", name="live against words only")).to_be_visible()
    picture(page)


def evaluations_of(caller: Caller) -> list[Any]:
    from embedhub.evaluation.evaluations import list_evaluations

    return list_evaluations(caller, "papers")


def test_a_grade_is_undone_and_taken_back(judging: tuple[Caller, Any]) -> None:
    caller, page = judging

    def stored() -> dict[str, int]:
        return service.judged_state(caller, "papers", "largest animal").relevance

    page.get_by_label("Query", exact=True).fill("largest animal")
    page.get_by_role("button", name="Show hits").click()
    first = page.locator("[data-hit]").first
    expect(first).to_be_focused()
    page.keyboard.press("2")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("0")
    expect(first.get_by_role("button", name="Not relevant")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.keyboard.press("u")
    expect(first.get_by_role("button", name="Relevant", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    told = page.locator("[data-judging-told]")
    expect(told).to_have_text("Stored. 1 of 5 hits judged.")
    assert list(stored().values()) == [2]
    first.get_by_role("button", name="Take back").click()
    expect(told).to_have_text("Stored. 0 of 5 hits judged.")
    assert stored() == {}
    page.keyboard.press("u")
    expect(told).to_have_text("Stored. 1 of 5 hits judged.")
    # What is judged is there the next time, and what fails is said and not shown as stored.
    page.reload()
    expect(first).to_be_focused()
    expect(first).to_have_attribute("data-grade", "2")
    page.route(re.compile("judge/set"), lambda route: route.abort())
    first.get_by_role("button", name="Exactly this").click()
    expect(told).to_contain_text("Not stored")
    expect(first).to_have_attribute("data-grade", "2")
