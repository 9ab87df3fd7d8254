"""Staff see what became of files, have failed ones read again, and get originals back."""

from typing import Any

import pytest
from django.test import Client

from embedhub import jobs
from embedhub.documents.files import service
from tests.console.pages import html_of
from tests.console.seed import House
from tests.documents.files.factories import sent_and_read

FILES = "/admin/console/file/"


@pytest.fixture
def failed(house: House) -> int:
    return sent_and_read(house.caller, "a/<b>cut</b>.pdf", b"%PDF-1.4").id


def test_a_failed_file_says_why_and_is_read_again(
    house: House, staff: Client, failed: int, sent_jobs: list[tuple[jobs.Job, Any]]
) -> None:
    listed = html_of(staff.get(f"{FILES}?status=failed"))
    assert "it is damaged or cut off" in listed
    assert "<b>cut</b>" not in listed
    assert "is not a whole PDF" in html_of(staff.get(f"{FILES}{failed}/change/"))
    sent_jobs.clear()
    answer = html_of(staff.post(f"{FILES}{failed}/retry/", follow=True))
    assert "1 file is read again" in answer
    assert [job for job, _ in sent_jobs] == [jobs.Job.READING_RUN]
    assert service.get_file(house.caller, "papers", failed).status == "waiting"
    again = html_of(staff.post(f"{FILES}{failed}/retry/", follow=True))
    assert "Nothing was retried" in again


def test_selected_files_are_read_again(house: House, staff: Client, failed: int) -> None:
    asked = {"action": "retry_selected", "_selected_action": [failed]}
    assert "1 file is read again" in html_of(staff.post(FILES, asked, follow=True))


def test_an_original_is_a_download_and_never_a_page(house: House, staff: Client) -> None:
    page = b"<script>alert(1)</script><p>words</p>"
    file = sent_and_read(house.caller, "pages/ä.html", page)
    answer = staff.get(f"{FILES}{file.id}/original/")
    assert b"".join(answer.streaming_content) == page  # type: ignore[attr-defined]
    assert answer["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%A4.html"
    assert answer["Content-Type"] == "application/octet-stream"
    assert "sandbox" in answer["Content-Security-Policy"]


def test_only_who_may_does(house: House, clerk: Any, failed: int) -> None:
    reader = clerk("view_file")
    assert "Retry</button>" not in html_of(reader.get(FILES))
    assert reader.post(f"{FILES}{failed}/retry/").status_code == 403
    assert reader.post(f"/admin/console/workspace/{house.caller.workspace_id}/fetching/",
                       {"allowed": "yes"}).status_code == 403  # fmt: skip
    assert clerk("view_document").get(f"{FILES}{failed}/original/").status_code == 403


def test_a_workspace_is_let_fetch_and_not_any_more(house: House, staff: Client) -> None:
    place = f"/admin/console/workspace/{house.caller.workspace_id}/"
    assert "Allow fetching files" in html_of(staff.get(f"{place}change/"))
    allowed = html_of(staff.post(f"{place}fetching/", {"allowed": "yes"}, follow=True))
    assert "may now name files by their web address" in allowed
    forbidden = html_of(staff.post(f"{place}fetching/", {"allowed": "no"}, follow=True))
    assert "no longer fetched" in forbidden
