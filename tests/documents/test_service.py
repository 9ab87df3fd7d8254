"""Documents through their service: outcomes, versions, lists, deletion, bounds of the caller."""

import threading
import time
from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import (
    CollectionChanges,
    delete_collection,
    update_collection,
)
from embedhub.config import override_config
from embedhub.documents import deletion
from embedhub.documents.deletion import carry_out_deletion, delete_expired
from embedhub.documents.inputs import parse_document
from embedhub.documents.preparation import prepare
from embedhub.documents.queries import upkeep
from embedhub.documents.service import (
    delete_documents,
    get_document,
    get_documents,
    list_documents,
    open_for_writing,
    wait_until_indexed,
)
from embedhub.documents.upkeep import forget_old_versions, update_attributes
from embedhub.documents.upsert import upsert
from embedhub.errors import Forbidden, InvalidInput, NotFound, NotReady, TooLarge
from embedhub.runs import service as runs
from embedhub.spaces.doctor import examine
from tests.factories import encode_everything, make_collection, send, send_texts


def outcomes(*sent: Any) -> list[str]:
    return [each.outcome.value for each in sent]


def test_outcomes_say_what_became_of_each_document(caller: Caller) -> None:
    make_collection(caller)
    first = {"external_id": "a", "text": "one"}
    second = {"external_id": "b", "text": "two", "metadata": {"year": 2020}}
    assert outcomes(*send(caller, first, second)) == ["created", "created"]
    assert outcomes(*send(caller, second, first)) == ["unchanged", "unchanged"]
    changed = second | {"metadata": {"year": 2021}}
    assert outcomes(*send(caller, first, changed)) == ["unchanged", "updated"]


def test_an_older_update_never_overwrites_a_newer_one(caller: Caller) -> None:
    make_collection(caller)
    send(caller, {"external_id": "a", "text": "new", "source_version": 7})
    assert outcomes(*send(caller, {"external_id": "a", "text": "old", "source_version": 6})) == [
        "stale"
    ]
    assert get_document(caller, "papers", "a").text == "new"
    # Seen again under a newer version: what came between is older now.
    send(caller, {"external_id": "a", "text": "new", "source_version": 9})
    assert outcomes(*send(caller, {"external_id": "a", "text": "mid", "source_version": 8})) == [
        "stale"
    ]


def test_a_batch_is_stored_whole_or_not_at_all(caller: Caller) -> None:
    make_collection(caller, dimension=2)
    with pytest.raises(InvalidInput, match=r"documents\.1\.vector"):
        send(
            caller,
            {"external_id": "a", "vector": [1, 0]},
            {"external_id": "b", "vector": [1, 0, 0]},
        )
    assert list_documents(caller, "papers").documents == []


@pytest.mark.parametrize("vector", [[0, 0], [1, 2, 3]])
def test_a_vector_that_cannot_be_compared_is_refused(caller: Caller, vector: list[float]) -> None:
    make_collection(caller, dimension=2)
    with pytest.raises(InvalidInput, match=r"documents\.0\.vector"):
        send(caller, {"external_id": "a", "vector": vector})


def test_an_encoded_collection_refuses_vectors(caller: Caller) -> None:
    make_collection(caller)
    with pytest.raises(InvalidInput, match="supplied"):
        send(caller, {"external_id": "a", "vector": [1, 2]})


def test_a_value_of_another_type_than_declared_is_refused(caller: Caller) -> None:
    make_collection(caller, filterable={"year": "number"})
    with pytest.raises(InvalidInput, match=r"documents\.0\.metadata\.year"):
        send(caller, {"external_id": "a", "text": "x", "metadata": {"year": "soon"}})


def test_a_document_may_have_another_language_but_a_real_one(caller: Caller) -> None:
    make_collection(caller)
    send(caller, {"external_id": "a", "text": "die Häuser", "language": "german"})
    with db.reading() as session:
        terms = session.execute(text("SELECT terms::text FROM sparse_embeddings")).scalar_one()
    assert "haus" in terms
    with pytest.raises(InvalidInput, match=r"documents\.0\.language"):
        send(caller, {"external_id": "b", "text": "x", "language": "klingon!"})


def test_too_large_a_batch_is_refused(caller: Caller) -> None:
    make_collection(caller)
    override_config(max_batch_documents=2)
    try:
        with pytest.raises(TooLarge, match="documents"):
            send_texts(caller, ["a", "b", "c"])
    finally:
        override_config(max_batch_documents=1_000)


def test_documents_come_in_the_order_asked(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["zero", "one", "two"])
    found = get_documents(caller, "papers", ["2", "nobody", "0"])
    assert [each and each.text for each in found] == ["two", None, "zero"]


def test_lists_are_filtered_and_paged_without_gap_or_repeat(caller: Caller) -> None:
    make_collection(caller)
    send(
        caller,
        *(
            {"external_id": str(i), "text": f"{i}", "metadata": {"even": i % 2 == 0}}
            for i in range(9)
        ),
    )
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        page = list_documents(caller, "papers", where={"even": True}, after=after, limit=2)
        seen += [each.external_id for each in page.documents]
        after = page.after
    assert seen == ["0", "2", "4", "6", "8"]


def test_deletion_by_id_and_by_filter_leaves_no_trace(caller: Caller) -> None:
    make_collection(caller)
    send(
        caller,
        *({"external_id": str(i), "text": f"fish {i}", "metadata": {"n": i}} for i in range(6)),
    )
    encode_everything()
    assert delete_documents(caller, "papers", external_ids=["0", "nobody"]).n_deleted == 1
    assert delete_documents(caller, "papers", where={"n": {"$gte": 4}}).n_deleted == 2
    assert [each.external_id for each in list_documents(caller, "papers").documents] == [
        "1",
        "2",
        "3",
    ]
    report = examine()
    assert (report.n_chunks, report.n_vectors, report.is_clean) == (3, 3, True)
    with pytest.raises(InvalidInput, match="filter"):
        delete_documents(caller, "papers", where={})


def test_a_large_deletion_becomes_a_run(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "DELETED_IN_REQUEST", 3)
    make_collection(caller)
    send(
        caller,
        *({"external_id": str(i), "text": "x", "metadata": {"n": i}} for i in range(8)),
    )
    deleted = delete_documents(caller, "papers", where={"n": {"$gte": 2}})
    assert deleted.n_deleted == 0
    assert deleted.run_id is not None
    runs.carry_out(deleted.run_id, carry_out_deletion)
    assert runs.get_run(caller, deleted.run_id).result == {"n_deleted": 6}
    assert len(list_documents(caller, "papers").documents) == 2


def test_changed_filter_fields_reach_every_document(caller: Caller) -> None:
    collection = make_collection(caller)
    send(caller, {"external_id": "a", "text": "x", "metadata": {"when": "2020-05-01"}})
    _, run_id = update_collection(caller, "papers", CollectionChanges(filterable={"when": "date"}))
    assert run_id is not None
    runs.carry_out(run_id, update_attributes)
    assert runs.get_run(caller, run_id).status == "succeeded"
    found = list_documents(caller, "papers", where={"when": {"$lt": "2020-05-01T12:00:00Z"}})
    assert [each.external_id for each in found.documents] == ["a"]
    assert examine().is_clean
    assert collection.slug == "papers"


def test_expired_documents_are_hidden_at_once_and_swept_later(caller: Caller) -> None:
    make_collection(caller)
    send(
        caller,
        {"external_id": "a", "text": "x", "expires_at": "2020-01-01T00:00:00Z"},
        {"external_id": "b", "text": "x", "expires_at": "2999-01-01T00:00:00Z"},
    )
    assert get_documents(caller, "papers", ["a", "b"])[0] is None
    assert delete_expired() == 1
    report = examine()
    assert (report.n_documents, report.is_clean) == (1, True)


def test_old_versions_go_after_their_time_but_never_the_live_one(caller: Caller) -> None:
    make_collection(caller)
    for body in ("one", "two", "three"):
        send(caller, {"external_id": "a", "text": body})
        encode_everything()
    with db.writing() as session:
        session.execute(text("UPDATE document_versions SET created_at = '2020-01-01'"))
    assert forget_old_versions() == 2
    assert get_document(caller, "papers", "a").text == "three"


def test_waiting_ends_when_everything_is_embedded(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["one", "two"])
    worker = threading.Timer(0.3, encode_everything)
    worker.start()
    begun = time.monotonic()
    state = wait_until_indexed(caller, "papers", ["0", "1"], timeout_s=20)
    worker.join()
    assert (state.pending, state.dead) == ([], [])
    assert 0.2 < time.monotonic() - begun < 15


def test_waiting_ends_at_its_limit_and_says_what_is_pending(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["one", "two"])
    assert wait_until_indexed(caller, "papers", ["0", "1"], timeout_s=0.1).pending == ["0", "1"]


def test_strangers_find_nothing(caller: Caller, stranger: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["ours"])
    for ask in (
        lambda: get_documents(stranger, "papers", ["0"]),
        lambda: list_documents(stranger, "papers"),
        lambda: send_texts(stranger, ["theirs"]),
        lambda: delete_documents(stranger, "papers", external_ids=["0"]),
        lambda: wait_until_indexed(stranger, "papers", ["0"], timeout_s=0),
    ):
        with pytest.raises(NotFound):
            ask()


def test_principals_bound_what_is_seen(caller: Caller) -> None:
    make_collection(caller)
    send(
        caller,
        {"external_id": "open", "text": "x"},
        {"external_id": "staff", "text": "x", "access": ["staff"]},
        {"external_id": "nobody", "text": "x", "access": []},
    )
    ids = ["open", "staff", "nobody"]

    def seen(who: Caller) -> list[bool]:
        listed = {each.external_id for each in list_documents(who, "papers").documents}
        found = [each is not None for each in get_documents(who, "papers", ids)]
        assert found == [external_id in listed for external_id in ids]
        return found

    assert seen(caller) == [True, True, True]
    assert seen(caller.narrowed(["staff"])) == [True, True, False]
    assert seen(caller.narrowed(["guest"])) == [True, False, False]
    assert seen(caller.narrowed([])) == [True, False, False]
    with pytest.raises(Forbidden):
        send_texts(caller.narrowed(["staff"]), ["x"])


def test_a_deleted_collection_takes_no_more_documents(caller: Caller) -> None:
    make_collection(caller)
    delete_collection(caller, "papers")
    with pytest.raises(NotFound):
        send_texts(caller, ["late"])


def test_a_batch_checked_against_old_filter_fields_is_sent_again(caller: Caller) -> None:
    make_collection(caller)
    facts = open_for_writing(caller, "papers")
    update_collection(caller, "papers", CollectionChanges(filterable={"when": "date"}))
    late = prepare(
        parse_document({"external_id": "a", "metadata": {"when": "2020-05-01"}}, "d"), facts, "d"
    )
    with pytest.raises(NotReady, match="filterable"):
        upsert(facts, [late], priority=0, field="documents")


def test_what_is_sent_after_a_large_deletion_was_asked_for_stays(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "DELETED_IN_REQUEST", 3)
    make_collection(caller)
    texts = [f"text {i}" for i in range(8)]
    send_texts(caller, texts, metadata={"old": True})
    asked = delete_documents(caller, "papers", where={"old": True})
    assert asked.run_id is not None
    # One new, one changed, one unchanged.
    send(
        caller,
        {"external_id": "new", "text": "x", "metadata": {"old": True}},
        {"external_id": "0", "text": "changed", "metadata": {"old": True}},
        {"external_id": "1", "text": "text 1", "metadata": {"old": True}},
    )
    runs.carry_out(asked.run_id, carry_out_deletion)
    left = {each.external_id for each in list_documents(caller, "papers").documents}
    assert left == {"new", "0", "1"}
    assert examine().is_clean


def test_a_document_sent_again_while_it_expires_stays(caller: Caller) -> None:
    make_collection(caller)
    send(caller, {"external_id": "a", "text": "x", "expires_at": "2020-01-01T00:00:00Z"})
    with db.reading() as session:
        [(document_id, _)] = upkeep.expired_documents(session, limit=10)
    send(caller, {"external_id": "a", "text": "x", "expires_at": "2999-01-01T00:00:00Z"})
    removed = deletion.remove_documents(
        [document_id],
        still=upkeep.still_expired,
    )
    assert removed == 0
    assert get_document(caller, "papers", "a").text == "x"


def test_another_language_analyses_the_same_text_anew_without_encoding(caller: Caller) -> None:
    make_collection(caller)
    document = {"external_id": "a", "text": "viele Häuser"}
    send(caller, document)
    encode_everything()
    send(caller, document | {"language": "german"})
    assert encode_everything() == 0
    with db.reading() as session:
        terms = session.execute(text("SELECT terms::text FROM sparse_embeddings")).scalar_one()
    assert "haus" in terms
