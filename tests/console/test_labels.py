"""Labels in the console: sets, a queue answered by keys, likely errors, all undone."""

from typing import Any

import pytest
from django.test import Client

from embedhub.access.caller import Caller
from embedhub.labels import service
from embedhub.labels.predicting import forget_loaded
from tests.console.conftest import clerk, house, staff
from tests.console.pages import html_of
from tests.factories import send
from tests.labels.letters import NAME, OF, SLUG, WORDS, fill, letters, trained

__all__ = ["clerk", "house", "staff"]

SCRIPTED = {"X-Requested-With": "fetch"}


@pytest.fixture
def labelled(caller: Caller) -> Caller:
    """A caller whose letters are labelled by a field, with two that are wrong, and trained."""
    forget_loaded()
    fill(caller)
    wrong = {"money-5", "money-6"}
    letters_with_errors = [
        {**one, "metadata": {"kind": "travel"}} for one in letters() if one["external_id"] in wrong
    ]
    send(caller, *letters_with_errors, slug=SLUG)
    trained(caller)
    return caller


def rows_of(table: str) -> Any:
    """Return the rows of a mirror, whose models need Django to be up."""
    from embedhub.console import models

    return getattr(models, table).objects


def page_of(page: str, name: str = NAME) -> str:
    row = rows_of("LabelSet").get(name=name)
    return f"/admin/console/labelset/{row.pk}/{page}/"


def list_page() -> str:
    return f"/admin/console/labelset/sets/?collection={rows_of('Collection').get(slug=SLUG).pk}"


def answer(staff: Client, page: str, **fields: Any) -> dict[str, Any]:
    sent = staff.post(page, fields, headers=SCRIPTED)
    return dict(sent.json()) | {"status": sent.status_code}


def test_a_set_is_made_trained_looked_at_changed_and_deleted(caller: Caller, staff: Client) -> None:
    fill(caller)
    assert SLUG in html_of(staff.get("/admin/console/labelset/sets/"))
    shown = html_of(staff.get(list_page()))
    assert NAME in shown
    assert "There are: kind" in shown
    refused = html_of(staff.post(list_page(), {"name": "Not this", "level": "document"}))
    assert "lower-case" in refused
    wanted = {
        "name": "kind",
        "field": "kind",
        "level": "document",
        "labels": "money: bills\ntravel",
    }
    made = staff.post(list_page(), wanted)
    assert made.status_code == 302
    about = page_of("set", "kind")
    assert made["Location"] == about
    assert "Nothing predicts yet" in html_of(staff.get(about))
    started = staff.post(page_of("train", "kind"), {"method": "", "publish": "better"})
    assert started.status_code == 302
    assert "eh-progress" in html_of(staff.get(about))
    trained(caller, name="kind")
    shown = html_of(staff.get(about))
    assert "names the right label for" in shown
    assert "what they were taken for" in shown
    assert all(kind in shown for kind in WORDS)
    staff.post(page_of("edit", "kind"), {"labels": "money: all about it", "rejected_share": "5"})
    state = service.describe_set(caller, OF, SLUG, "kind")
    assert state.set.labels == [{"name": "money", "description": "all about it"}]
    assert state.set.setting["rejected_share"] == 0.05
    assert "type the name" in html_of(
        staff.post(page_of("delete", "kind"), {"name": "else"}, follow=True)
    )
    staff.post(page_of("delete", "kind"), {"name": "kind"})
    assert not rows_of("LabelSet").filter(name="kind").exists()
    actions = rows_of("StaffAction").filter(subject="label set").values_list("action", flat=True)
    assert {"make label set", "train labels", "change label set", "delete label set"} <= set(
        actions
    )


def test_a_version_of_before_predicts_again(labelled: Caller, staff: Client) -> None:
    service.update_set(labelled, OF, SLUG, NAME, {"setting": {"words": False}})
    trained(labelled, publish="always")
    assert "Let it predict" in html_of(staff.get(page_of("set")))
    staff.post(page_of("publish"), {"number": "1"})
    live = service.describe_set(labelled, OF, SLUG, NAME).live
    assert live is not None
    assert (live.number, live.published_by) == (1, "sam")


def test_labels_are_given_from_the_queue_and_taken_back(caller: Caller, staff: Client) -> None:
    fill(caller, source="given", field=None, labels=[{"name": kind} for kind in WORDS])
    shown = html_of(staff.get(page_of("queue")))
    assert "data-deciding" in shown
    assert 'data-key="1"' in shown
    assert 'value="label:money"' in shown
    send_to = page_of("give")
    given = answer(staff, send_to, ident="money-1", choice="label:money")
    assert (given["status"], given["n"]) == (200, 1)
    # Another answer to the same row: what the page has seen goes along.
    other = answer(staff, send_to, ident="money-1", choice="none", seen=given["seen"])
    assert (other["status"], other["n"]) == (200, 0)
    back = answer(staff, send_to, ident="money-1", choice="", seen=other["seen"])
    assert (back["seen"], back["n"]) == (None, 1)
    told = answer(staff, send_to, ident="money-1", choice="label:travel")
    assert told["status"] == 422
    assert "sam gave" in told["error"]
    assert answer(staff, send_to, ident="nobody", choice="none")["status"] == 422
    # Without the script the form itself does it.
    page = staff.post(send_to, {"ident": "travel-1", "choice": "label:travel"}, follow=True)
    assert "travel-1: “travel”." in html_of(page)
    assert "<strong>money-1</strong>" not in html_of(staff.get(page_of("queue")))


def test_likely_errors_are_corrected_dismissed_and_reopened(
    labelled: Caller, staff: Client
) -> None:
    shown = html_of(staff.get(page_of("errors")))
    assert "money-5" in shown
    assert "Correct it to money" in shown
    rows = {row.document.external_id: row.pk for row in rows_of("LabelError").all()}
    send_to = page_of("decide")
    n = service.describe_set(labelled, OF, SLUG, NAME).n_open_errors
    corrected = answer(staff, send_to, ident=rows["money-5"], choice="confirmed")
    assert (corrected["status"], corrected["n"]) == (200, n - 1)
    assert service.describe_set(labelled, OF, SLUG, NAME).given_by_label == {"money": 1}
    unseen = answer(staff, send_to, ident=rows["money-5"], choice="dismissed")
    assert unseen["status"] == 422
    back = answer(staff, send_to, ident=rows["money-5"], choice="", seen=corrected["seen"])
    assert (back["n"], back["seen"]) == (n, None)
    staff.post(send_to, {"ident": rows["money-6"], "choice": "dismissed"})
    assert "<strong>money-6</strong>" not in html_of(staff.get(page_of("errors")))
    assert answer(staff, send_to, ident="x", choice="dismissed")["status"] == 422


def test_empty_pages_say_what_to_do(caller: Caller, staff: Client) -> None:
    assert "nothing to label yet" in html_of(staff.get("/admin/console/labelset/sets/"))
    fill(caller, source="given", field=None)
    service.create_set(
        caller, OF, SLUG, service.SetInput(name="done", source="field", field="kind")
    )
    assert "Nothing is left to ask" in html_of(staff.get(page_of("queue", "done")))
    assert "checked when a classifier is trained" in html_of(staff.get(page_of("errors", "done")))
    service.start_training(caller, OF, SLUG, NAME)
    trained(caller)
    assert "no row has a label yet" in html_of(staff.get(page_of("set")))


def test_who_may_only_look_changes_nothing(labelled: Caller, clerk: Any) -> None:
    kim = clerk("view_labelset", "view_collection")
    for page in ("set", "queue", "errors"):
        shown = html_of(kim.get(page_of(page)))
        assert 'name="choice"' not in shown
        assert "Train it" not in shown
    for page in ("train", "edit", "publish", "delete", "give", "decide"):
        assert kim.post(page_of(page), {}).status_code == 403
    assert clerk("view_collection").get(page_of("set")).status_code == 403
