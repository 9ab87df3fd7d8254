"""Trainings as the service carries them out: from rows in Postgres to a version that answers.

python -m benchmarks.training [--data FOLDER] [--synthetic N] [--output FILE]

A fresh Postgres is started and filled; then one run reads, fits, judges and stores in this process,
whose largest memory is told: `worker` processes are such processes. FOLDER holds MovieLens-100k
(ratings.csv, items_info.json); --synthetic makes up N interactions of users with tastes.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import text

from benchmarks.measure import print_table, timed, write_report
from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.access.service import create_workspace
from embedhub.bulk_copy import copy_rows, float8, foreign_keys_planned_once, int8, string, timestamp
from embedhub.catalog.service import CatalogInput, create_catalog
from embedhub.config import get_config, override_config
from embedhub.local.postgres import embedded_postgres
from embedhub.recommend.interactions import Interactions
from embedhub.recommend.movielens import read_movielens
from embedhub.recommend.training_run.service import start_training
from embedhub.recommend.training_run.work import train_recommender
from embedhub.runs import service as runs

PROJECT = Path(__file__).parent.parent
MAX_SECONDS, MAX_MB = 20.0, 2_000.0


def main() -> None:
    """Measure, print the table, write JSON where asked to; status 1 where a bar is not reached."""
    arguments = parse_arguments()
    rows = []
    with fresh_database():
        caller = Caller.for_workspace(create_workspace("bench", "Bench"))
        if arguments.data:
            rows.append(measure(caller, "MovieLens-100k", read_movielens(arguments.data).events))
        rows.extend(measure(caller, "synthetic", tastes(count)) for count in arguments.synthetic)
    print_table("trainings as runs", rows)
    write_report(arguments.output, "training", rows)
    first = rows[0]
    if arguments.data and (first["seconds"] > MAX_SECONDS or first["peak MB"] > MAX_MB):
        raise SystemExit(f"above {MAX_SECONDS:.0f} s or {MAX_MB:,.0f} MB")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of MovieLens-100k")
    parser.add_argument(
        "--synthetic", type=int, action="append", default=[], help="made-up interactions"
    )
    parser.add_argument("--output", type=Path, help="write the figures here, as JSON")
    return parser.parse_args()


@contextmanager
def fresh_database() -> Iterator[None]:
    """Have this process use a Postgres of its own that is gone afterwards."""
    timeout_s = get_config().worker_statement_timeout_s
    override_config(default_encoder="hashing-64", statement_timeout_s=timeout_s)
    # Whoever rings finds nobody: the run is carried out here.
    jobs.send = nobody_hears
    with tempfile.TemporaryDirectory() as folder, embedded_postgres(Path(folder)) as url:
        override_config(database_url=url)
        command.upgrade(AlembicConfig(toml_file=PROJECT / "pyproject.toml"), "head")
        yield
        db.dispose()


def nobody_hears(job: jobs.Job, **arguments: object) -> None:
    """Drop a message."""
    del job, arguments


def tastes(count: int) -> Interactions:
    """Return made-up events of users and items in twenty groups."""
    rng = np.random.default_rng(7)
    n_users, n_items, groups = max(count // 100, 10), max(count // 200, 100), 20
    users = rng.integers(n_users, size=count)
    rank = np.minimum(rng.zipf(1.3, size=count) - 1, n_items // groups - 1)
    group = np.where(rng.random(count) < 0.7, users % groups, rng.integers(groups, size=count))
    times = np.arange(count, dtype=np.float64)
    items = rank * groups + group
    return Interactions(users, items, np.ones(count), times, n_users, n_items)


def measure(caller: Caller, name: str, events: Interactions) -> dict[str, Any]:
    """Return what one training took, from the interactions' rows on."""
    slug = f"{name.lower()}-{len(events)}"
    catalog_id = create_catalog(caller, CatalogInput(slug=slug)).id
    fill(caller, catalog_id, events)
    run_id = start_training(caller, slug)
    cpu_s = time.process_time()
    _, milliseconds = timed(lambda: runs.carry_out(run_id, train_recommender))
    cpu_s = time.process_time() - cpu_s
    run = runs.get_run(caller, run_id)
    if run.status != "succeeded":
        raise SystemExit(f"the training failed: {run.error}")
    return {
        "name": name,
        "interactions": len(events),
        "users": events.n_users,
        "items": events.n_items,
        "seconds": round(milliseconds / 1_000, 2),
        "CPU s": round(cpu_s, 2),
        "of them fitting": run.result["fit_s"],
        "peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "status": run.result["status"],
        "nDCG@10": round(run.result["ndcg"], 4),
        "popularity": round(run.result["popularity_ndcg"], 4),
    }


def fill(caller: Caller, catalog_id: int, events: Interactions) -> None:
    """Store users, items and interactions."""
    place = int8(caller.workspace_id), int8(catalog_id)
    ids: dict[str, list[int]] = {}
    with db.writing() as session:
        for table, size in (("users", events.n_users), ("items", events.n_items)):
            copy_rows(
                session,
                table,
                ("workspace_id", "catalog_id", "external_id"),
                ((*place, string(str(number))) for number in range(size)),
            )
            found = session.execute(
                text(f"SELECT id FROM {table} WHERE catalog_id = :id ORDER BY external_id::int"),
                {"id": catalog_id},
            )
            ids[table] = list(found.scalars())
        times = np.arange(len(events)) if events.times is None else events.times
        with foreign_keys_planned_once(session):
            copy_rows(
                session,
                "interactions",
                (
                    "workspace_id",
                    "catalog_id",
                    "user_id",
                    "item_id",
                    "type",
                    "value",
                    "happened_at",
                ),
                (
                    (
                        *place,
                        int8(ids["users"][user]),
                        int8(ids["items"][item]),
                        string("view"),
                        float8(1.0),
                        timestamp(datetime.fromtimestamp(float(time), UTC)),
                    )
                    for user, item, time in zip(
                        events.users.tolist(),
                        events.items.tolist(),
                        times.tolist(),
                        strict=True,
                    )
                ),
            )


if __name__ == "__main__":
    main()
