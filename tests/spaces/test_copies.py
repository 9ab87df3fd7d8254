"""Of many rows with one vector the index holds a few; every other one is found through them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import event, text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.purge import purge_collection
from embedhub.collections.service import delete_collection
from embedhub.documents import deletion
from embedhub.documents.deletion import carry_out_deletion, delete_documents, delete_expired
from embedhub.jobs import Job
from embedhub.runs import service as runs
from embedhub.search import dense
from embedhub.search.dense import DenseChoice, DensePlan
from embedhub.search.request import SearchRequest, SearchResult
from embedhub.search.service import search
from embedhub.spaces import indexes, numbering
from embedhub.spaces.copies import DELEGATE, HIDDEN, INDEXED_COPIES
from embedhub.spaces.doctor import examine
from embedhub.spaces.indexes import grow_space, rebuild_index
from embedhub.spaces.numbering import number_copies, number_older_shelves, reach_all_copies
from embedhub.spaces.queries import copies as copies_sql
from embedhub.spaces.queries import generations, supplied
from tests.factories import SilentProgress, encode_everything, make_collection, send
from tests.spaces.test_races import together

PROJECT = Path(__file__).parent.parent.parent
DIMENSION = 8
N_OTHERS = 200
N_COPIES = 12
BOILERPLATE = "All rights reserved."
UNREACHED = "vectors that no index reaches"


BY_INDEX = DenseChoice(DensePlan.HNSW, "asked for", ef_search=100, max_scan_tuples=20_000)
EXACT = DenseChoice(DensePlan.EXACT, "asked for")


@pytest.fixture(autouse=True)
def the_index_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few rows would be compared one by one."""
    monkeypatch.setattr(dense, "choose", lambda *_, **__: BY_INDEX)


@pytest.fixture
def vectors() -> np.ndarray[Any, np.dtype[np.float32]]:
    """The vectors of the others; the copies have the first one's."""
    return np.random.default_rng(3).normal(size=(N_OTHERS, DIMENSION)).astype(np.float32)


@pytest.fixture
def own_shelf(caller: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]]) -> Caller:
    """A collection of supplied vectors, indexed on a shelf of its own, without copies yet."""
    make_collection(caller, encoder="supplied", dimension=DIMENSION)
    # the one that has copies is told from the rest
    send(
        caller,
        *(
            document(f"other {i}", vector, metadata={"kind": "rest" if i else "first"})
            for i, vector in enumerate(vectors)
        ),
    )
    grow(caller)
    return caller


def document(
    external_id: str, vector: np.ndarray[Any, np.dtype[np.float32]], **fields: Any
) -> dict[str, Any]:
    return {"external_id": external_id, "text": external_id, "vector": vector.tolist()} | fields


def copies_of(
    vector: np.ndarray[Any, np.dtype[np.float32]], n: int = N_COPIES, **fields: Any
) -> list[dict[str, Any]]:
    return [document(f"copy {i:04}", vector, metadata={"number": i}, **fields) for i in range(n)]


def grow(caller: Caller) -> None:
    grow_space(SilentProgress(), {"space_id": dense_space()[0]})


def dense_space() -> tuple[int, int]:
    with db.reading() as session:
        found = session.execute(
            text(
                "SELECT s.id, s.shelf_id FROM spaces s JOIN collections c ON c.id = s.collection_id"
                " WHERE s.kind = 'dense' AND c.slug = 'papers'"
            )
        ).one()
    return found[0], found[1]


def numbers(prefix: str = "copy ") -> list[int]:
    """The numbers of the rows whose documents' ids begin so, in order of their ids."""
    statement = text("""
        SELECT e.copy FROM embeddings e JOIN documents d ON d.id = e.document_id
        WHERE starts_with(d.external_id, :prefix) ORDER BY d.external_id
    """)
    with db.reading() as session:
        return list(session.execute(statement, {"prefix": prefix}).scalars())


def ask(caller: Caller, vector: Any, **fields: Any) -> SearchResult:
    return search(caller, "papers", SearchRequest(vector=np.asarray(vector), **fields))


def found(result: SearchResult) -> set[str]:
    return {hit.document.external_id for hit in result.hits}


def found_exactly(caller: Caller, vector: Any, **fields: Any) -> set[str]:
    """What comparing every row finds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "choose", lambda *_, **__: EXACT)
        result = ask(caller, vector, **fields)
    assert result.plan == "exact"
    return found(result)


def assert_all_found(caller: Caller, vector: Any, expected: set[str]) -> None:
    """The index alone finds all of these first, and nothing else before them."""
    result = ask(caller, vector, limit=len(expected))
    assert result.plan == "hnsw"
    assert result.complete
    assert found(result) == expected


# --- numbering ---


@pytest.mark.parametrize("at_once", [1, 3, 5, N_COPIES])
def test_rows_of_one_vector_are_numbered_as_they_come(
    own_shelf: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]], at_once: int
) -> None:
    copies = copies_of(vectors[0])
    for start in range(0, N_COPIES, at_once):
        send(own_shelf, *copies[start : start + at_once])
    # the other that has the same vector is number 0
    assert numbers() == [1, 2, 3] + [HIDDEN] * (N_COPIES - 3)
    assert set(numbers("other")) == {0}
    assert examine().is_clean


@pytest.mark.parametrize("at_once", [1, 7, 1_000])
def test_rows_are_numbered_when_they_leave_the_shared_shelf(
    caller: Caller,
    vectors: np.ndarray[Any, np.dtype[np.float32]],
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
) -> None:
    monkeypatch.setattr(numbering, "NUMBERED_AT_ONCE", at_once)
    make_collection(caller, encoder="supplied", dimension=DIMENSION)
    send(caller, *(document(f"other {i}", vector) for i, vector in enumerate(vectors)))
    send(caller, *copies_of(vectors[0]))
    assert set(numbers()) == {0}
    grow(caller)
    assert numbers() == [1, 2, 3] + [HIDDEN] * (N_COPIES - 3)
    assert number_copies(dense_space()[0]) == 0
    assert_all_found(caller, vectors[0], {f"copy {i:04}" for i in range(N_COPIES)} | {"other 0"})


def test_equal_texts_are_copies_in_an_encoded_collection(caller: Caller) -> None:
    make_collection(caller)
    send(caller, *({"external_id": f"o{i}", "text": f"word{i} fish"} for i in range(60)))
    encode_everything()
    grow(caller)
    texts = [{"external_id": f"copy {i:04}", "text": BOILERPLATE} for i in range(N_COPIES)]
    # the first come by way of the ledger, the others' vectors are in the cache already
    send(caller, *texts[:7])
    encode_everything()
    send(caller, *texts[7:])
    assert numbers() == [0, 1, 2, 3] + [HIDDEN] * (N_COPIES - 4)
    result = search(caller, "papers", SearchRequest(query=BOILERPLATE, limit=N_COPIES))
    assert found(result) == {f"copy {i:04}" for i in range(N_COPIES)}
    assert examine().is_clean


def test_the_index_holds_no_more_copies_than_it_should(
    own_shelf: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    send(own_shelf, *copies_of(vectors[0]))
    assert index_condition() == f"(copy < {INDEXED_COPIES})"
    assert sum(number < INDEXED_COPIES for number in numbers()) == INDEXED_COPIES - 1


def test_nothing_is_missed_between_two_batches_of_numbering(
    own_shelf: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    send(own_shelf, *copies_of(vectors[0]))
    # Who is left are the delegate and those it stands for: all their numbers will change.
    delete_documents(own_shelf, "papers", external_ids=["other 0", "copy 0000", "copy 0001"])
    expected = {f"copy {i:04}" for i in range(2, N_COPIES)}
    assert_all_found(own_shelf, vectors[0], expected)
    space_id, shelf_id = dense_space()
    n_batches, n_changed = 0, 1
    while n_changed:
        with db.writing() as session:
            n_changed = copies_sql.number_copies(
                session, shelf_id=shelf_id, space_id=space_id, limit=1
            )
        n_batches += n_changed
        assert_all_found(own_shelf, vectors[0], expected)
    assert n_batches == INDEXED_COPIES
    assert sorted(numbers()) == [0, 1, 2, DELEGATE] + [HIDDEN] * (len(expected) - INDEXED_COPIES)


def test_rows_of_a_long_import_are_numbered_when_it_ends(
    caller: Caller,
    vectors: np.ndarray[Any, np.dtype[np.float32]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill_while_loading(caller, vectors, monkeypatch)
    send(caller, *copies_of(vectors[0]))
    assert set(numbers()) == {0}
    grow(caller)
    assert numbers() == [1, 2, 3] + [HIDDEN] * (N_COPIES - 3)
    assert_all_found(caller, vectors[0], {f"copy {i:04}" for i in range(N_COPIES)} | {"other 0"})


@pytest.mark.parametrize("step", ["asked", "stored"])
def test_who_began_to_store_before_rows_were_numbered_is_waited_for(
    caller: Caller,
    vectors: np.ndarray[Any, np.dtype[np.float32]],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    fill_while_loading(caller, vectors, monkeypatch)
    stored, go_on = pause_after(monkeypatch, step)
    late = threading.Thread(target=lambda: send(caller, *copies_of(vectors[0])))
    late.start()
    assert stored.wait(20)
    growing = threading.Thread(target=lambda: grow(caller))
    growing.start()
    until(waits_for_a_lock)
    go_on.set()
    late.join(20)
    growing.join(60)
    assert numbers() == [1, 2, 3] + [HIDDEN] * (N_COPIES - 3)
    assert examine().is_clean


def fill_while_loading(
    caller: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fill a shelf of its own whose indexes wait for the end of an import."""
    make_collection(caller, encoder="supplied", dimension=DIMENSION)
    send(caller, *(document(f"other {i}", vector) for i, vector in enumerate(vectors)))
    with monkeypatch.context() as patch:
        patch.setattr(indexes, "is_loading", lambda *_: True)
        grow(caller)
    assert dense_space()[1] > 0


# --- searching ---


def test_the_index_finds_what_comparing_every_row_finds(
    own_shelf: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    """Ties apart: of equally near copies any may come, so every page holds all or none of them."""
    send(own_shelf, *copies_of(vectors[0]))
    for limit in (N_COPIES + 1, 30, 60):
        by_index = ask(own_shelf, vectors[0], limit=limit)
        assert by_index.plan == "hnsw"
        assert found(by_index) == found_exactly(own_shelf, vectors[0], limit=limit)
        scores = [hit.score for hit in by_index.hits]
        assert scores == sorted(scores, reverse=True)
    few = ask(own_shelf, vectors[0], limit=5)
    assert len(few.hits) == 5
    assert [hit.score for hit in few.hits] == pytest.approx([1] * 5, abs=1e-6)


@pytest.mark.parametrize(
    ("where", "passing"),
    [
        # indexed and hidden ones · hidden ones only · the last one · indexed ones only · none
        ({"number": {"$gte": 1}}, range(1, N_COPIES)),
        ({"number": {"$gte": 3}}, range(3, N_COPIES)),
        ({"number": N_COPIES - 1}, range(N_COPIES - 1, N_COPIES)),
        ({"number": {"$lt": 2}}, range(2)),
        ({"number": {"$gt": 99}}, range(0)),
    ],
)
def test_each_sibling_is_asked_whether_it_passes_the_filter(
    own_shelf: Caller,
    vectors: np.ndarray[Any, np.dtype[np.float32]],
    where: dict[str, Any],
    passing: range,
) -> None:
    send(own_shelf, *copies_of(vectors[0]))
    either = {"$or": [where, {"kind": "rest"}]}
    copies = {f"copy {i:04}" for i in passing}
    result = ask(own_shelf, vectors[0], filter=either, limit=len(copies) + 5)
    assert result.plan == "hnsw"
    assert {name for name in found(result) if not name.startswith("other")} == copies
    assert found(result) == found_exactly(
        own_shelf, vectors[0], filter=either, limit=len(copies) + 5
    )


def test_each_sibling_is_asked_who_may_see_it(
    own_shelf: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    send(own_shelf, *copies_of(vectors[1], 8, access=["alice"]))
    send(own_shelf, document("bob's", vectors[1], access=["bob"]))
    assert numbers("bob") == [HIDDEN]
    nobodys = {"other 1"}
    for principals, expected in (
        (("bob",), nobodys | {"bob's"}),
        (("alice",), nobodys | {f"copy {i:04}" for i in range(8)}),
        ((), nobodys),
    ):
        result = ask(own_shelf, vectors[1], principals=principals, limit=len(expected))
        assert result.plan == "hnsw"
        assert found(result) == expected


def test_what_is_past_its_time_is_not_found_behind_a_delegate(
    own_shelf: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    send(own_shelf, *copies_of(vectors[0]))
    past = [f"copy {i:04}" for i in (2, 3, 7)]
    expire(past)
    left = {f"copy {i:04}" for i in range(N_COPIES)} - set(past) | {"other 0"}
    assert_all_found(own_shelf, vectors[0], left)


# --- plans ---


def test_the_plan_takes_the_partial_index_and_looks_siblings_up_by_their_input(
    own_shelf: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    send(own_shelf, *copies_of(vectors[0], 300))
    shelf = f"embeddings_{dense_space()[1]}"
    with db.autocommit() as connection:
        connection.execute(text(f"ANALYZE vectors.{shelf}"))
    scans: list[tuple[str, str, str]] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if "siblings" in statement:
            own = connection.connection.driver_connection.cursor()
            own.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
            scans.extend(index_scans(own.fetchone()[0][0]["Plan"]))

    event.listen(db.engine(), "before_cursor_execute", explain)
    try:
        ask(own_shelf, vectors[0], filter={"number": {"$lt": 200}}, limit=20)
    finally:
        event.remove(db.engine(), "before_cursor_execute", explain)
    assert {(kind, relation) for kind, relation, _ in scans} == {("Index Scan", shelf)}
    indexes = {index for _, _, index in scans}
    assert f"{shelf}_hnsw" in indexes
    # once to see whether a delegate stands for anybody, once to fetch those it stands for
    assert indexes - {f"{shelf}_hnsw"} <= {f"{shelf}_siblings", f"{shelf}_hidden"}
    assert len(scans) == 3


def index_scans(plan: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if "Relation Name" in plan:
        yield plan["Node Type"], plan["Relation Name"], plan.get("Index Name", "")
    for child in plan.get("Plans", []):
        yield from index_scans(child)


# --- deleting ---


def expire(external_ids: Sequence[str]) -> None:
    with db.writing() as session:
        session.execute(
            text("UPDATE documents SET expires_at = :past WHERE external_id = ANY(:ids)"),
            {"past": datetime.now(UTC) - timedelta(days=1), "ids": list(external_ids)},
        )


def by_id(caller: Caller, gone: Sequence[int], vectors: Any) -> None:
    delete_documents(caller, "papers", external_ids=[f"copy {i:04}" for i in gone])


def one_by_one(caller: Caller, gone: Sequence[int], vectors: Any) -> None:
    for i in gone:
        by_id(caller, [i], vectors)


def by_filter(caller: Caller, gone: Sequence[int], vectors: Any) -> None:
    delete_documents(caller, "papers", where={"number": {"$in": list(gone)}})


def by_run(caller: Caller, gone: Sequence[int], vectors: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deletion, "DELETED_IN_REQUEST", 0)
        run_id = delete_documents(caller, "papers", where={"number": {"$in": list(gone)}}).run_id
    with db.reading() as session:
        arguments = session.execute(
            text("SELECT arguments FROM runs WHERE id = :id"), {"id": run_id}
        ).scalar_one()
    assert carry_out_deletion(SilentProgress(), arguments) == {"n_deleted": len(gone)}


def by_time(caller: Caller, gone: Sequence[int], vectors: Any) -> None:
    expire([f"copy {i:04}" for i in gone])
    delete_expired()


def by_update(caller: Caller, gone: Sequence[int], vectors: Any) -> None:
    send(caller, *(document(f"copy {i:04}", vectors[50 + i]) for i in gone))


@pytest.mark.parametrize("gone", [(0, 1, 2), (2,), tuple(range(N_COPIES - 1)), (5, 9)])
@pytest.mark.parametrize("leave", [by_id, one_by_one, by_filter, by_run, by_time, by_update])
def test_copies_go_on_being_found_when_indexed_ones_leave(
    own_shelf: Caller,
    vectors: np.ndarray[Any, np.dtype[np.float32]],
    leave: Callable[[Caller, Sequence[int], Any], None],
    gone: tuple[int, ...],
) -> None:
    send(own_shelf, *copies_of(vectors[0]))
    leave(own_shelf, gone, vectors)
    left = {f"copy {i:04}" for i in range(N_COPIES) if i not in gone} | {"other 0"}
    assert_all_found(own_shelf, vectors[0], left)
    assert examine().is_clean


def test_an_encoded_update_leaves_its_copies_reachable(caller: Caller) -> None:
    """The old rows go when the last new vector is stored: by the worker, not by the request."""
    make_collection(caller)
    send(caller, *({"external_id": f"o{i}", "text": f"word{i} fish"} for i in range(60)))
    send(
        caller,
        *({"external_id": f"copy {i:04}", "text": BOILERPLATE} for i in range(N_COPIES)),
    )
    encode_everything()
    grow(caller)
    send(caller, *({"external_id": f"copy {i:04}", "text": f"anew {i}"} for i in range(4)))
    assert numbers()[:4] == [0, 1, 2, 3]
    encode_everything()
    assert sorted(numbers()[4:]) == [DELEGATE] + [HIDDEN] * (N_COPIES - 5)
    assert examine().is_clean


def test_a_collection_goes_with_all_its_copies(
    own_shelf: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    send(own_shelf, *copies_of(vectors[0]))
    with db.reading() as session:
        collection_id = session.execute(text("SELECT id FROM collections")).scalar_one()
    delete_collection(own_shelf, "papers")
    purge_collection(SilentProgress(), {"collection_id": collection_id})
    report = examine()
    assert report.is_clean
    assert report.n_vectors == 0


# --- at the same time ---


def waits_for_a_lock() -> bool:
    with db.reading() as session:
        return bool(
            session.execute(
                text(
                    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    " AND datname = current_database())"
                )
            ).scalar()
        )


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_who_deletes_the_delegate_waits_for_who_hides_behind_it(
    own_shelf: Caller,
    vectors: np.ndarray[Any, np.dtype[np.float32]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send(own_shelf, *copies_of(vectors[0], 3))
    assert numbers() == [1, 2, DELEGATE]
    stored, go_on = pause_after(monkeypatch, "stored")
    late = threading.Thread(target=lambda: send(own_shelf, document("late", vectors[0])))
    late.start()
    assert stored.wait(20)
    deleting = threading.Thread(target=lambda: by_id(own_shelf, [2], None))
    deleting.start()
    until(waits_for_a_lock)
    go_on.set()
    late.join(20)
    deleting.join(20)
    assert numbers("late") == [DELEGATE]
    assert examine().is_clean
    assert_all_found(own_shelf, vectors[0], {"other 0", "copy 0000", "copy 0001", "late"})


def test_who_comes_while_the_delegate_is_deleted_does_not_hide_behind_it(
    own_shelf: Caller,
    vectors: np.ndarray[Any, np.dtype[np.float32]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send(own_shelf, *copies_of(vectors[0], 3))
    stored, go_on = pause_after(monkeypatch, "deleted")
    deleting = threading.Thread(target=lambda: by_id(own_shelf, [2], None))
    deleting.start()
    assert stored.wait(20)
    late = threading.Thread(target=lambda: send(own_shelf, document("late", vectors[0])))
    late.start()
    until(waits_for_a_lock)
    go_on.set()
    late.join(20)
    deleting.join(20)
    assert numbers("late") == [DELEGATE]
    assert examine().is_clean
    assert_all_found(own_shelf, vectors[0], {"other 0", "copy 0000", "copy 0001", "late"})


def pause_after(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> tuple[threading.Event, threading.Event]:
    """Let the next one who takes a step of storing or deleting wait after it, before it commits."""
    reached, go_on = threading.Event(), threading.Event()
    module, function = {
        "asked": (supplied, "numbers_of_new"),
        "stored": (supplied, "store_rows"),
        "deleted": (generations, "delete_vectors"),
    }[step]
    real = getattr(module, function)

    def paused(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(module, function, real)
        result = real(*arguments, **named)
        reached.set()
        assert go_on.wait(20)
        return result

    monkeypatch.setattr(module, function, paused)
    return reached, go_on


def test_many_who_send_and_delete_copies_at_once_leave_all_reachable(
    own_shelf: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    texts = 5

    def churn(worker: int) -> None:
        for round_ in range(6):
            ids = [f"{worker} {round_} {t} {i}" for t in range(texts) for i in range(3)]
            order = ids if worker % 2 else ids[::-1]
            send(own_shelf, *(document(name, vectors[int(name.split()[2])]) for name in order))
            delete_documents(own_shelf, "papers", external_ids=order[::2])
            if round_ % 2:
                earlier = [f"{worker} {round_ - 1} {t} {i}" for t in range(texts) for i in range(3)]
                delete_documents(own_shelf, "papers", external_ids=earlier)

    together(*(lambda worker=worker: churn(worker) for worker in range(4)))
    report = examine()
    assert report.is_clean, report.broken
    for vector in vectors[:texts]:
        assert_all_found(own_shelf, vector, copies_left(vector))


def copies_left(vector: np.ndarray[Any, np.dtype[np.float32]]) -> set[str]:
    unit = vector / np.linalg.norm(vector.astype(np.float64))
    statement = text("""
        SELECT d.external_id FROM embeddings e JOIN documents d ON d.id = e.document_id
        WHERE e.vector <=> CAST(:vector AS vector) < 1e-6
    """)
    with db.reading() as session:
        asked = {"vector": str(unit.astype(np.float32).tolist())}
        return set(session.execute(statement, asked).scalars())


# --- healing ---


def test_the_doctor_sees_what_no_index_reaches_and_upkeep_heals_it(
    own_shelf: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    send(own_shelf, *copies_of(vectors[0]))
    assert reach_all_copies() == 0
    space_id, shelf_id = dense_space()
    with db.writing() as session:
        session.execute(
            text(
                "UPDATE embeddings SET copy = :hidden"
                " WHERE shelf_id = :shelf AND space_id = :space AND copy = :delegate"
            ),
            {"hidden": HIDDEN, "delegate": DELEGATE, "shelf": shelf_id, "space": space_id},
        )
    assert examine().broken[UNREACHED] == N_COPIES - 2
    assert reach_all_copies() == 1
    assert examine().is_clean
    assert_all_found(own_shelf, vectors[0], {f"copy {i:04}" for i in range(N_COPIES)} | {"other 0"})


def test_shelves_of_the_release_before_answer_rightly_until_their_index_is_built_anew(
    own_shelf: Caller,
    vectors: np.ndarray[Any, np.dtype[np.float32]],
    sent_jobs: list[tuple[Job, dict[str, object]]],
) -> None:
    send(own_shelf, *copies_of(vectors[0]))
    everyone = {f"copy {i:04}" for i in range(N_COPIES)} | {"other 0"}
    alembic = AlembicConfig(toml_file=PROJECT / "pyproject.toml")
    _, shelf_id = dense_space()
    try:
        command.downgrade(alembic, "0001")
        # as the release before built it
        with db.autocommit() as connection:
            connection.execute(
                text(
                    f"CREATE INDEX embeddings_{shelf_id}_hnsw ON vectors.embeddings_{shelf_id}"
                    f" USING hnsw ((vector::halfvec({DIMENSION})) halfvec_cosine_ops)"
                )
            )
            connection.execute(text("UPDATE spaces SET is_indexed = true WHERE shelf_id <> 0"))
    finally:
        command.upgrade(alembic, "head")
    assert set(numbers()) == {0}
    assert_all_found(own_shelf, vectors[0], everyone)
    send(own_shelf, document("copy 9999", vectors[0]), document("copy 9998", vectors[0]))
    # nobody could find copies by their input yet
    assert set(numbers()) == {0}
    assert_all_found(own_shelf, vectors[0], everyone | {"copy 9998", "copy 9999"})
    sent_jobs.clear()
    number_older_shelves()
    (run_id,) = [arguments["run_id"] for job, arguments in sent_jobs if job is Job.RUN]
    runs.carry_out(int(str(run_id)), rebuild_index)
    assert sorted(numbers()) == [1, 2, DELEGATE] + [HIDDEN] * (N_COPIES - 1)
    assert index_condition() == f"(copy < {INDEXED_COPIES})"
    assert_all_found(own_shelf, vectors[0], everyone | {"copy 9998", "copy 9999"})
    assert examine().is_clean
    sent_jobs.clear()
    number_older_shelves()
    assert sent_jobs == []


def index_condition() -> str:
    """The condition of the HNSW index, empty if it holds every row."""
    statement = text("""
        SELECT coalesce(pg_get_expr(indpred, indrelid), '') FROM pg_index
        WHERE indexrelid = to_regclass(:name)
    """)
    with db.reading() as session:
        name = f"vectors.embeddings_{dense_space()[1]}_hnsw"
        return str(session.execute(statement, {"name": name}).scalar_one())


def test_vectors_are_deleted_where_their_copies_are_thought_of() -> None:
    """Who deletes elsewhere has to appoint delegates too, or to remove the whole space."""
    known = {
        "embedhub/spaces/queries/generations.py",
        # a whole collection
        "embedhub/collections/queries.py",
        # a whole space that nobody searches
        "embedhub/spaces/queries/vectors.py",
    }
    deleting = {
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "embedhub").rglob("*.py")
        if "DELETE FROM embeddings" in (source := path.read_text())
        or "delete(Embedding" in source
        or ('"embeddings"' in source and "DELETE FROM {table}" in source)
    }
    assert deleting == known
