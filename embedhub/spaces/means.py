"""What the database server and its disk offer to a build, and how fast builds were here."""

import shutil
from pathlib import Path
from statistics import median

from sqlalchemy.orm import Session

from embedhub.config import get_config
from embedhub.errors import StorageFull
from embedhub.runs.kinds import RunKind
from embedhub.runs.service import recent_results
from embedhub.spaces.forecast import (
    MIB,
    Forecast,
    HnswShape,
    Means,
    forecast_build,
    in_mib,
    refusal,
)
from embedhub.spaces.queries import server
from embedhub.spaces.queries.server import ServerFacts
from embedhub.spaces.wanted import hnsw_settings
from embedhub.tables import Space

# A server that runs here wrote its time of start into its folder.
SAME_START_S = 120
# Runs looked at to learn how fast builds are here, and the bounds of what is believed.
LEARNED_FROM, SLOWEST, FASTEST = 20, 20.0, 0.1


def foresee(
    session: Session, space: Space, *, rows: int, precision: str | None = None, moved_rows: int = 0
) -> Forecast:
    """Return what building a dense space's index of this precision (None: its own) takes here."""
    shape = shape_of(space, precision)
    keep_free = get_config().min_free_disk_bytes
    means = find_means(session, shape.precision)
    return forecast_build(shape, rows, means, keep_free=keep_free, moved_rows=moved_rows)


def require_room(forecast: Forecast) -> None:
    """Raise StorageFull with the figures if a build would fill the disk."""
    if not forecast.has_room:
        raise StorageFull(refusal(forecast, keep_free=get_config().min_free_disk_bytes))


def require_reserve(session: Session) -> None:
    """Raise StorageFull if less disk is free than is always kept free."""
    free, keep_free = (
        free_disk_bytes(server.server_facts(session)),
        get_config().min_free_disk_bytes,
    )
    if free is not None and free < keep_free:
        raise StorageFull(
            f"not enough disk: {in_mib(free)} are free, {in_mib(keep_free)} are always kept free"
            " (EMBEDHUB_MIN_FREE_DISK_BYTES)"
        )


def shape_of(space: Space, precision: str | None = None) -> HnswShape:
    """Return the shape of a space's index as the settings have it now."""
    m, ef_construction = hnsw_settings()
    return HnswShape(space.dimension, precision or space.precision, m, ef_construction)


def find_means(session: Session, precision: str) -> Means:
    """Return what the server allows a build of this precision now, within the settings."""
    config = get_config()
    facts = server.server_facts(session)
    return Means(
        memory_bytes=config.index_memory_mb * MIB or facts.maintenance_bytes,
        workers=facts.workers if config.index_workers < 0 else config.index_workers,
        disk_free_bytes=free_disk_bytes(facts),
        log_bytes=facts.log_bytes,
        shares_memory_on_disk=facts.shares_memory_in_files,
        pace=learned_pace(session, precision),
    )


def free_disk_bytes(facts: ServerFacts) -> int | None:
    """Return the bytes the database may still fill; None if that cannot be known from here."""
    limit = get_config().database_disk_bytes
    known = [limit - facts.database_bytes] if limit else []
    if facts.data_directory is not None and is_here(Path(facts.data_directory), facts.started_at_s):
        known.append(shutil.disk_usage(facts.data_directory).free)
    return max(0, min(known)) if known else None


def is_here(data: Path, started_at_s: int) -> bool:
    """Say whether the folder on this machine is the one the server works in.

    A server elsewhere may name a folder that exists here as well, so its time of start must agree.
    """
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return (
        len(lines) > 2 and lines[2].isdigit() and abs(int(lines[2]) - started_at_s) <= SAME_START_S
    )


def learned_pace(session: Session, precision: str) -> float:
    """Return how long builds took here against the typical machine; 1 if none is known.

    Those of the same precision count before others.
    """
    kinds = [RunKind.GROW_SPACE, RunKind.REBUILD_INDEX]
    results = recent_results(session, kinds=kinds, limit=LEARNED_FROM)
    known = [result for result in results if result.get("pace")]
    alike = [result for result in known if result.get("precision") == precision]
    paces = [float(result["pace"]) for result in alike or known]
    return min(SLOWEST, max(FASTEST, median(paces[:3]))) if paces else 1.0
