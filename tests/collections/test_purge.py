from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections import purge, service
from embedhub.runs.service import RunKind, RunProgress, carry_out, get_run, start_run
from embedhub.spaces.indexes import grow_space
from embedhub.spaces.queries import shelves
from tests.factories import encode_everything, make_collection, send, send_texts

TABLES = (
    "collections", "documents", "document_versions", "chunks", "spaces", "embeddings",
    "sparse_embeddings", "pending", "term_deltas", "size_deltas",
)  # fmt: skip


def rows() -> dict[str, int]:
    with db.reading() as session:
        return {
            name: session.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in TABLES
        }


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "CHUNKS_AT_ONCE", 3)
    monkeypatch.setattr(purge, "DOCUMENTS_AT_ONCE", 2)
    monkeypatch.setattr(purge, "COUNTS_AT_ONCE", 2)
    monkeypatch.setattr(purge, "SMALL_ROWS", 0)


@pytest.mark.parametrize("small_rows", [0, 500])
def test_everything_of_a_collection_goes_and_nothing_of_another(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, small_rows: int
) -> None:
    monkeypatch.setattr(purge, "SMALL_ROWS", small_rows)
    make_collection(caller, "kept")
    send_texts(caller, ["one text", "another text"], slug="kept")
    encode_everything()
    kept = rows()
    make_collection(caller)
    send_texts(caller, [f"text number {n}" for n in range(10)])
    encode_everything()
    send(caller, {"external_id": "late", "text": "not encoded yet"})
    assert rows()["pending"] == 1
    run_id = service.delete_collection(caller, "papers")
    carry_out(run_id, service.purge_collection)
    run = get_run(caller, run_id)
    assert (run.status, run.error) == ("succeeded", None)
    assert run.result["removed"] == 22
    assert rows() == kept


def test_a_removal_killed_half_way_is_resumed(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, [f"text number {n}" for n in range(10)])
    run_id = service.delete_collection(caller, "papers")

    def killed(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
        purge._remove_chunks(arguments["collection_id"], after=0)
        raise RuntimeError("killed")

    carry_out(run_id, killed)
    assert get_run(caller, run_id).status == "failed"
    assert 0 < rows()["chunks"] < 10
    assert service.resume_deletions() == 0
    with db.writing() as session:
        session.execute(text("UPDATE runs SET finished_at = now() - interval '1 hour'"))
    assert service.resume_deletions() == 1
    with db.reading() as session:
        again = session.execute(text("SELECT id FROM runs WHERE status = 'queued'")).scalar_one()
    carry_out(again, service.purge_collection)
    assert set(rows().values()) == {0}
    assert service.resume_deletions() == 0


def test_a_document_added_by_a_late_writer_goes_too(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_collection(caller)
    send_texts(caller, ["one text"])
    run_id = service.delete_collection(caller, "papers")
    with db.writing() as session:
        # As if a writer had found the collection just before it was hidden.
        session.execute(text("UPDATE collections SET deleted_at = NULL"))
    original = purge._remove_counts

    def counts_after_a_late_writer(collection_id: int) -> int:
        if not late:
            with db.writing() as session:
                session.execute(text("UPDATE collections SET deleted_at = NULL"))
            late.append(send(caller, {"external_id": "late", "text": "a late text"}))
            with db.writing() as session:
                session.execute(text("UPDATE collections SET deleted_at = now()"))
        return original(collection_id)

    late: list[object] = []
    monkeypatch.setattr(purge, "_remove_counts", counts_after_a_late_writer)
    with db.writing() as session:
        session.execute(text("UPDATE collections SET deleted_at = now()"))
    carry_out(run_id, service.purge_collection)
    assert late
    assert made.id
    assert set(rows().values()) == {0}


def test_a_collection_that_is_not_deleted_is_left_alone(caller: Caller) -> None:
    made = make_collection(caller)
    send_texts(caller, ["one text"])
    before = rows()
    with db.writing() as session:
        run_id = service._start_removal(session, caller.workspace_id, made.id)
    carry_out(run_id, service.purge_collection)
    assert get_run(caller, run_id).status == "succeeded"
    assert rows() == before


def test_the_empty_shelf_of_a_growth_that_failed_goes_too(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_collection(caller)
    send_texts(caller, ["one text"])
    encode_everything()

    def broken(*_: object, **__: object) -> int:
        raise RuntimeError("killed")

    with db.writing() as session:
        [space_id] = session.execute(text("SELECT id FROM spaces WHERE kind = 'dense'")).scalars()
        grow = start_run(
            session,
            workspace_id=caller.workspace_id,
            kind=RunKind.GROW_SPACE,
            subject=f"space {space_id}",
            arguments={"space_id": space_id},
        )
    monkeypatch.setattr(shelves, "move_rows", broken)
    carry_out(grow, grow_space)
    assert is_there(f"vectors.embeddings_{space_id}")
    carry_out(service.delete_collection(caller, "papers"), service.purge_collection)
    assert not is_there(f"vectors.embeddings_{space_id}")
    assert set(rows().values()) == {0}


def is_there(table: str) -> bool:
    with db.reading() as session:
        found = session.execute(text("SELECT to_regclass(:t)"), {"t": table}).scalar()
    return found is not None
