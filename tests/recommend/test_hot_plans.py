"""The statements that a list of a large catalog waits for take the indexes made for them."""

from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import event, text

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.direct import Question, ask
from embedhub.recommend.queries import items, pools, proposals
from embedhub.recommend.queries.permits import Permit
from embedhub.recommend.queries.versions import find_live
from embedhub.spaces import vectors
from embedhub.spaces.indexes import grow_space
from embedhub.tables import Space
from tests.factories import SilentProgress
from tests.recommend.shop import Shop, open_shop


@pytest.fixture
def shop(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(jobs, "send", lambda job, **arguments: None)
    return open_shop(caller)


def factor_space(shop: Shop) -> Space:
    with db.reading() as session:
        live = find_live(session, catalog_id=shop.catalog_id)
        assert live is not None
        space = vectors.find_space(session, live.factor_space_id or 0)
    assert space is not None
    return space


def test_what_is_near_a_vector_is_found_by_the_index(shop: Shop) -> None:
    grow_space(SilentProgress(), {"space_id": factor_space(shop).id})
    space = factor_space(shop)
    assert space.is_indexed
    leg = pools.Leg(space, np.ones(space.dimension))
    prepare, near, _ = proposals.near(leg, most=20)
    with db.reading() as session:
        ask(session, prepare)
        # So small a table would be read whole, which would hide an index that cannot be taken.
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = ask(session, Question(b"EXPLAIN " + near.sql, near.facts, list))
        found = proposals.nearest(session, leg, most=20)
    assert any("_hnsw" in line for (line,) in plan)
    assert len(found) == 20


def test_priors_of_a_pool_and_what_is_new_are_read_through_their_keys(shop: Shop) -> None:
    with db.autocommit() as connection:
        connection.execute(text("ANALYZE items, item_priors"))
    with db.reading() as session:
        live = find_live(session, catalog_id=shop.catalog_id)
        assert live is not None
        permit = Permit(live.workspace_id, shop.catalog_id, datetime.now(UTC))
        for way in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin"):
            session.execute(text(f"SET LOCAL enable_{way} = off"))
        explained: list[str] = []

        def explain(connection, cursor, statement, parameters, *rest):  # type: ignore[no-untyped-def]
            del rest
            if not statement.startswith("EXPLAIN"):
                rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
                explained.append("\n".join(row[0] for row in rows))

        event.listen(session.connection(), "before_cursor_execute", explain)
        pools.pool(
            session, permit, version_id=live.id, legs={}, positions=np.arange(2), item_ids=[1]
        )
        items.latest(session, permit, most=5)
    of_pool, newest = explained
    for key in ("uq_item_priors_version_id_position", "pk_item_priors"):
        assert f"Index Scan using {key}" in of_pool
    assert "Backward using ix_items_newest" in newest
    assert "Sort" not in newest
