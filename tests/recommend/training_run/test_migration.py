"""Versions and what they are served from go when the schema goes back, and come anew."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from tests.recommend.training_run.catalogs import live_version, taste_catalog, train_now

ALEMBIC = AlembicConfig(toml_file=Path(__file__).parents[3] / "pyproject.toml")

pytestmark = pytest.mark.slow


def test_the_migration_runs_back_and_forth_over_rows(caller: Caller) -> None:
    taste_catalog(caller)
    assert train_now(caller).result["status"] == "live"
    try:
        command.downgrade(ALEMBIC, "0012")
        with db.reading() as session:
            left = text("SELECT count(*) FROM spaces WHERE encoder = 'ials'")
            assert session.execute(left).scalar_one() == 0
            runs = text("SELECT count(*) FROM runs WHERE kind = 'train_recommender'")
            assert session.execute(runs).scalar_one() == 0
            kept = text("SELECT count(*) FROM interactions")
            assert session.execute(kept).scalar_one() == 60 * 14
    finally:
        command.upgrade(ALEMBIC, "head")
    assert live_version(caller) is None
    assert train_now(caller).result["version"] == 1
