"""The SQL of clusters and their members."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from embedhub.bulk_copy import copy_rows, int8
from embedhub.duplicates.canonical import Candidate
from embedhub.graph.subject import Level, Subject
from embedhub.graph.visibility import visible
from embedhub.tables import DuplicateCluster, DuplicateMember

# Where rows come from, as `graph` reads it: a field of the metadata, else the host of the URL.
ROWS = {
    Level.DOCUMENT: """
        SELECT id, created_at,
               coalesce(nullif(btrim(metadata->>'source'), ''), substring(url FROM '//([^/:?#]+)'))
        FROM documents WHERE id = ANY(:ids)
    """,
    Level.CHUNK: """
        SELECT c.id, d.created_at,
               coalesce(nullif(btrim(d.metadata->>'source'), ''),
                        substring(d.url FROM '//([^/:?#]+)'))
        FROM chunks c JOIN documents d ON d.id = c.document_id WHERE c.id = ANY(:ids)
    """,
    Level.ITEM: """
        SELECT id, created_at,
               coalesce(nullif(btrim(attributes->>'source'), ''),
                        substring(coalesce(fields->>'url', fields->>'link') FROM '//([^/:?#]+)'))
        FROM items WHERE id = ANY(:ids)
    """,
}


def candidates(
    session: Session, subject: Subject, ids: Sequence[int], lengths: Mapping[int, int]
) -> list[Candidate]:
    """Return rows as policies look at them; `lengths` are their words."""
    rows = session.execute(text(ROWS[subject.level]), {"ids": [int(one) for one in ids]})
    return [
        Candidate(node_id, lengths.get(node_id, 0), created_at, source)
        for node_id, created_at, source in rows
    ]


def clusters_with(session: Session, set_id: int, ids: Sequence[int]) -> set[int]:
    """Return the clusters that these rows are in."""
    statement = select(DuplicateMember.cluster_id).where(
        DuplicateMember.set_id == set_id, DuplicateMember.node_id.in_(list(ids))
    )
    return set(session.scalars(statement))


def members_of(
    session: Session, set_id: int, cluster_ids: Sequence[int] | None = None
) -> dict[int, int]:
    """Return the cluster of each row that is in one of these, or in any."""
    statement = select(DuplicateMember.node_id, DuplicateMember.cluster_id).where(
        DuplicateMember.set_id == set_id
    )
    if cluster_ids is not None:
        statement = statement.where(DuplicateMember.cluster_id.in_(list(cluster_ids)))
    return {row.node_id: row.cluster_id for row in session.execute(statement)}


def cluster_of_rows(session: Session, set_id: int, ids: Sequence[int]) -> dict[int, int]:
    """Return the cluster of each of these rows that is in one."""
    statement = select(DuplicateMember.node_id, DuplicateMember.cluster_id).where(
        DuplicateMember.set_id == set_id, DuplicateMember.node_id.in_(list(ids))
    )
    return {row.node_id: row.cluster_id for row in session.execute(statement)}


def insert_clusters(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert clusters and return their ids, in order."""
    if not rows:
        return []
    statement = insert(DuplicateCluster).returning(
        DuplicateCluster.id, sort_by_parameter_order=True
    )
    return list(session.scalars(statement, list(rows)))


def update_cluster(session: Session, cluster_id: int, **columns: Any) -> None:
    """Change a cluster."""
    session.execute(
        update(DuplicateCluster)
        .where(DuplicateCluster.id == cluster_id)
        .values(**columns, updated_at=func.now())
    )


def delete_clusters(session: Session, ids: Sequence[int]) -> None:
    """Delete clusters with their members."""
    delete_members(session, ids)
    session.execute(delete(DuplicateCluster).where(DuplicateCluster.id.in_(list(ids))))


def delete_members(session: Session, cluster_ids: Sequence[int]) -> None:
    """Take all rows out of clusters."""
    session.execute(
        delete(DuplicateMember).where(DuplicateMember.cluster_id.in_(list(cluster_ids)))
    )


def copy_members(session: Session, set_id: int, members: Mapping[int, int]) -> None:
    """Store the cluster of each row; none of them is in one."""
    head = int8(set_id)
    copy_rows(
        session,
        "duplicate_members",
        ("set_id", "node_id", "cluster_id"),
        ((head, int8(node_id), int8(cluster)) for node_id, cluster in sorted(members.items())),
    )


def find_cluster(session: Session, set_id: int, cluster_id: int) -> DuplicateCluster | None:
    """Return a cluster of a set."""
    statement = select(DuplicateCluster).where(
        DuplicateCluster.set_id == set_id, DuplicateCluster.id == cluster_id
    )
    return session.scalars(statement).one_or_none()


def list_clusters(
    session: Session,
    set_id: int,
    subject: Subject,
    *,
    principals: Sequence[str] | None,
    after: tuple[int, int] | None,
    limit: int,
) -> Sequence[DuplicateCluster]:
    """Return clusters of which somebody may see at least two rows, the largest first."""
    statement = select(DuplicateCluster).where(DuplicateCluster.set_id == set_id)
    if principals is not None:
        seen = (
            select(DuplicateMember.node_id)
            .where(
                DuplicateMember.cluster_id == DuplicateCluster.id,
                visible(subject, principals, DuplicateMember.node_id),
            )
            .limit(2)
            .correlate(DuplicateCluster)
            .subquery()
        )
        statement = statement.where(select(func.count()).select_from(seen).scalar_subquery() == 2)
    if after is not None:
        n_members, cluster_id = after
        statement = statement.where(
            (DuplicateCluster.n_members < n_members)
            | ((DuplicateCluster.n_members == n_members) & (DuplicateCluster.id < cluster_id))
        )
    statement = statement.order_by(DuplicateCluster.n_members.desc(), DuplicateCluster.id.desc())
    return session.scalars(statement.limit(limit)).all()


def visible_members(
    session: Session,
    subject: Subject,
    cluster_id: int,
    *,
    principals: Sequence[str] | None,
    after: int,
    limit: int,
) -> list[int]:
    """Return rows of a cluster that somebody may see, by id, from the one behind `after` on."""
    statement = (
        select(DuplicateMember.node_id)
        .where(
            DuplicateMember.cluster_id == cluster_id,
            DuplicateMember.node_id > after,
            visible(subject, principals, DuplicateMember.node_id),
        )
        .order_by(DuplicateMember.node_id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def count_members(
    session: Session, subject: Subject, cluster_id: int, *, principals: Sequence[str] | None
) -> int:
    """Return how many rows of a cluster somebody may see."""
    statement = (
        select(func.count())
        .select_from(DuplicateMember)
        .where(
            DuplicateMember.cluster_id == cluster_id,
            visible(subject, principals, DuplicateMember.node_id),
        )
    )
    return session.scalars(statement).one()


def count_clusters(session: Session, set_id: int) -> tuple[int, int]:
    """Return how many clusters there are, and how many rows in them."""
    statement = select(func.count(), func.coalesce(func.sum(DuplicateCluster.n_members), 0)).where(
        DuplicateCluster.set_id == set_id
    )
    n_clusters, n_rows = session.execute(statement).one()
    return int(n_clusters), int(n_rows)


def delete_some_members(session: Session, set_id: int, *, limit: int) -> int:
    """Delete some members of a set that is being removed; return how many."""
    statement = text("""
        DELETE FROM duplicate_members WHERE (set_id, node_id) IN (
          SELECT set_id, node_id FROM duplicate_members WHERE set_id = :set_id
          ORDER BY node_id LIMIT :limit)
        RETURNING node_id
    """)
    return len(session.execute(statement, {"set_id": set_id, "limit": limit}).all())
