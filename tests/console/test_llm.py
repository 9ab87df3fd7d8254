"""The page on which staff say what words a workspace's answers, and the conversations' pages."""

from typing import Any

from django.test import Client

from embedhub.answers.llm.service import find_setting
from embedhub.console.pages import conversations
from embedhub.tables import StaffAction
from tests.console.pages import html_of
from tests.console.seed import SCRIPT, House
from tests.fake_llm import Reply, fake_llm

PAGE = "/admin/console/llmsetting/edit/"
KEY = "sk-typed-by-staff"


def form(house: House, **fields: object) -> dict[str, object]:
    given = {"workspace": house.caller.workspace_id, "source": "own", "name": "small"}
    return given | {"base_url": "http://127.0.0.1:9/v1"} | fields


def test_a_setting_is_tried_and_then_saved(house: House, staff: Client) -> None:
    with fake_llm("Hello from here.") as llm:
        sent = form(house, base_url=llm.base_url, api_key=KEY, temperature="0.5")
        tried = html_of(staff.post(PAGE, sent | {"try": "1"}))
        assert "Hello from here." in tried
        assert "Nothing is stored yet" in tried
        assert KEY not in tried
        assert llm.keys == [f"Bearer {KEY}"]
        stored = find_setting(house.caller.workspace_id)
        assert stored is not None
        assert stored.base_url != llm.base_url
        saved = staff.post(PAGE, sent)
        assert saved.status_code == 302
        stored = find_setting(house.caller.workspace_id)
        assert stored is not None
        assert (stored.base_url, stored.has_key, stored.temperature) == (llm.base_url, True, 0.5)
    shown = html_of(staff.get(f"{PAGE}?workspace={house.caller.workspace_id}"))
    assert "A key is stored and shown to nobody" in shown
    assert KEY not in shown
    assert llm.base_url in shown


def test_what_goes_wrong_is_told_in_plain_words(house: House, staff: Client) -> None:
    with fake_llm(Reply(status=401, error={"error": {"message": f"No: {KEY}"}})) as llm:
        sent = form(house, base_url=llm.base_url, api_key=KEY)
        tried = html_of(staff.post(PAGE, sent | {"try": "1"}))
    assert "The language model&#x27;s endpoint refuses the key it was given." in tried
    assert "No: ***" in tried
    assert KEY not in tried
    tried = html_of(staff.post(PAGE, form(house) | {"try": "1"}))
    assert "cannot be reached" in tried


def test_a_wrong_address_is_told_beside_its_field(house: House, staff: Client) -> None:
    told = html_of(staff.post(PAGE, form(house, base_url="ftp://elsewhere")))
    assert "must begin with http:// or https://" in told


def test_a_workspace_can_do_without_or_take_what_is_installed(house: House, staff: Client) -> None:
    assert staff.post(PAGE, form(house, source="none", base_url="", name="")).status_code == 302
    stored = find_setting(house.caller.workspace_id)
    assert stored is not None
    assert not stored.is_enabled
    assert staff.post(PAGE, form(house, source="installed")).status_code == 302
    assert find_setting(house.caller.workspace_id) is None
    told = html_of(staff.post(PAGE, form(house, source="installed") | {"try": "1"}))
    assert "There is no language model to try" in told


def test_every_change_is_in_the_audit_without_the_key(house: House, staff: Client) -> None:
    from sqlalchemy import select

    from embedhub import db

    staff.post(PAGE, form(house, api_key=KEY))
    with db.reading() as session:
        action = session.scalars(select(StaffAction).order_by(StaffAction.id.desc())).first()
        assert action is not None
        assert action.action == "change language model"
        assert KEY not in str(action.details)


def test_only_staff_with_the_permission_change_it(house: House, clerk: Any) -> None:
    viewer = clerk("view_llmsetting", "view_conversation")
    assert viewer.get(PAGE).status_code == 403
    assert viewer.post(PAGE, form(house)).status_code == 403
    assert "127.0.0.1:9" in html_of(viewer.get("/admin/console/llmsetting/"))


def test_a_conversation_is_read_with_its_answers(house: House, staff: Client) -> None:
    listed: Any = staff.get("/admin/console/conversation/")
    assert "What are whales?" in html_of(listed)
    row = listed.context_data["cl"].result_list[0]
    page = html_of(staff.get(f"/admin/console/conversation/{row.pk}/change/"))
    assert "What are they?" in page
    assert "searched for as “What are whales?”" in page
    assert "page 3" in page
    assert "not every sentence is backed" in page
    assert SCRIPT not in page


def test_what_is_no_number_is_no_conversation() -> None:
    assert conversations.said("²") == {}
