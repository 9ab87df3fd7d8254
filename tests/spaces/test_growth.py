"""A growing space gets a shelf and indexes of its own while everything goes on."""

import pytest
from sqlalchemy import text

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.runs import service as runs
from embedhub.spaces.doctor import examine
from embedhub.spaces.indexes import build_index, grow_space, is_valid
from embedhub.spaces.service import sweep
from tests.factories import encode_everything, make_collection, send_texts


@pytest.fixture
def small_shelf(database: str) -> object:
    override_config(shelf_rows=20)
    yield
    override_config(shelf_rows=10_000)


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
    sweep()
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
    sweep()
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
    class Silent:
        def report(self, done: int, total: int | None = None) -> None:
            pass

    make_collection(caller)
    with db.autocommit() as connection:
        connection.execute(text("CREATE TABLE vectors.broken (a integer)"))
        try:
            connection.execute(text("INSERT INTO vectors.broken VALUES (1), (1)"))
            with pytest.raises(Exception, match="could not create unique index"):
                connection.execute(
                    text("CREATE UNIQUE INDEX CONCURRENTLY broken_a ON vectors.broken (a)")
                )
            assert is_valid(connection, "broken_a") is False
            build_index(
                connection,
                table="vectors.broken",
                index="broken_a",
                method="btree (a)",
                progress=Silent(),  # type: ignore[arg-type]
            )
            assert is_valid(connection, "broken_a") is True
        finally:
            connection.execute(text("DROP TABLE vectors.broken"))
