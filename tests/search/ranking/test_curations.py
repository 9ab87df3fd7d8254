"""Decisions about documents: how many there may be, how long they are remembered, where they go."""

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import delete_collection
from embedhub.config import override_config
from embedhub.errors import Conflict, NotFound
from embedhub.search.ranking.curations import (
    Action,
    CurationInput,
    add_curation,
    list_curations,
    remove_curation,
    restore_curation,
)
from tests.factories import make_collection, send_texts


@pytest.fixture
def papers(caller: Caller) -> Caller:
    make_collection(caller)
    send_texts(caller, ["one", "two", "three"])
    return caller


def pin(caller: Caller, external_id: str, query: str | None = None) -> int:
    return add_curation(caller, "papers", CurationInput(Action.PIN, external_id, query)).id


def count_rows() -> int:
    with db.reading() as session:
        return int(session.execute(text("SELECT count(*) FROM curations")).scalar_one())


def test_there_may_be_so_many_and_one_about_the_same_replaces(papers: Caller) -> None:
    override_config(max_curations=2)
    try:
        first = pin(papers, "0")
        pin(papers, "1")
        with pytest.raises(Conflict, match="at most 2"):
            pin(papers, "2")
        pin(papers, "1")
        assert len(list_curations(papers, "papers")) == 2
        remove_curation(papers, "papers", first)
        pin(papers, "2")
        with pytest.raises(Conflict):
            restore_curation(papers, "papers", first)
        in_force = list_curations(papers, "papers")
        assert sorted(one.external_id for one in in_force) == ["1", "2"]
    finally:
        override_config(max_curations=5_000)


def test_pins_line_up_for_each_query(papers: Caller) -> None:
    for external_id in ("0", "1", "2"):
        pin(papers, external_id, "words")
    pin(papers, "2")
    places = {
        (one.external_id, one.query): one.position for one in list_curations(papers, "papers")
    }
    assert places == {("0", "words"): 1, ("1", "words"): 2, ("2", "words"): 3, ("2", None): 1}


def test_taking_back_twice_keeps_who_did_it_first(papers: Caller) -> None:
    made = pin(papers, "0")
    remove_curation(papers, "papers", made, by="staff kim")
    again = remove_curation(papers, "papers", made, by="staff sam")
    assert again.removed_by == "staff kim"
    assert restore_curation(papers, "papers", made).removed_by is None


def test_what_was_taken_back_long_ago_is_forgotten(papers: Caller) -> None:
    old, new = pin(papers, "0"), pin(papers, "1")
    for made in (old, new):
        remove_curation(papers, "papers", made)
    with db.writing() as session:
        session.execute(
            text("UPDATE curations SET removed_at = now() - interval '200 days' WHERE id = :id"),
            {"id": old},
        )
    kept = pin(papers, "2")
    assert [one.id for one in list_curations(papers, "papers", is_removed=True)] == [new]
    assert [one.id for one in list_curations(papers, "papers")] == [kept]


def test_a_collection_takes_its_decisions_along(papers: Caller, stranger: Caller) -> None:
    from embedhub.collections.purge import purge_collection
    from tests.factories import SilentProgress

    make_collection(papers, "other")
    made = pin(papers, "0")
    with pytest.raises(NotFound):
        remove_curation(papers, "other", made)
    with pytest.raises(NotFound):
        remove_curation(stranger, "papers", made)
    with db.reading() as session:
        collection_id = session.execute(
            text("SELECT collection_id FROM curations WHERE id = :id"), {"id": made}
        ).scalar_one()
    delete_collection(papers, "papers")
    assert count_rows() == 1
    purge_collection(SilentProgress(), {"collection_id": collection_id})
    assert count_rows() == 0
