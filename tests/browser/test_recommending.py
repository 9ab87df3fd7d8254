"""Rules in a real browser: the preview follows what is typed, and a rule is undone."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from embedhub.access.caller import Caller
from embedhub.recommend.rules.service import get_placement, put_rules
from tests.browser.conftest import log_in
from tests.catalog.factories import act, make_catalog, send_items

pytestmark = pytest.mark.slow

Picture = Callable[[Any], None]


def test_a_rule_is_previewed_as_it_is_typed_saved_and_undone(
    browser_page: Any, picture: Picture, caller: Caller, faults: list[str]
) -> None:
    make_catalog(caller)
    send_items(
        caller, *({"external_id": f"m{n}", "fields": {"title": f"Film {n}"}} for n in range(5))
    )
    act(caller, {"item": "m0"})
    put_rules(caller, "films", "home", [])
    page = browser_page
    log_in(page)
    page.goto("/admin/console/placement/")
    page.get_by_role("link", name="home", exact=True).click()
    page.get_by_role("link", name="Pin an item").click()
    page.get_by_label("Item", exact=False).first.fill("m3")
    preview = page.get_by_role("region", name="What it does")
    expect(preview.get_by_text("pinned to place 1")).to_be_visible()
    assert get_placement(caller, "films", "home").rules == []
    picture(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Pin “Film 3” to place 1")).to_be_visible()
    picture(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("No rule yet")).to_be_visible()
    assert get_placement(caller, "films", "home").rules == []
    assert faults == []
