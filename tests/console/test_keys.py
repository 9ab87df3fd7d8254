"""API keys: made and shown once, bound, revoked; never written anywhere else."""

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from embedhub.access import recent
from embedhub.access.service import authenticate
from embedhub.errors import Unauthenticated
from tests.console.seed import House

NEW = "/admin/console/apikey/new/"
TOKEN = re.compile(r'id="secret"[^>]*value="(eh_[^"]+)"')


@pytest.fixture(autouse=True)
def fresh_keys() -> None:
    recent.forget_all()


def make(staff: Client, house: House, **fields: object) -> Any:
    given = {
        "workspace": house.caller.workspace_id,
        "name": "tester",
        "scopes": ["read"],
        "expires": "",
        "collections": "",
        "principals": "",
    }
    return staff.post(NEW, given | fields)


def secret_in(answer: Any) -> str:
    found = TOKEN.search(answer.content.decode())
    assert found, answer.content.decode()[-3000:]
    return found[1]


def test_a_new_key_opens_its_workspace(house: House, staff: Client) -> None:
    caller = authenticate(secret_in(make(staff, house, scopes=["read", "write"])))
    assert caller.workspace_id == house.caller.workspace_id
    assert caller.scopes == {"read", "write"}
    assert caller.collection_ids is None
    assert caller.principals is None


def test_a_key_is_shown_once_and_kept_nowhere(
    house: House, staff: Client, caplog: pytest.LogCaptureFixture
) -> None:
    from django.contrib.sessions.models import Session

    from embedhub.console.models import ApiKey, StaffAction

    caplog.set_level(logging.DEBUG)
    answer = make(staff, house)
    secret = secret_in(answer)
    assert "no-store" in answer["Cache-Control"]
    assert secret not in caplog.text
    assert secret not in str(staff.session.items())
    assert all(secret not in str(row.get_decoded()) for row in Session.objects.all())
    assert "messages" not in answer.cookies
    assert all(secret not in str(row.details) for row in StaffAction.objects.all())
    key = ApiKey.objects.get(name="tester")
    for url in (f"/admin/console/apikey/{key.pk}/change/", "/admin/console/apikey/", "/admin/"):
        html = staff.get(url).content.decode()
        assert secret not in html
    assert key.prefix in staff.get("/admin/console/apikey/").content.decode()


def test_a_key_can_be_bound(house: House, staff: Client) -> None:
    answer = make(
        staff, house, collections=" papers ,", principals="group:sales\n\n user:7 \n", expires="30"
    )
    caller = authenticate(secret_in(answer))
    assert caller.collection_ids == frozenset({house.collection_id})
    assert caller.principals == ("group:sales", "user:7")
    from embedhub.console.models import ApiKey

    key = ApiKey.objects.get(name="tester")
    assert 29 <= (key.expires_at - key.created_at).days <= 30
    html = staff.get(f"/admin/console/apikey/{key.pk}/change/").content.decode()
    assert "papers" in html
    assert "group:sales" in html


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": ""}, "required"),
        ({"scopes": []}, "required"),
        ({"scopes": ["root"]}, "not one of the available choices"),
        ({"collections": "papers, elsewhere"}, "not in this workspace: elsewhere"),
        ({"principals": "x" * 300}, "characters"),
        ({"workspace": "987654"}, "not one of the available choices"),
        ({"workspace": "nonsense"}, "not one of the available choices"),
    ],
)
def test_a_bad_key_is_refused_beside_its_field(
    house: House, staff: Client, fields: dict[str, object], reason: str
) -> None:
    from embedhub.console.models import ApiKey

    answer = make(staff, house, **fields)
    assert answer.status_code == 200
    assert reason in answer.content.decode()
    assert ApiKey.objects.count() == 1


def test_making_and_revoking_are_written_down(house: House, staff: Client) -> None:
    from embedhub.console.models import ApiKey, StaffAction

    secret = secret_in(make(staff, house))
    key = ApiKey.objects.get(name="tester")
    assert authenticate(secret)
    staff.post(f"/admin/console/apikey/{key.pk}/revoke/")
    with pytest.raises(Unauthenticated):
        authenticate(secret)
    done = StaffAction.objects.filter(subject_id=str(key.pk)).order_by("id")
    assert [(row.staff, row.action) for row in done] == [
        ("sam", "create API key"),
        ("sam", "revoke API key"),
    ]
    assert done[0].workspace_id == house.caller.workspace_id
    assert done[0].details["prefix"] == key.prefix


def test_a_revoked_key_says_so_and_offers_no_second_revoke(house: House, staff: Client) -> None:
    url = f"/admin/console/apikey/{house.key_id}/"
    assert "Revoke this key" in staff.get(f"{url}change/").content.decode()
    answer = staff.post(f"{url}revoke/", follow=True)
    html = answer.content.decode()
    assert "opens nothing any more" in html
    assert "Revoke this key" not in html
    assert "revoked" in staff.get("/admin/console/apikey/?state=revoked").content.decode()
    assert "Nothing matches" in staff.get("/admin/console/apikey/?state=usable").content.decode()


def test_revoking_what_is_not_there_is_a_404(staff: Client) -> None:
    assert staff.post("/admin/console/apikey/987654/revoke/").status_code == 404


def test_whoever_may_make_keys_need_not_be_a_superuser(
    house: House, clerk: Callable[..., Client]
) -> None:
    kim = clerk("view_apikey", "issue_apikey")
    assert authenticate(secret_in(make(kim, house)))
