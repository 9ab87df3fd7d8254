"""A growing space gets a shelf and indexes of its own while everything goes on."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.runs import service as runs
from embedhub.search.field_index import index_suffix
from embedhub.spaces import watching
from embedhub.spaces.building import Build, build_index
from embedhub.spaces.doctor import examine
from embedhub.spaces.index_upkeep import complete_shelves
from embedhub.spaces.indexes import grow_space
from embedhub.spaces.queries import shelves
from embedhub.spaces.queries.shelf_ddl import find_index
from embedhub.spaces.service import grow_outgrown
from embedhub.spaces.shelving import drop_shelf
from embedhub.spaces.watching import StepReport
from tests.factories import SilentProgress, encode_everything, make_collection, send_texts


@pytest.fixture
def small_shelf(database: str) -> object:
    override_config(shelf_rows=20)
    yield
    override_config(shelf_rows=10_000)


def report(progress: SilentProgress | None = None) -> StepReport:
    return StepReport(progress or SilentProgress(), {"build": 1}, rows=1)


def build_of(table: str) -> Build:
    return Build(table, f"{table}_a", "btree (a)", "build", "building")


def is_valid(index: str) -> bool:
    with db.reading() as session:
        found = find_index(session, index)
    return found is not None and found.is_valid


def carry_out_asked(sent_jobs: list[tuple[jobs.Job, dict[str, object]]]) -> list[runs.RunView]:
    """Carry out the runs that were asked for, as the upkeep worker would."""
    asked = [int(str(arguments["run_id"])) for job, arguments in sent_jobs if job is jobs.Job.RUN]
    sent_jobs.clear()
    for run_id in asked:
        runs.carry_out(run_id, grow_space)
    return [_run(run_id) for run_id in asked]


def _run(run_id: int) -> runs.RunView:
    with db.reading() as session:
        workspace_id = session.execute(
            text("SELECT workspace_id FROM runs WHERE id = :id"), {"id": run_id}
        ).scalar_one()
    return runs.get_run(Caller.for_workspace(workspace_id), run_id)


@pytest.mark.usefixtures("small_shelf")
def test_a_space_that_outgrew_the_shared_shelf_moves_and_is_indexed(
    caller: Caller, sent_jobs: list[tuple[jobs.Job, dict[str, object]]]
) -> None:
    make_collection(caller)
    make_collection(caller, "small")
    send_texts(caller, [f"fish number {i}" for i in range(40)])
    send_texts(caller, ["stays where it is"], slug="small")
    encode_everything()
    sent_jobs.clear()
    grow_outgrown()
    grown = carry_out_asked(sent_jobs)
    assert [run.status for run in grown] == ["succeeded", "succeeded"]
    assert [run.result["rows_moved"] for run in grown] == [40, 40]
    with db.reading() as session:
        spaces = session.execute(
            text("SELECT kind, shelf_id > 0, is_indexed FROM spaces ORDER BY shelf_id DESC, id")
        ).all()
        shared = session.execute(text("SELECT count(*) FROM vectors.embeddings_0")).scalar()
        methods = session.execute(
            text("SELECT indexdef FROM pg_indexes WHERE tablename ~ 'embeddings_[1-9]'")
        ).scalars()
        definitions = " ".join(methods)
    assert sorted(spaces) == [
        ("dense", False, False),
        ("dense", True, True),
        ("sparse", False, False),
        ("sparse", True, True),
    ]
    assert shared == 1
    assert "USING hnsw (((vector)::halfvec(64)) halfvec_cosine_ops)" in definitions
    assert "USING gin (terms)" in definitions
    grow_outgrown()
    assert carry_out_asked(sent_jobs) == []
    # Life goes on on the new shelf.
    send_texts(caller, [f"fish number {i} again" for i in range(50)])
    encode_everything()
    report = examine()
    assert report.is_clean
    assert report.n_vectors == 51


def test_an_invalid_left_over_is_removed_before_the_index_is_built_again(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_collection(caller)
    with db.autocommit() as connection:
        connection.execute(text("CREATE TABLE vectors.broken (a integer)"))
        try:
            connection.execute(text("INSERT INTO vectors.broken VALUES (1), (1)"))
            with pytest.raises(Exception, match="could not create unique index"):
                connection.execute(
                    text("CREATE UNIQUE INDEX CONCURRENTLY broken_a ON vectors.broken (a)")
                )
            left_over = find_index(connection, "broken_a")
            assert left_over is not None
            assert not left_over.is_valid
            build_index(connection, build_of("broken"), report())
            assert is_valid("broken_a")
        finally:
            connection.execute(text("DROP TABLE vectors.broken"))


def own_shelves() -> list[str]:
    with db.reading() as session:
        return list(
            session.execute(
                text(
                    "SELECT relname FROM pg_class WHERE relkind = 'r'"
                    " AND relname ~ '^(sparse_)?embeddings_' AND relname !~ '_0$'"
                )
            ).scalars()
        )


def dense_space(caller: Caller) -> int:
    make_collection(caller)
    send_texts(caller, ["one", "two"])
    encode_everything()
    with db.reading() as session:
        return int(session.execute(text("SELECT id FROM spaces WHERE kind = 'dense'")).scalar_one())


def test_a_growth_that_failed_is_repeated_on_the_same_shelf(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    space_id = dense_space(caller)

    def broken(*_: object, **__: object) -> int:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(shelves, "move_rows", broken)
        for _ in range(3):
            with pytest.raises(RuntimeError):
                grow_space(SilentProgress(), {"space_id": space_id})
    assert grow_space(SilentProgress(), {"space_id": space_id})["rows_moved"] == 2
    assert own_shelves() == [f"embeddings_{space_id}"]


def test_a_shelf_that_is_detached_already_is_dropped(caller: Caller) -> None:
    space_id = dense_space(caller)
    grow_space(SilentProgress(), {"space_id": space_id})
    with db.autocommit() as connection:
        connection.execute(
            text(f"ALTER TABLE embeddings DETACH PARTITION vectors.embeddings_{space_id}")
        )
        drop_shelf(connection, kind="dense", shelf_id=space_id)
        drop_shelf(connection, kind="dense", shelf_id=space_id)
    assert own_shelves() == []


def test_an_index_that_is_being_built_is_waited_for_and_kept(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "WATCH_S", 0.05)
    silent = SilentProgress()
    with db.autocommit() as connection:
        connection.execute(text("CREATE TABLE vectors.slow (a integer)"))
        connection.execute(text("INSERT INTO vectors.slow VALUES (1)"))

    def build() -> None:
        with db.autocommit() as connection:
            # It waits for the transaction below, as a long build would take its time.
            connection.execute(
                text("CREATE INDEX CONCURRENTLY slow_a ON vectors.slow USING btree (a)")
            )

    def oid() -> int | None:
        with db.reading() as session:
            return session.execute(text("SELECT to_regclass('vectors.slow_a')::oid")).scalar()

    try:
        with ThreadPoolExecutor(2) as pool, db.autocommit() as connection:
            with db.writing() as session:
                session.execute(text("UPDATE vectors.slow SET a = 2"))
                building = pool.submit(build)
                while (begun := oid()) is None:
                    time.sleep(0.02)
                waiting = pool.submit(
                    lambda: build_index(connection, build_of("slow"), report(silent))
                )
                while not any("waiting for a" in w for w in silent.said):
                    time.sleep(0.02)
                assert not waiting.done()
            building.result(30)
            waiting.result(30)
            assert is_valid("slow_a")
        assert oid() == begun, "the index was not thrown away"
    finally:
        with db.autocommit() as connection:
            connection.execute(text("DROP TABLE vectors.slow"))


@pytest.mark.usefixtures("small_shelf")
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_upkeep_builds_what_an_older_release_did_not(
    caller: Caller, sent_jobs: list[tuple[jobs.Job, dict[str, object]]], kind: str
) -> None:
    make_collection(caller, filterable={"year": "number"})
    send_texts(caller, [f"fish number {i}" for i in range(40)])
    encode_everything()
    sent_jobs.clear()
    grow_outgrown()
    carry_out_asked(sent_jobs)
    complete_shelves()
    assert carry_out_asked(sent_jobs) == []
    with db.reading() as session:
        space_id = session.execute(
            text("SELECT id FROM spaces WHERE kind = :kind"), {"kind": kind}
        ).scalar_one()
    lacking = f"{'sparse_' if kind == 'sparse' else ''}embeddings_{space_id}"
    names = [f"{lacking}_{index_suffix('year')}", f"{lacking}_open"]
    with db.autocommit() as connection:
        for name in names:
            connection.execute(text(f"DROP INDEX vectors.{name}"))
    complete_shelves()
    complete_shelves()
    (run,) = carry_out_asked(sent_jobs)
    assert run.status == "succeeded"
    assert [is_valid(name) for name in names] == [True, True]
    complete_shelves()
    assert carry_out_asked(sent_jobs) == []


@pytest.mark.usefixtures("small_shelf")
def test_the_planner_knows_of_loaded_documents_when_their_index_is_built(
    caller: Caller, sent_jobs: list[tuple[jobs.Job, dict[str, object]]]
) -> None:
    def expected_rows() -> list[float]:
        with db.reading() as session:
            rows = session.execute(
                text("SELECT reltuples FROM pg_class WHERE relname IN ('documents', 'chunks')")
            )
            return list(rows.scalars())

    make_collection(caller)
    send_texts(caller, [f"fish number {i}" for i in range(40)])
    encode_everything()
    with db.autocommit() as connection:
        connection.execute(
            text("UPDATE pg_class SET reltuples = -1 WHERE relname ~ '^doc|^chunks'")
        )
    sent_jobs.clear()
    grow_outgrown()
    carry_out_asked(sent_jobs)
    assert expected_rows() == [40, 40]
