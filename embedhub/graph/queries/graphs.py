"""The SQL of the rows of graphs: which there are, how they stand, who works on one."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    bindparam,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.graph.subject import Level, Subject
from embedhub.tables import Catalog, Collection, Graph, Run, Space


def live_space(session: Session, subject: Subject) -> Space | None:
    """Return the space whose vectors the rows of a subject have; None if there is none."""
    is_item = subject.level is Level.ITEM
    owner_id = subject.catalog_id if is_item else subject.collection_id
    facts = {"workspace_id": subject.workspace_id, "owner_id": owner_id}
    return session.scalars(_live_space(is_item=is_item), facts).one_or_none()


@lru_cache(maxsize=2)
def _live_space(*, is_item: bool) -> Select[tuple[Space]]:
    # Every request of an analysis asks it a few times: made once.
    owner_id = bindparam("owner_id", type_=BigInteger)
    statement = select(Space).where(
        Space.workspace_id == bindparam("workspace_id", type_=BigInteger),
        Space.kind == "dense",
        Space.status == "live",
    )
    if is_item:
        return statement.join(Catalog, Catalog.id == Space.catalog_id).where(
            Catalog.id == owner_id,
            Catalog.deleted_at.is_(None),
            Space.subject == "item",
            Space.encoder == Catalog.encoder,
        )
    return statement.join(Collection, Collection.id == Space.collection_id).where(
        Collection.id == owner_id,
        Collection.deleted_at.is_(None),
        Space.subject == "chunk",
    )


def find_graph(session: Session, graph_id: int) -> Graph | None:
    """Return a graph."""
    return session.scalars(select(Graph).where(Graph.id == graph_id)).one_or_none()


def graphs_of(session: Session, subject: Subject, *, status: str) -> Sequence[Graph]:
    """Return the graphs of a subject with a status, the newest first."""
    statement = select(Graph).where(
        Graph.workspace_id == subject.workspace_id,
        Graph.collection_id.is_not_distinct_from(subject.collection_id),
        Graph.catalog_id.is_not_distinct_from(subject.catalog_id),
        Graph.level == subject.level.value,
        Graph.status == status,
    )
    return session.scalars(statement.order_by(Graph.id.desc())).all()


def insert_graph(session: Session, subject: Subject, *, run_id: int, **columns: Any) -> Graph:
    """Insert a graph that is being built by a run."""
    statement = insert(Graph).values(
        workspace_id=subject.workspace_id,
        collection_id=subject.collection_id,
        catalog_id=subject.catalog_id,
        level=subject.level.value,
        run_id=_if_there(run_id),
        **columns,
    )
    return session.scalars(statement.returning(Graph)).one()


def take_over(session: Session, graph_id: int, *, run_id: int) -> None:
    """Write that another run goes on with building a graph."""
    update_graph(session, graph_id, run_id=_if_there(run_id))


def update_graph(session: Session, graph_id: int, **columns: Any) -> None:
    """Change columns of a graph."""
    session.execute(update(Graph).where(Graph.id == graph_id).values(**columns))


def make_live(session: Session, graph: Graph) -> None:
    """Let a graph be the live one of its subject; the one that was is retired."""
    session.execute(
        update(Graph)
        .where(
            Graph.collection_id.is_not_distinct_from(graph.collection_id),
            Graph.catalog_id.is_not_distinct_from(graph.catalog_id),
            Graph.level == graph.level,
            Graph.status == "live",
            Graph.id != graph.id,
        )
        .values(status="retired")
    )
    update_graph(session, graph.id, status="live", built_at=func.now())


def note_comparison(session: Session, graph_id: int, *, took_s: float, began: Any) -> None:
    """Write that lists and vectors were compared as they were at a moment."""
    session.execute(
        text("""
            UPDATE graphs SET followed_at = now(), follow_s = :took_s,
                   stale_since = CASE WHEN stale_since > :began THEN stale_since END
            WHERE id = :id
        """),
        {"id": graph_id, "took_s": took_s, "began": began},
    )


def mark_stale(session: Session, graph_id: int) -> None:
    """Write that vectors may have changed since the last comparison."""
    session.execute(
        text("UPDATE graphs SET stale_since = clock_timestamp() WHERE id = :id"),
        {"id": graph_id},
    )


def due_graphs(session: Session, *, every_s: float, limit: int) -> list[int]:
    """Return live graphs known to be stale, then those that were not compared for so long."""
    statement = text("""
        SELECT id FROM graphs
        WHERE status = 'live' AND (stale_since IS NOT NULL OR followed_at IS NULL
              OR followed_at < now() - make_interval(secs => :every_s))
        ORDER BY stale_since, followed_at NULLS FIRST LIMIT :limit
    """)
    return list(session.execute(statement, {"every_s": every_s, "limit": limit}).scalars())


def left_over_graphs(session: Session, *, limit: int) -> list[int]:
    """Return graphs that were replaced, and those whose building nobody goes on with."""
    statement = text("""
        SELECT g.id FROM graphs g LEFT JOIN runs r ON r.id = g.run_id
        WHERE g.status = 'retired'
           OR (g.status = 'building' AND g.created_at < now() - interval '1 day'
               AND (r.id IS NULL OR r.status NOT IN ('queued', 'running')))
        ORDER BY g.id LIMIT :limit
    """)
    return list(session.execute(statement, {"limit": limit}).scalars())


def _if_there(run_id: int) -> Any:
    return select(Run.id).where(Run.id == run_id).scalar_subquery()


def ids_of_owner(
    session: Session, *, collection_id: int | None = None, catalog_id: int | None = None
) -> list[int]:
    """Return all graphs of a collection or a catalog, whatever their status."""
    statement = select(Graph.id).where(
        Graph.collection_id.is_not_distinct_from(collection_id),
        Graph.catalog_id.is_not_distinct_from(catalog_id),
    )
    return list(session.scalars(statement.order_by(Graph.id)))


def delete_graph(session: Session, graph_id: int) -> None:
    """Delete the row of a graph with whatever lists are left."""
    session.execute(delete(Graph).where(Graph.id == graph_id))


def try_turn(connection: Connection, graph_id: int) -> bool:
    """Take the turn of changing a graph for this connection; False if another one has it."""
    statement = text("SELECT pg_try_advisory_lock(hashtextextended('graph', :id))")
    return bool(connection.execute(statement, {"id": graph_id}).scalar_one())


def end_turn(connection: Connection, graph_id: int) -> None:
    """Give the turn back."""
    connection.execute(
        text("SELECT pg_advisory_unlock(hashtextextended('graph', :id))"), {"id": graph_id}
    )
