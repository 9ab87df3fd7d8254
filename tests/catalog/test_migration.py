"""Events that differ only in their request: two now, one in the schema before."""

import uuid
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from tests.catalog.factories import act, make_catalog, send_items

ALEMBIC = AlembicConfig(toml_file=Path(__file__).parents[2] / "pyproject.toml")


def test_the_migration_runs_back_and_forth_over_rows(caller: Caller) -> None:
    make_catalog(caller)
    send_items(caller, {"external_id": "m1"})
    event = {"time": "2026-01-31T12:00:00Z"}
    taken = act(caller, event, {**event, "request_id": str(uuid.uuid4())}, {"item": "unknown"})
    assert [each.outcome for each in taken] == ["created", "created", "held"]
    try:
        command.downgrade(ALEMBIC, "0011")
        with db.reading() as session:
            kept = session.execute(text("SELECT request_id FROM interactions")).scalars().one()
    finally:
        command.upgrade(ALEMBIC, "head")
    again = act(caller, {**event, "request_id": None if kept is None else str(kept)})
    assert again[0].outcome == "unchanged"
