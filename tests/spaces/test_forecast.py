"""Forecasts of builds against what pgvector was measured to take, and against the disk."""

import pytest

from embedhub.config import override_config
from embedhub.errors import StorageFull
from embedhub.spaces.forecast import (
    LEAST_MEMORY,
    MIB,
    HnswShape,
    Means,
    forecast_build,
    memory_to_give,
    model_seconds,
)
from embedhub.spaces.means import free_disk_bytes, is_here, require_room
from embedhub.spaces.queries.server import ServerFacts

SMALL = HnswShape(384, "halfvec", 16, 64)
GIB = 2**30


def means(**fields: object) -> Means:
    given = {
        "memory_bytes": GIB,
        "workers": 1,
        "disk_free_bytes": 100 * GIB,
        "log_bytes": GIB,
    }
    return Means(**(given | fields))  # type: ignore[arg-type]


# Bytes a row in memory (from the row at which 16 MiB were full) and in the finished index.
@pytest.mark.parametrize(
    ("dimension", "precision", "memory", "disk"),
    [
        (64, "halfvec", 842.5, 434.3),
        (64, "vector", 971.1, 569.8),
        (64, "bit", 722.8, 310.1),
        (384, "halfvec", 1482.6, 1170.6),
    ],
)
def test_sizes_are_those_that_were_measured(
    dimension: int, precision: str, memory: float, disk: float
) -> None:
    shape = HnswShape(dimension, precision, 16, 64)
    assert shape.memory_per_row == pytest.approx(memory, rel=0.02)
    assert shape.disk_per_row == pytest.approx(disk, rel=0.05)


def test_a_large_vector_takes_a_page_of_its_own() -> None:
    assert HnswShape(1_536, "vector", 16, 64).disk_per_row == 8192
    assert HnswShape(2_000, "vector", 16, 64).disk_per_row > 8192


def test_a_build_is_given_what_it_needs_and_no_more_than_is_allowed() -> None:
    assert memory_to_give(MIB, GIB) == LEAST_MEMORY
    assert 300 * MIB < memory_to_give(300 * MIB, GIB) < 400 * MIB
    assert memory_to_give(2 * GIB, GIB) == GIB


def test_rows_that_do_not_fit_memory_cost_more_time() -> None:
    fits = forecast_build(SMALL, 100_000, means(), keep_free=0)
    beyond = forecast_build(SMALL, 100_000, means(memory_bytes=64 * MIB), keep_free=0)
    assert fits.fits_in_memory
    assert not beyond.fits_in_memory
    assert beyond.seconds > 2 * fits.seconds
    assert fits.memory_needed_bytes == beyond.memory_needed_bytes
    assert model_seconds(SMALL, 100_000, GIB) == pytest.approx(fits.seconds, rel=0.01)


def test_what_builds_took_here_is_learned_from() -> None:
    slow = forecast_build(SMALL, 10_000, means(pace=3.0), keep_free=0)
    typical = forecast_build(SMALL, 10_000, means(), keep_free=0)
    assert slow.seconds == pytest.approx(3 * typical.seconds, rel=0.01)


def test_the_disk_has_room_for_the_index_its_log_and_the_moved_rows() -> None:
    index = forecast_build(SMALL, 100_000, means(), keep_free=0)
    assert index.disk_needed_bytes == 2 * index.index_bytes
    recycled = forecast_build(SMALL, 100_000, means(log_bytes=0), keep_free=0)
    assert recycled.disk_needed_bytes == recycled.index_bytes
    moving = forecast_build(SMALL, 100_000, means(log_bytes=0), keep_free=0, moved_rows=100_000)
    assert moving.disk_needed_bytes > recycled.disk_needed_bytes + 100_000 * 384 * 4
    in_files = means(log_bytes=0, shares_memory_on_disk=True)
    shared = forecast_build(SMALL, 100_000, in_files, keep_free=0)
    assert shared.disk_needed_bytes == recycled.disk_needed_bytes + shared.memory_given_bytes


@pytest.mark.parametrize(
    ("free", "keep_free", "has_room"),
    [(None, GIB, True), (GIB, 0, True), (GIB, GIB, False), (100 * MIB, 0, False)],
)
def test_a_full_disk_is_seen_before(free: int | None, keep_free: int, *, has_room: bool) -> None:
    forecast = forecast_build(SMALL, 100_000, means(disk_free_bytes=free), keep_free=keep_free)
    assert forecast.has_room is has_room
    if has_room:
        require_room(forecast)
    else:
        with pytest.raises(StorageFull, match=r"about 2\d\d MiB .* are free"):
            require_room(forecast)


def facts(**fields: object) -> ServerFacts:
    given = {
        "maintenance_bytes": GIB,
        "workers": 2,
        "log_bytes": GIB,
        "shared_buffers_bytes": GIB,
        "shares_memory_in_files": False,
        "data_directory": None,
        "started_at_s": 1_000,
        "database_bytes": 700 * MIB,
    }
    return ServerFacts(**(given | fields))  # type: ignore[arg-type]


def test_free_disk_is_known_by_the_setting_or_by_the_folder_of_a_server_here(
    tmp_path: object,
) -> None:
    from pathlib import Path

    data = Path(str(tmp_path))
    elsewhere = facts(data_directory=str(data))
    assert free_disk_bytes(elsewhere) is None
    (data / "postmaster.pid").write_text("77\n/data\n1003\n5432\n")
    assert is_here(data, 1_000)
    # Another server's folder of the same name.
    assert not is_here(data, 90_000)
    known = free_disk_bytes(elsewhere)
    assert known is not None
    assert known > MIB
    override_config(database_disk_bytes=GIB)
    try:
        assert free_disk_bytes(facts()) == GIB - 700 * MIB
        assert free_disk_bytes(facts(database_bytes=2 * GIB)) == 0
    finally:
        override_config(database_disk_bytes=0)
