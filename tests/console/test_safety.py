"""Nobody sees or changes what is not theirs, and nothing sent by others runs."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.console.conftest import HOST
from tests.console.pages import LISTS, every_page, html_of
from tests.console.seed import SCRIPT, House


def test_every_page_is_for_staff_only(house: House) -> None:
    stranger = Client(SERVER_NAME=HOST)
    for url in every_page(house):
        answer = stranger.get(url)
        assert answer.status_code == 302, url
        assert answer["Location"].startswith("/admin/login/"), url


def test_no_page_asks_another_host_for_anything(house: House, staff: Client) -> None:
    asked = re.compile(r'(?:src|href|action|data)="((?:https?:)?//[^"]+)"')
    for url in [*every_page(house), "/admin/login/"]:
        assert asked.findall(html_of(staff.get(url, follow=True))) == [], url


@pytest.mark.parametrize("name", LISTS)
def test_nothing_is_added_changed_or_deleted_by_the_admin_itself(
    house: House, staff: Client, name: str
) -> None:
    from django.apps import apps

    model: Any = apps.get_model("console", name)
    row = model._base_manager.first()
    for url in ("add/", f"{row.pk}/change/", f"{row.pk}/delete/"):
        answer = staff.post(f"/admin/console/{name}/{url}", {"name": "x", "post": "yes"})
        assert answer.status_code in {403, 404}, url
    assert model._base_manager.filter(pk=row.pk).exists()


def test_pages_never_read_vectors_or_secrets(house: House, staff: Client) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        for url in every_page(house):
            staff.get(url)
    sql = " ".join(query["sql"] for query in captured)
    assert '"vector"' not in sql
    assert "secret_hash" not in sql


def test_texts_of_documents_are_shown_and_never_run(house: House, staff: Client) -> None:
    from embedhub.console.models import Document

    pk = Document.objects.get(external_id="script").pk
    html = html_of(staff.get(f"/admin/console/document/{pk}/change/"))
    assert SCRIPT not in html
    assert "<script>alert('text')" not in html
    assert "&lt;script&gt;alert" in html
    assert "<b>boss</b>" not in html
    assert "&lt;b&gt;boss&lt;/b&gt;" in html
    for url in ("/admin/console/document/", "/admin/console/chunk/", "/admin/"):
        assert "<script>alert(" not in html_of(staff.get(url)), url


def test_a_staff_member_sees_only_what_they_may(house: House, clerk: Callable[..., Client]) -> None:
    kim = clerk("view_run")
    html = html_of(kim.get("/admin/console/run/"))
    assert "/admin/console/document/" not in html
    assert kim.get("/admin/console/document/").status_code == 403
    assert kim.get("/admin/console/collection/search/").status_code == 403
    home = html_of(kim.get("/admin/"))
    assert "papers" not in home
    assert "grow space" in home


def test_actions_need_their_own_permission(house: House, clerk: Callable[..., Client]) -> None:
    kim = clerk("view_apikey", "view_run", "view_deadletter", "view_workspace")
    html = html_of(kim.get("/admin/console/apikey/"))
    assert "New API key" not in html
    assert "Retry" not in html_of(kim.get("/admin/console/deadletter/"))
    for url in (
        "/admin/console/apikey/new/",
        f"/admin/console/apikey/{house.key_id}/revoke/",
        "/admin/console/workspace/new/",
        f"/admin/console/run/{house.run_id}/cancel/",
        "/admin/console/deadletter/retry-all/",
        "/admin/console/deadletter/1.5/retry/",
    ):
        assert kim.get(url).status_code == 403, url
        assert kim.post(url).status_code == 403, url


def test_posts_without_the_token_are_refused(house: House) -> None:
    from django.contrib.auth.models import User

    from tests.console.conftest import logged_in

    User.objects.filter(username="sam").delete()
    sam = User.objects.create_superuser("sam", "", "a long password")
    careless = logged_in(sam, enforce_csrf_checks=True)
    for url in (
        "/admin/console/apikey/new/",
        f"/admin/console/apikey/{house.key_id}/revoke/",
        "/admin/console/workspace/new/",
        f"/admin/console/run/{house.run_id}/cancel/",
        "/admin/console/deadletter/retry-all/",
        "/admin/console/deadletter/1.5/retry/",
        "/admin/console/deadletter/",
    ):
        assert careless.post(url, {"name": "x"}).status_code == 403, url


def test_a_get_request_changes_nothing(house: House, staff: Client) -> None:
    from embedhub.console.models import ApiKey, Pending, Run, StaffAction

    before = (StaffAction.objects.count(), Pending.objects.exclude(dead_at=None).count())
    staff.get(f"/admin/console/apikey/{house.key_id}/revoke/")
    staff.get(f"/admin/console/run/{house.run_id}/cancel/")
    staff.get("/admin/console/deadletter/retry-all/")
    dead = Pending.objects.exclude(dead_at=None).get()
    staff.get(f"/admin/console/deadletter/{dead.pk}/retry/")
    assert (StaffAction.objects.count(), Pending.objects.exclude(dead_at=None).count()) == before
    assert ApiKey.objects.get(pk=house.key_id).revoked_at is None
    assert not Run.objects.get(pk=house.run_id).is_cancel_asked
