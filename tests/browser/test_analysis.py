"""Analyses and webhooks in a real browser: started, watched, decided, undone."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.anomalies.service import list_flags
from embedhub.config import override_config
from embedhub.duplicates.places import Where
from embedhub.duplicates.service import list_decisions
from embedhub.graph.subject import Owner
from embedhub.runs import service as runs
from embedhub.webhooks.delivering import deliver_due
from tests.browser.conftest import log_in
from tests.console.seed import House
from tests.factories import encode_everything, make_collection, send
from tests.webhooks.factories import receiving
from workers.train import WORK

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


def carry_out_scans() -> None:
    """Do what the training worker would; topics are left waiting, they compile code for long."""
    with db.reading() as session:
        waiting = session.execute(
            text("SELECT id FROM runs WHERE status = 'queued' AND kind LIKE 'scan%' ORDER BY id")
        )
        ids = list(waiting.scalars())
    for run_id in ids:
        kind = runs.kind_of(run_id)
        assert kind is not None
        runs.carry_out(run_id, WORK[kind])


def send_guides(caller: Caller) -> None:
    """Send texts about three subjects, a copy of one with small changes, and one that is odd."""
    subjects = {
        "bread": "Mix flour, water, salt and yeast, knead the dough and bake the bread",
        "bicycle": "Loosen the wheel, change the tube, pump the tyre and ride the bicycle",
        "garden": "Dig the bed, sow the seeds, water the plants and weed the garden",
    }
    documents = [
        {
            "external_id": f"{name}-{n}",
            "title": f"{name} {n}",
            "text": f"{words} {n * 7 + 3} times until the {name} is done well on day {n}.",
        }
        for name, words in subjects.items()
        for n in range(15)
    ]
    documents += [
        {"external_id": "copy", "text": documents[0]["text"].replace("well", "very well")},
        {"external_id": "odd", "text": "0x7f45 %%%% zyzzyva qoph;;;; ~~~~ 0x4c46 http://x.example"},
    ]
    send(caller, *documents)
    encode_everything()


def test_a_newcomer_starts_analyses_decides_and_undoes(
    browser_page: Any, picture: Picture, caller: Caller, faults: list[str]
) -> None:
    collection = make_collection(caller)
    send_guides(caller)
    page = browser_page
    page.set_default_timeout(60_000)
    log_in(page)
    page.goto("/admin/console/graph/analysis/")
    page.get_by_role("link", name="papers", exact=True).click()
    for name in ("Duplicates", "Anomalies", "Topics"):
        card = page.get_by_role("region", name=name)
        card.get_by_role("button", name=f"Start: {name}").click()
        expect(card.get_by_text("waiting", exact=True)).to_be_visible()
    picture(page)
    carry_out_scans()
    # The page looks by itself how the runs stand.
    for name in ("Duplicates", "Anomalies"):
        card = page.get_by_role("region", name=name)
        expect(card.get_by_text("done", exact=True)).to_be_visible(timeout=60_000)
    picture(page)
    page.get_by_role("region", name="Anomalies").get_by_role("link", name="Look at them").click()
    expect(page.get_by_text("zyzzyva").first).to_be_visible()
    page.get_by_role("button", name="Confirm", exact=True).first.click()
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_visible(timeout=60_000)
    assert anomalies(caller) == {"confirmed"}
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_role("button", name="Confirm", exact=True)).to_be_visible(timeout=60_000)
    assert anomalies(caller) == {"open"}
    page.goto(f"/admin/console/duplicatepair/queue/?collection={collection.id}")
    picture(page)
    page.get_by_role("button", name="Not duplicates").click()
    page.get_by_role("button", name="Undo", exact=True).first.click()
    expect(page.get_by_role("button", name="Not duplicates")).to_be_visible(timeout=60_000)
    page.wait_for_load_state()
    assert decisions(caller) == ["undo", "not_duplicate"]
    assert faults == []


def anomalies(caller: Caller) -> set[str]:
    """Return the statuses of what was flagged."""
    found = list_flags(caller, Owner.COLLECTIONS, "papers", status=None)
    return {flag.status for flag in found}


def decisions(caller: Caller) -> list[str]:
    """Return what was decided about pairs, the latest first."""
    found = list_decisions(caller, Where(Owner.COLLECTIONS, "papers"))
    return [decision.action for decision in found]
