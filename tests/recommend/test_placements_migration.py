"""Rules and experiments: the migration that makes their tables goes back and forth over rows."""

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.recommend.experiments.service import ExperimentInput, create_experiment
from embedhub.recommend.rules.service import list_placements, put_rules
from tests.catalog.factories import act, make_catalog, send_items

ALEMBIC = AlembicConfig(toml_file=Path(__file__).parents[2] / "pyproject.toml")
PIN = {"action": "pin", "item": "m1", "position": 1}


def test_the_migration_runs_back_and_forth_over_rows(caller: Caller) -> None:
    make_catalog(caller)
    send_items(caller, {"external_id": "m1"})
    act(caller, {"request_id": "0d5e9d6e-3b2f-4d62-8a35-0e1f2a3b4c5d"})
    put_rules(caller, "films", "home", [PIN])
    put_rules(caller, "films", "home", [])
    variants = [{"name": "a"}, {"name": "b"}]
    create_experiment(caller, "films", ExperimentInput("trial", "home", variants))
    try:
        command.downgrade(ALEMBIC, "0013")
        with db.reading() as session:
            assert session.execute(text("SELECT count(*) FROM interactions")).scalar_one() == 1
    finally:
        command.upgrade(ALEMBIC, "head")
    assert list_placements(caller, "films") == []
    assert put_rules(caller, "films", "home", [PIN]).revision == 1
