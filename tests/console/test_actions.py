"""What staff change: workspaces, dead letters, runs; through services, written down."""

from typing import Any

import pytest
from django.test import Client

from embedhub import jobs
from tests.console.seed import House, bury, document
from tests.factories import encode_everything, make_collection, send

DEAD = "/admin/console/deadletter/"


def dead_keys() -> list[str]:
    from embedhub.console.models import DeadLetter

    rows = DeadLetter.objects.filter(dead_at__isnull=False).order_by("owner_id")
    return [row.pk for row in rows]


def actions() -> list[tuple[str, str, dict[str, Any]]]:
    from embedhub.console.models import StaffAction

    rows = StaffAction.objects.exclude(action="create API key").order_by("id")
    return [(row.staff, row.action, row.details) for row in rows]


def bury_more(house: House, *names: str, slug: str = "papers") -> None:
    from embedhub import db

    send(house.caller, *(document(name, f"Text of {name}.") for name in names), slug=slug)
    with db.writing() as session:
        for name in names:
            assert bury(session, name)


class TestWorkspaces:
    def test_a_workspace_is_made_and_written_down(self, house: House, staff: Client) -> None:
        answer = staff.post(
            "/admin/console/workspace/new/", {"slug": "shop", "name": "The shop"}, follow=True
        )
        html = answer.content.decode()
        assert "Workspace shop is there" in html
        assert "The shop" in html
        assert actions()[-1] == ("sam", "create workspace", {"slug": "shop"})

    def test_a_taken_or_malformed_slug_is_refused(self, house: House, staff: Client) -> None:
        answer = staff.post("/admin/console/workspace/new/", {"slug": "acme"})
        assert "already a workspace" in answer.content.decode()
        answer = staff.post("/admin/console/workspace/new/", {"slug": "No Spaces"})
        assert "lower-case letters" in answer.content.decode()
        assert actions() == []


class TestDeadLetters:
    def test_the_list_says_the_reason(self, house: House, staff: Client) -> None:
        html = staff.get(DEAD).content.decode()
        assert "ValueError: the tokenizer refused this text" in html
        assert "at line 3" not in html
        page = staff.get(f"{DEAD}{dead_keys()[0]}/change/").content.decode()
        assert "at line 3" in page
        assert "This text cannot be encoded." in page

    def test_one_is_retried_and_becomes_searchable(
        self, house: House, staff: Client, sent_jobs: list[tuple[jobs.Job, object]]
    ) -> None:
        sent_jobs.clear()
        (key,) = dead_keys()
        html = staff.post(f"{DEAD}{key}/retry/", follow=True).content.decode()
        assert "1 dead letter was sent back" in html
        assert dead_keys() == []
        assert jobs.Job.EMBED in [job for job, _ in sent_jobs]
        assert actions() == [("sam", "retry dead letters", {"retried": 1})]
        encode_everything()
        assert "100%" in staff.get("/admin/console/collection/").content.decode()

    def test_the_selected_ones_are_retried_and_no_others(self, house: House, staff: Client) -> None:
        bury_more(house, "second", "third")
        first, second, third = dead_keys()
        answer = staff.post(
            DEAD, {"action": "retry_selected", "_selected_action": [first, third]}, follow=True
        )
        assert "2 dead letters were sent back" in answer.content.decode()
        assert dead_keys() == [second]

    def test_all_of_one_collection_are_retried(self, house: House, staff: Client) -> None:
        make_collection(house.caller, "other")
        bury_more(house, "elsewhere", slug="other")
        asked = staff.get(f"{DEAD}retry-all/").content.decode()
        assert "acme / papers (1)" in asked
        assert "acme / other (1)" in asked
        staff.post(f"{DEAD}retry-all/", {"collection": house.collection_id})
        assert len(dead_keys()) == 1

    def test_all_are_retried(self, house: House, staff: Client) -> None:
        make_collection(house.caller, "other")
        bury_more(house, "elsewhere", slug="other")
        answer = staff.post(f"{DEAD}retry-all/", {"collection": ""}, follow=True)
        assert "2 dead letters were sent back" in answer.content.decode()
        assert dead_keys() == []
        assert "There is nothing to retry" in staff.get(f"{DEAD}retry-all/").content.decode()

    def test_retrying_what_is_no_longer_dead_says_so(self, house: House, staff: Client) -> None:
        (key,) = dead_keys()
        staff.post(f"{DEAD}{key}/retry/")
        for url in (f"{DEAD}{key}/retry/", f"{DEAD}nonsense/retry/"):
            answer = staff.post(url, follow=True)
            assert "no dead letter any more" in answer.content.decode()


class TestRuns:
    def test_progress_and_rest_are_told(self, house: House, staff: Client) -> None:
        html = staff.get("/admin/console/run/").content.decode()
        assert "25%" in html
        assert "2,500 of 10,000" in html
        assert "left" in html
        assert "unexpected DiskFull" in html

    def test_a_run_is_cancelled_after_a_question(self, house: House, staff: Client) -> None:
        from embedhub.console.models import Run

        url = f"/admin/console/run/{house.run_id}/"
        assert "Cancel this run" in staff.get(f"{url}change/").content.decode()
        html = staff.post(f"{url}cancel/", follow=True).content.decode()
        assert "asked to stop" in html
        assert "Cancel this run" not in html
        assert Run.objects.get(pk=house.run_id).is_cancel_asked
        assert actions() == [
            ("sam", "cancel run", {"kind": "grow_space", "of": "space 1"}),
        ]

    def test_an_ended_run_cannot_be_cancelled(self, house: House, staff: Client) -> None:
        from embedhub.console.models import Run

        ended = Run.objects.get(status="failed")
        url = f"/admin/console/run/{ended.pk}/"
        page = staff.get(f"{url}change/").content.decode()
        assert "Cancel this run" not in page
        assert "Why it failed" in page
        assert "has ended already" in staff.post(f"{url}cancel/", follow=True).content.decode()
        assert actions() == []

    def test_cancelling_what_is_not_there_is_a_404(self, staff: Client) -> None:
        assert staff.post("/admin/console/run/987654/cancel/").status_code == 404


@pytest.mark.parametrize("name", ["status=failed", "status=running"])
def test_runs_are_filtered_by_status(house: House, staff: Client, name: str) -> None:
    answer: Any = staff.get(f"/admin/console/run/?{name}")
    statuses = {row.status for row in answer.context_data["cl"].result_list}
    assert statuses == {name.partition("=")[2]}
