"""The queue of anomalies in the admin, without scripts."""

import pytest
from django.test import Client
from sqlalchemy import text

from embedhub import db
from embedhub.anomalies import service
from embedhub.anomalies.view import FlagView
from embedhub.graph.service import Owner
from embedhub.runs.service import RunKind
from tests.console.pages import html_of
from tests.console.seed import House

QUEUE = "/admin/console/anomalyflag/queue/"
PAPERS = (Owner.COLLECTIONS, "papers")


def flag_of(house: House) -> FlagView:
    [flag] = service.list_flags(house.caller, *PAPERS, status=None)
    return flag


def decision(house: House, word: str, seen: str = "") -> dict[str, str]:
    return {
        "collection": str(house.collection_id),
        "flag": str(flag_of(house).id),
        "decision": word,
        "seen": seen,
    }


def test_a_row_stands_with_its_reasons_its_rare_words_and_usual_rows(
    house: House, staff: Client
) -> None:
    html = html_of(staff.get(QUEUE, {"collection": str(house.collection_id)}))
    assert "Uses words that similar rows do not: alert" in html
    assert "&lt;<mark>script</mark>&gt;<mark>alert</mark>" in html
    assert "<script>alert" not in html
    assert "About whales" in html
    assert "odder than 75.0 % of the rows" in html


def test_decisions_are_stored_told_and_taken_back(house: House, staff: Client) -> None:
    page = {"collection": str(house.collection_id)}
    answer = staff.post(f"{QUEUE}decide/", decision(house, "confirm"), follow=True)
    assert "is confirmed" in html_of(answer)
    assert "Nothing waits" in html_of(staff.get(QUEUE, page))
    flag = flag_of(house)
    assert (flag.status, flag.decisions[0].decided_by) == ("confirmed", "sam")
    html = html_of(staff.get(QUEUE, page | {"status": "confirmed"}))
    assert "sam confirmed, " in html
    assert "Confirmed</span>" in html
    fetch = {"X-Requested-With": "fetch"}
    unseen = staff.post(f"{QUEUE}decide/", decision(house, "accept"), headers=fetch)
    assert (unseen.status_code, "sam confirmed this row" in unseen.json()["error"]) == (409, True)
    undo = decision(house, "undo", str(flag.current))
    assert staff.post(f"{QUEUE}decide/", undo, headers=fetch).json()["status"] == "open"
    assert flag_of(house).status == "open"
    with db.reading() as session:
        told = session.execute(text("SELECT action FROM staff_actions ORDER BY id")).scalars().all()
    assert told[-2:] == ["confirm anomaly", "undo anomaly"]


def test_the_budget_is_set_and_refused_with_a_reason(house: House, staff: Client) -> None:
    given = {
        "collection": str(house.collection_id),
        "kind": "per_day",
        "amount": "7",
        "detector": "fused",
        "limit": "",
        "label_field": "year",
    }
    assert "for all after the next scan" in html_of(
        staff.post(f"{QUEUE}setting/", given, follow=True)
    )
    setting = service.describe(house.caller, *PAPERS).setting
    assert (setting.budget.per_day, setting.budget.share, setting.label_field) == (7, None, "year")
    html = html_of(staff.post(f"{QUEUE}setting/", given | {"kind": "share", "amount": "90"}))
    assert "must be above 0 and at most 0.2" in html


def test_a_scan_is_started_and_watched(house: House, staff: Client) -> None:
    answer = staff.post(f"{QUEUE}start/", {"collection": str(house.collection_id)}, follow=True)
    assert "The scan has begun" in html_of(answer)
    assert "data-live-active" in html_of(answer)
    with db.reading() as session:
        kinds = session.execute(text("SELECT kind FROM runs WHERE status = 'queued'")).scalars()
        assert RunKind.SCAN_ANOMALIES.value in set(kinds)


def test_owners_are_chosen_from_and_strangers_to_it_refused(
    house: House, staff: Client, clerk: object
) -> None:
    assert "?collection=" in html_of(staff.get(QUEUE))
    assert staff.get(QUEUE, {"collection": "999999"}).status_code == 404
    watcher = clerk("view_anomalyflag")  # type: ignore[operator]
    html = html_of(watcher.get(QUEUE, {"collection": str(house.collection_id)}))
    assert "Scan for anomalies" not in html
    for name in ("decide", "setting", "start"):
        refused = watcher.post(f"{QUEUE}{name}/", decision(house, "accept"))
        assert refused.status_code == 403
    assert flag_of(house).status == "open"


@pytest.mark.parametrize("name", ["decide", "setting", "start"])
def test_nothing_happens_by_a_link(house: House, staff: Client, name: str) -> None:
    assert staff.get(f"{QUEUE}{name}/").status_code == 405
