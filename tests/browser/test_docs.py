"""The API's documentation page in a real browser, without the internet."""

from typing import Any

import pytest
from playwright.sync_api import expect

from embedhub.access.caller import Caller
from embedhub.access.service import create_key
from tests.factories import make_collection

pytestmark = pytest.mark.slow


def test_the_page_shows_every_endpoint_and_tries_one(
    browser_page: Any, caller: Caller, faults: list[str]
) -> None:

    def note_error(said: Any) -> None:
        if said.type == "error":
            faults.append(said.text)

    make_collection(caller)
    _, token = create_key(caller.workspace_id, name="a reader")
    page = browser_page
    # A policy that forbids what the page needs would be told here.
    page.on("console", note_error)
    page.goto("/v1/docs")
    expect(page.get_by_role("heading", name="EmbedHub")).to_be_visible()
    expect(page.locator(".opblock")).to_have_count(operations(page))
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container input").fill(token)
    page.locator(".auth-container").get_by_role("button", name="Apply credentials").click()
    page.locator(".auth-container").get_by_role("button", name="Close").click()
    block = page.locator("#operations-collections-list_collections")
    block.click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    expect(
        block.locator(".live-responses-table .response .response-col_status").first
    ).to_contain_text("200")
    expect(block.locator(".live-responses-table")).to_contain_text("papers")
    assert faults == []


def operations(page: Any) -> int:
    """Return how many operations the OpenAPI document has."""
    document = page.evaluate("async () => (await fetch('/v1/openapi.json')).json()")
    return sum(len(methods) for methods in document["paths"].values())
