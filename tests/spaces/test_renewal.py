"""Indexes that deletions and updates wore out are built anew by themselves, and by nobody twice."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.documents import deletion
from embedhub.documents.deletion import carry_out_deletion
from embedhub.documents.service import delete_documents
from embedhub.runs import service as runs
from embedhub.runs.kinds import RunKind
from embedhub.search import dense
from embedhub.search.request import Mode, SearchRequest
from embedhub.search.service import search
from embedhub.spaces import index_facts, renewal
from embedhub.spaces.index_life import describe_index
from embedhub.spaces.indexes import grow_space, rebuild_index
from embedhub.spaces.queries.server import ShelfFacts
from embedhub.spaces.renewal import is_time, is_worn, renew_worn
from tests.factories import SilentProgress, make_collection, send

N_ROWS = 200
DIMENSION = 8
SLUG = "papers"


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch, database: str) -> Iterator[None]:
    """Two hundred rows count as many, whether for a rebuild or for a deletion."""
    monkeypatch.setattr(renewal, "MIN_ADVISED_ROWS", 50)
    monkeypatch.setattr(index_facts, "MIN_ADVISED_ROWS", 50)
    monkeypatch.setattr(deletion, "DELETED_IN_REQUEST", 10)
    monkeypatch.setattr(deletion, "WORTH_VACUUMING", 10)
    monkeypatch.setattr(dense, "exact_cost", lambda _: 1e9)
    override_config(exact_rows=0)
    renewal._seen.clear()
    yield
    override_config(exact_rows=10_000, rebuild_dead_share=0.2)


@pytest.fixture
def shelf(caller: Caller) -> int:
    """A collection with an index of its own, left alone by autovacuum; return its space."""
    make_collection(caller, dimension=DIMENSION)
    send(caller, *(document(row, year=row % 2) for row in range(N_ROWS)))
    with db.reading() as session:
        space_id = session.execute(text("SELECT id FROM spaces WHERE kind = 'dense'")).scalar_one()
    grow_space(SilentProgress(), {"space_id": space_id})
    # Who stored the rows tells of them only now, after they were counted when the shelf was made.
    db.engine().dispose()
    with db.autocommit() as connection:
        table = f"vectors.embeddings_{space_id}"
        connection.execute(text(f"ALTER TABLE {table} SET (autovacuum_enabled = off)"))
        connection.execute(text(f"ANALYZE {table}"))
    return int(space_id)


def document(row: int, *, year: int, seed: int = 0) -> dict[str, Any]:
    vector = np.random.default_rng([seed, row]).standard_normal(DIMENSION)
    return {
        "external_id": str(row),
        "text": f"row {row} {seed}",
        "metadata": {"year": year},
        "vector": vector.tolist(),
    }


def update(caller: Caller, rows: range, seed: int) -> None:
    send(caller, *(document(row, year=row % 2, seed=seed) for row in rows))


def wait_for_dead(caller: Caller, least: int) -> None:
    """Return when Postgres' statistics tell of the dead rows."""

    def is_told() -> bool:
        # A connection tells of its dead rows when it is idle for long, or closed.
        db.engine().dispose()
        return describe_index(caller, SLUG).dead_rows >= least

    wait_for(is_told)


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.05)


def sweep_twice() -> int | None:
    """Return the run asked for, once the dead rows were seen not to grow."""
    return renew_worn() or renew_worn()


def found(caller: Caller, row: int, seed: int = 0) -> list[str]:
    vector = np.random.default_rng([seed, row]).standard_normal(DIMENSION).astype(np.float32)
    answer = search(caller, SLUG, SearchRequest(vector=vector, mode=Mode.DENSE, limit=5))
    assert [leg.plan for leg in answer.legs] == [dense.DensePlan.HNSW]
    return [hit.document.external_id for hit in answer.hits]


def dead_entries(caller: Caller) -> int:
    """Return the dead rows as Postgres counts them, looking at every page."""
    with db.autocommit() as connection:
        (name,) = connection.execute(
            text("SELECT relname FROM pg_class WHERE relname ~ '^embeddings_[1-9]\\d*$'")
        ).one()
        connection.execute(text(f"ANALYZE vectors.{name}"))
    return describe_index(caller, SLUG).dead_rows


@contextmanager
def forgotten_writer(url: str) -> Iterator[None]:
    """Somebody's transaction that no index build waits for and that keeps dead rows in place."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_current_xact_id()")
        yield


def test_a_mass_deletion_ends_with_a_rebuild_in_place_of_a_vacuum(
    caller: Caller, shelf: int
) -> None:
    deletion_id = delete_documents(caller, SLUG, where={"year": 0}).run_id
    assert deletion_id is not None
    runs.carry_out(deletion_id, carry_out_deletion)
    result = runs.get_run(caller, deletion_id).result
    assert result["n_deleted"] == N_ROWS // 2
    run_id = result["rebuild_run_id"]
    run = runs.get_run(caller, run_id)
    assert (run.kind, run.status) == (RunKind.REBUILD_INDEX, "queued")
    # Nobody has touched the graph yet, and what is searched is right.
    assert dead_entries(caller) == N_ROWS // 2
    assert found(caller, 1)[0] == "1"
    assert not {int(ident) % 2 for ident in found(caller, 0)} & {0}
    # It is on its way: no advice, and no second one.
    assert describe_index(caller, SLUG).advice == []
    assert sweep_twice() is None
    runs.carry_out(run_id, rebuild_index)
    assert runs.get_run(caller, run_id).status == "succeeded"
    assert dead_entries(caller) == 0
    assert found(caller, 1)[0] == "1"
    assert sweep_twice() is None


def test_updates_wear_an_index_out_and_upkeep_has_it_built_anew(caller: Caller, shelf: int) -> None:
    assert sweep_twice() is None
    update(caller, range(20), seed=1)
    wait_for_dead(caller, 20)
    assert sweep_twice() is None, "a tenth is not worth it"
    update(caller, range(20, 70), seed=1)
    wait_for_dead(caller, 70)
    assert renew_worn() is None, "more may be under way"
    run_id = renew_worn()
    assert run_id is not None
    assert renew_worn() is None
    runs.carry_out(run_id, rebuild_index)
    assert runs.get_run(caller, run_id).result["rows"] == N_ROWS
    assert dead_entries(caller) == 0
    assert found(caller, 30, seed=1)[0] == "30"
    assert sweep_twice() is None


def test_one_that_never_ends_well_is_not_asked_for_again_and_again(
    caller: Caller, shelf: int
) -> None:
    update(caller, range(70), seed=1)
    wait_for_dead(caller, 70)
    run_id = sweep_twice()
    assert run_id is not None
    runs.cancel_run(caller, run_id)
    assert sweep_twice() is None
    assert describe_index(caller, SLUG).advice != []
    assert found(caller, 30, seed=1)[0] == "30"


def test_nothing_is_built_where_that_is_switched_off(caller: Caller, shelf: int) -> None:
    override_config(rebuild_dead_share=1)
    update(caller, range(N_ROWS), seed=1)
    update(caller, range(N_ROWS), seed=2)
    wait_for_dead(caller, 2 * N_ROWS)
    assert sweep_twice() is None


def test_while_a_deletion_is_at_work_upkeep_waits_for_its_end(caller: Caller, shelf: int) -> None:
    update(caller, range(70), seed=1)
    wait_for_dead(caller, 70)
    deletion_id = delete_documents(caller, SLUG, where={"year": 0}).run_id
    assert sweep_twice() is None
    assert deletion_id is not None
    runs.cancel_run(caller, deletion_id)
    assert sweep_twice() is not None


def test_rows_that_somebody_keeps_in_place_are_no_reason_to_build_for_ever(
    caller: Caller, shelf: int, database: str
) -> None:
    with forgotten_writer(database):
        update(caller, range(70), seed=1)
        wait_for_dead(caller, 70)
        run_id = sweep_twice()
        assert run_id is not None
        runs.carry_out(run_id, rebuild_index)
        run = runs.get_run(caller, run_id)
        assert run.status == "succeeded"
        assert dead_entries(caller) == 70
        assert found(caller, 30, seed=1)[0] == "30"
        assert sweep_twice() is None
        update(caller, range(70), seed=2)
        wait_for_dead(caller, 140)
        assert sweep_twice() is not None, "these are in the index"


def test_a_rebuild_does_not_vacuum_what_died_while_it_was_built(
    caller: Caller, shelf: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That would link their neighbours one by one; upkeep counts them instead."""
    update(caller, range(70), seed=1)
    wait_for_dead(caller, 70)
    run_id = sweep_twice()
    assert run_id is not None
    swap_in = "embedhub.spaces.indexes.swap_in"
    from embedhub.spaces.building import swap_in as original

    def meanwhile(*arguments: Any, **more: Any) -> None:
        original(*arguments, **more)
        update(caller, range(70, 170), seed=1)
        wait_for_dead(caller, 170)

    monkeypatch.setattr(swap_in, meanwhile)
    runs.carry_out(run_id, rebuild_index)
    assert dead_entries(caller) == 170
    monkeypatch.setattr(swap_in, original)
    run_id = sweep_twice()
    assert run_id is not None
    runs.carry_out(run_id, rebuild_index)
    assert dead_entries(caller) == 0


def test_a_shelf_of_an_older_release_is_left_to_upkeep_from_then_on(
    caller: Caller, shelf: int
) -> None:
    with db.autocommit() as connection:
        connection.execute(
            text(
                f"ALTER TABLE vectors.embeddings_{shelf} SET"
                " (autovacuum_vacuum_scale_factor = 0.05)"
            )
        )
    update(caller, range(70), seed=1)
    wait_for_dead(caller, 70)
    rebuild_index(SilentProgress(), {"space_id": shelf})
    with db.reading() as session:
        options = session.execute(
            text("SELECT reloptions FROM pg_class WHERE relname = :name"),
            {"name": f"embeddings_{shelf}"},
        ).scalar_one()
    assert "autovacuum_vacuum_scale_factor=0.8" in options


@pytest.mark.parametrize(
    ("dead", "died", "before", "expected"),
    [
        (200, 200, 0, True),
        (199, 199, 0, False),
        # kept in the table by somebody, and not in the index
        (300, 300, 300, False),
        (500, 500, 300, True),
        # vacuumed since
        (100, 600, 300, False),
        (200, 900, 300, True),
        # the statistics were lost in a crash
        (200, 200, 300, True),
    ],
)
def test_only_what_died_since_an_index_was_built_wears_it_out(
    dead: int, died: int, before: int, expected: bool
) -> None:
    facts = ShelfFacts(0, live_rows=800, dead_rows=dead, died=died)
    assert is_worn(facts, died_before=before, dead_share=0.2) is expected


@pytest.mark.parametrize(
    ("dead", "seen", "expected"),
    [(250, 250, True), (250, 245, True), (250, 200, False), (250, None, False), (700, None, True)],
)
def test_an_index_that_is_worn_on_is_left_for_later_but_not_for_ever(
    dead: int, seen: int | None, expected: bool
) -> None:
    facts = ShelfFacts(0, live_rows=1_000, dead_rows=dead, died=dead)
    assert is_time(facts, seen, 0.2) is expected
