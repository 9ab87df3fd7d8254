"""Staff at work in a real browser: keyboard, clipboard, refreshing figures, dangerous texts."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from embedhub import db
from embedhub.access import recent
from embedhub.access.service import authenticate
from tests.browser.conftest import log_in
from tests.console.seed import House, bury, document
from tests.factories import encode_everything, send

pytestmark = pytest.mark.slow

Picture = Callable[[Any], None]


@pytest.fixture(autouse=True)
def nothing_went_wrong(faults: list[str]) -> Any:
    yield
    assert faults == []


def test_a_wrong_password_is_said_and_the_right_one_opens(
    browser_page: Any, picture: Picture
) -> None:
    page = browser_page
    page.goto("/admin/")
    page.get_by_label("Username").fill("sam")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Please enter the correct username")).to_be_visible()
    log_in(page)
    expect(page.get_by_role("heading", name="What to do next")).to_be_visible()
    picture(page)


def test_from_an_empty_house_to_a_key(browser_page: Any, picture: Picture) -> None:
    page = browser_page
    log_in(page)
    page.get_by_role("link", name="New workspace").click()
    page.get_by_label("Slug").fill("shop")
    page.get_by_role("button", name="Create workspace").click()
    expect(page.get_by_text("Workspace shop is there")).to_be_visible()
    picture(page)
    page.get_by_role("link", name="New API key").click()
    page.get_by_label("Name").fill("shop search")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("Copy the key now")).to_be_visible()
    secret = page.get_by_label("API key “shop search”").input_value()
    picture(page)
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    recent.forget_all()
    assert authenticate(secret).scopes == {"read"}
    # Reloading neither shows the key again nor makes another one.
    page.reload()
    expect(page.get_by_text("shop search").first).to_be_visible()
    assert secret not in page.content()
    page.goto("/admin/console/apikey/")
    expect(page.get_by_text("1 API key", exact=True)).to_be_visible()


def test_every_page_opens_without_a_fault(page: Any, house: House, picture: Picture) -> None:
    links = page.locator("#nav-sidebar a").evaluate_all("found => found.map(a => a.href)")
    addresses = sorted({link for link in links if "/admin/" in link and "logout" not in link})
    assert len(addresses) >= 20
    for address in addresses:
        page.goto(address)
        expect(page.locator("h1")).to_have_count(1)
        picture(page)
        row = page.locator("#result_list a[href*='/change/']").first
        if row.count():
            page.goto(row.get_attribute("href"))
            expect(page.locator("h1")).to_have_count(1)
            picture(page)


def test_a_search_by_keyboard_alone(page: Any, house: House, picture: Picture) -> None:
    page.goto("/admin/console/collection/search/")
    page.get_by_label("Collection", exact=True).focus()
    page.keyboard.press("/")
    expect(page.get_by_label("Query")).not_to_be_focused()  # a key typed into a field stays there
    page.locator("h1").click()
    page.keyboard.press("/")
    expect(page.get_by_label("Query")).to_be_focused()
    page.keyboard.type("largest animal")
    page.keyboard.press("Enter")
    first = page.locator(".eh-hits > li").first
    expect(first).to_contain_text("About whales")
    expect(first.locator("mark")).to_have_text(["largest", "animal"])
    expect(first).to_contain_text("Meaning")
    picture(page)
    first.get_by_role("link", name="About whales").click()
    expect(page.get_by_text("blue whale").first).to_be_visible()


def test_a_search_with_a_filter_and_a_broken_one(page: Any, house: House, picture: Picture) -> None:
    page.goto("/admin/console/collection/search/")
    page.get_by_label("Query").fill("whales")
    page.get_by_text("Filter and access").click()
    page.get_by_label("Filter").fill('{"year": {"$gte": 2028}}')
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".eh-hits")).to_contain_text("About postgres")
    expect(page.locator(".eh-hits")).not_to_contain_text("About whales")
    page.get_by_label("Filter").fill("{year")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("alert")).to_contain_text("This is no JSON")
    picture(page)


def test_scripts_in_documents_never_run(page: Any, house: House, picture: Picture) -> None:
    page.goto("/admin/console/collection/search/")
    page.get_by_label("Query").fill("script alert whales")
    page.get_by_role("button", name="Search").click()
    hits = page.locator(".eh-hits")
    expect(hits).to_contain_text("<script>alert('text')</script>")
    picture(page)
    page.get_by_role("link", name="<script>alert('title')</script>").click()
    expect(page.locator(".eh-text")).to_contain_text("<script>alert('text')</script>")
    picture(page)


def test_a_dead_letter_is_retried_and_progress_refreshes_itself(
    page: Any, house: House, picture: Picture
) -> None:
    page.goto("/admin/console/deadletter/")
    expect(page.get_by_text("the tokenizer refused this text")).to_be_visible()
    picture(page)
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("1 dead letter was sent back to the encoder")).to_be_visible()
    expect(page.get_by_role("heading", name="No dead letters")).to_be_visible()
    picture(page)
    page.goto("/admin/console/collection/")
    expect(page.get_by_text("2 pending")).to_be_visible()
    encode_everything()
    expect(page.get_by_text("100%")).to_be_visible()  # without anybody reloading
    picture(page)


def test_several_dead_letters_are_selected_and_retried(
    page: Any, house: House, picture: Picture
) -> None:
    send(house.caller, document("second", "Another one."))
    with db.writing() as session:
        bury(session, "second")
    page.goto("/admin/console/deadletter/")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("retry_selected")
    picture(page)
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("2 dead letters were sent back to the encoder")).to_be_visible()


def test_a_key_is_revoked_after_a_question(page: Any, house: House, picture: Picture) -> None:
    page.goto(f"/admin/console/apikey/{house.key_id}/change/")
    page.get_by_role("link", name="Revoke this key").click()
    picture(page)
    page.get_by_role("link", name="No, go back").click()
    expect(page.get_by_text("usable")).to_be_visible()
    page.get_by_role("link", name="Revoke this key").click()
    page.get_by_role("button", name="Revoke this key").click()
    expect(page.get_by_text("opens nothing any more")).to_be_visible()
    expect(page.get_by_text("revoked", exact=True)).to_be_visible()


def test_a_run_shows_its_progress_and_is_cancelled(
    page: Any, house: House, picture: Picture
) -> None:
    page.goto(f"/admin/console/run/{house.run_id}/change/")
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
    expect(page.get_by_text(re.compile(r"about .* left"))).to_be_visible()
    picture(page)
    page.get_by_role("link", name="Cancel this run").click()
    page.get_by_role("button", name="Cancel this run").click()
    expect(page.get_by_text("The run was asked to stop")).to_be_visible()
    expect(page.get_by_text("stopping")).to_be_visible()


def test_documents_are_found_with_the_slash_key(page: Any, house: House, picture: Picture) -> None:
    page.goto("/admin/console/document/")
    page.keyboard.press("/")
    page.keyboard.type("volcano")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="volcano", exact=True).click()
    expect(page.get_by_role("heading", name="Chunks")).to_be_visible()
    expect(page.get_by_text("embedded", exact=True)).to_be_visible()
    picture(page)


def test_a_list_is_filtered_by_keyboard_alone(page: Any, house: House, picture: Picture) -> None:
    page.goto("/admin/console/document/")
    filters = page.get_by_role("button", name="Filters")
    filters.focus()
    page.keyboard.press("Enter")
    choice = page.locator("select[name=state]")
    expect(choice).to_be_visible()
    choice.select_option(label="Access restricted")
    picture(page)
    page.get_by_role("button", name="Apply Filters").press("Enter")
    expect(page.get_by_role("link", name="volcano", exact=True)).to_be_visible()
    expect(page.get_by_text("1 document", exact=True)).to_be_visible()


def test_a_narrow_dark_screen_is_readable(page: Any, house: House, picture: Picture) -> None:
    page.set_viewport_size({"width": 420, "height": 800})
    page.emulate_media(color_scheme="dark")
    for address in (
        "/admin/",
        f"/admin/console/collection/search/?collection={house.collection_id}&q=whales",
        "/admin/console/collection/",
    ):
        page.goto(address)
        picture(page)
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, address
