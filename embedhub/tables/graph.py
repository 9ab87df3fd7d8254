"""Stored graphs of nearest neighbors: one of each level of a collection or a catalog."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId


class Graph(Base):
    """The nearest neighbors of all documents, passages or items of one owner in one space."""

    __tablename__ = "graphs"
    __table_args__: Any = (
        CheckConstraint("num_nonnulls(collection_id, catalog_id) = 1", name="one_owner"),
        CheckConstraint("level IN ('document', 'chunk', 'item')", name="level_known"),
        CheckConstraint("status IN ('building', 'live', 'retired')", name="status_known"),
        CheckConstraint("method IN ('exact', 'hnsw')", name="method_known"),
        Index(
            "uq_graphs_live_collection", "collection_id", "level",
            unique=True, postgresql_where=text("status = 'live' AND collection_id IS NOT NULL"),
        ),
        Index(
            "uq_graphs_live_catalog", "catalog_id", "level",
            unique=True, postgresql_where=text("status = 'live' AND catalog_id IS NOT NULL"),
        ),
        Index(None, "space_id"),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE"), index=True
    )
    catalog_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE"), index=True
    )
    # whose neighbors: of documents, of their passages, of items
    level: Mapped[str] = mapped_column(Text)
    # whose vectors; no foreign key: a space may go before the graph that was made of it
    space_id: Mapped[int] = mapped_column(BigInteger)
    # neighbors kept of each node, at most
    k: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[str] = mapped_column(Text, server_default="building")
    # how neighbors are found: by comparing all, or by the space's HNSW index
    method: Mapped[str] = mapped_column(Text)
    n_nodes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    # share of the true nearest that the lists hold, over a sample of so many nodes
    recall: Mapped[float | None]
    recall_sample: Mapped[int] = mapped_column(server_default=text("0"))
    # a list whose last neighbor is at least this similar may go on: it is marked as saturated
    saturation_threshold: Mapped[float] = mapped_column(REAL)
    run_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("runs.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[CreatedAt]
    built_at: Mapped[Timestamp | None]
    # when lists and vectors were last compared, and how long that took
    followed_at: Mapped[Timestamp | None]
    follow_s: Mapped[float] = mapped_column(server_default=text("0"))
    # since when vectors are known to have changed that no comparison has seen
    stale_since: Mapped[Timestamp | None]


class NeighborList(Base):
    """The nearest neighbors of one node of a graph, nearest first, the node itself left out."""

    __tablename__ = "neighbor_lists"

    graph_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("graphs.id", ondelete="CASCADE"), primary_key=True
    )
    # a document, a chunk or an item, as the graph's level says
    node_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    neighbor_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    # cosines, as long as `neighbor_ids`
    similarities: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    # of what the node's vector was made of: another one makes the list out of date
    node_hash: Mapped[bytes] = mapped_column(LargeBinary)
    # the last neighbor is as similar as the graph's threshold: there may be more such
    is_saturated: Mapped[bool] = mapped_column(server_default=text("false"))
    updated_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
