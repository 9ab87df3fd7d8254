"""The page of an index: its state and forecast in plain words, a button, and who may press it."""

from collections.abc import Callable

from django.test import Client
from sqlalchemy import text

from embedhub import db
from embedhub.config import override_config
from embedhub.runs import service as runs
from embedhub.runs.kinds import RunKind
from embedhub.spaces.indexes import grow_space, rebuild_index
from tests.console.seed import House
from tests.console.test_actions import actions
from tests.factories import SilentProgress


def url(house: House) -> str:
    return f"/admin/console/collection/{house.collection_id}/index/"


def grow() -> int:
    with db.reading() as session:
        space_id = session.execute(text("SELECT id FROM spaces WHERE kind = 'dense'")).scalar_one()
    grow_space(SilentProgress(), {"space_id": space_id})
    return int(space_id)


def end_runs() -> None:
    with db.writing() as session:
        session.execute(text("UPDATE runs SET status = 'cancelled', finished_at = now()"))


def test_a_small_collection_has_no_index(house: House, staff: Client) -> None:
    end_runs()
    html = staff.get(url(house)).content.decode()
    assert "exactly, one by one: few enough" in html
    assert (
        url(house)
        in staff.get(f"/admin/console/collection/{house.collection_id}/change/").content.decode()
    )


def test_state_and_forecast_are_told_in_words(house: House, staff: Client) -> None:
    end_runs()
    grow()
    html = staff.get(url(house)).content.decode()
    assert "by an HNSW index that holds them as halfvec (valid)" in html
    assert "MiB needed" in html
    assert "given: it fits" in html
    assert "while it is built" in html


def test_another_precision_is_asked_for_by_a_button(house: House, staff: Client) -> None:
    end_runs()
    space_id = grow()
    html = staff.post(url(house), {"precision": "bit"}, follow=True).content.decode()
    assert "searches go by the old one until then" in html
    assert actions()[-1] == ("sam", "rebuild index", {"precision": "bit"})
    with db.reading() as session:
        run_id = runs.unfinished_run(
            session, kinds=[RunKind.REBUILD_INDEX], subject=f"space {space_id}"
        )
    assert run_id is not None
    # One at a time: the button is gone.
    html = staff.get(url(house)).content.decode()
    assert f"run {run_id}" in html
    assert "Build the index anew" not in html
    runs.carry_out(run_id, rebuild_index)
    assert "holds them as bit (valid)" in staff.get(url(house)).content.decode()


def test_a_full_disk_is_said_on_the_page(house: House, staff: Client) -> None:
    end_runs()
    override_config(database_disk_bytes=1)
    try:
        assert "There is not enough disk for it" in staff.get(url(house)).content.decode()
        html = staff.post(url(house), {"precision": ""}).content.decode()
    finally:
        override_config(database_disk_bytes=0)
    assert "not enough disk: the index of" in html
    assert ("sam", "rebuild index", {"precision": "as it is"}) not in actions()


def test_who_may_look_may_not_rebuild(house: House, clerk: Callable[..., Client]) -> None:
    end_runs()
    person = clerk("view_collection")
    assert "Build the index anew" not in person.get(url(house)).content.decode()
    assert person.post(url(house), {"precision": ""}).status_code == 403
    assert clerk("view_run").get(url(house)).status_code == 403


def test_a_run_says_whom_it_waits_for(house: House, staff: Client) -> None:
    with db.writing() as session:
        session.execute(
            text(
                "UPDATE runs SET phase = 'building the vector index',"
                " waiting_for = 'a transaction of ''psql'', open for 3 min' WHERE id = :id"
            ),
            {"id": house.run_id},
        )
    html = staff.get("/admin/console/run/").content.decode()
    assert "waiting for a transaction of &#x27;psql&#x27;, open for 3 min" in html
    assert "left" not in html.split("waiting for a transaction")[0][-400:]
