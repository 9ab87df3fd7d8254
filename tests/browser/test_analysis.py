"""Analyses and webhooks in a real browser: started, watched, decided, undone."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from embedhub.config import override_config
from embedhub.webhooks.delivering import deliver_due
from tests.console.seed import House
from tests.webhooks.factories import receiving

pytestmark = pytest.mark.slow

Picture = Callable[[Any], None]


def test_a_webhook_is_set_up_and_tested(
    page: Any, house: House, picture: Picture, faults: list[str]
) -> None:
    override_config(webhook_networks='["127.0.0.0/8"]')
    try:
        with receiving() as receiver:
            page.goto("/admin/console/graph/analysis/")
            picture(page)
            page.goto("/admin/console/webhook/")
            page.get_by_role("link", name="New webhook").first.click()
            page.get_by_label("Address").fill(receiver.url)
            page.get_by_label("duplicates were found").check()
            page.get_by_label("Only of these collections").fill("papers, nowhere")
            picture(page)
            page.get_by_role("button", name="Set it up").click()
            expect(page.get_by_text("there is no 'nowhere'")).to_be_visible()
            page.get_by_label("Only of these collections").fill("papers")
            page.get_by_role("button", name="Set it up").click()
            assert page.get_by_label("Secret of").input_value().startswith("whsec_")
            picture(page)
            page.get_by_role("link", name="I have copied it").click()
            page.get_by_role("button", name="Send a test").click()
            expect(page.get_by_text("A test is on its way")).to_be_visible()
            picture(page)
            deliver_due()
            # The page looks by itself what became of it.
            expect(page.get_by_text("answered 200")).to_be_visible()
            assert len(receiver.got) == 1
            page.get_by_role("button", name="Send again").click()
            deliver_due()
            expect(page.get_by_text("delivered", exact=True)).to_be_visible()
            assert len(receiver.got) == 2
            page.get_by_role("button", name="Pause it").click()
            expect(page.get_by_text("It is paused")).to_be_visible()
            picture(page)
    finally:
        override_config(webhook_networks="[]")
    # What could not be taken was told with the form, not as an error of the page.
    assert faults == []
