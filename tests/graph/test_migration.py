"""Graphs: the migration that makes their tables goes back and forth over rows."""

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.graph import service
from embedhub.graph.building import build_graph
from embedhub.graph.service import Owner
from embedhub.runs.service import carry_out
from tests.factories import encode_everything, make_collection, send_texts

ALEMBIC = AlembicConfig(toml_file=Path(__file__).parents[2] / "pyproject.toml")


def test_the_migration_runs_back_and_forth_over_rows(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["a whale", "a ship"])
    encode_everything()
    carry_out(service.start_build(caller, Owner.COLLECTIONS, "papers"), build_graph)
    state = service.describe_graph(caller, Owner.COLLECTIONS, "papers")
    assert state.graph is not None
    assert state.run_id is None
    try:
        command.downgrade(ALEMBIC, "0016")
        with db.reading() as session:
            assert session.execute(text("SELECT count(*) FROM documents")).scalar_one() == 2
            assert session.execute(text("SELECT count(*) FROM runs")).scalar_one() == 0
    finally:
        command.upgrade(ALEMBIC, "head")
    assert service.describe_graph(caller, Owner.COLLECTIONS, "papers").graph is None
    carry_out(service.start_build(caller, Owner.COLLECTIONS, "papers"), build_graph)
    again = service.describe_graph(caller, Owner.COLLECTIONS, "papers")
    assert again.graph is not None
    assert again.graph.n_nodes == 2
