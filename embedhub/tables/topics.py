"""Topics: groupings of the rows of a collection or catalog, and where each row lies on its map.

A fit is one grouping of all rows; the live one answers. A topic keeps its number from one fit to
the next as long as most of its rows stay together, so a number means the same for years.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REAL
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId


class TopicFit(Base):
    """One grouping of the rows of a level of a collection or catalog, with its figures."""

    __tablename__ = "topic_fits"
    __table_args__ = (
        CheckConstraint("status IN ('building', 'live', 'retired')", name="status_known"),
        CheckConstraint("level IN ('document', 'chunk', 'item')", name="level_known"),
        CheckConstraint("method IN ('hdbscan', 'kmeans')", name="method_known"),
        CheckConstraint("num_nonnulls(collection_id, catalog_id) = 1", name="one_owner"),
        Index("uq_topic_fits_live_collection", "collection_id", "level", unique=True,
              postgresql_where=text("status = 'live'")),
        Index("uq_topic_fits_live_catalog", "catalog_id", "level", unique=True,
              postgresql_where=text("status = 'live'")),
        Index(None, "collection_id"),
        Index(None, "catalog_id"),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    catalog_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE")
    )
    level: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default="building")
    method: Mapped[str] = mapped_column(Text)
    run_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("runs.id", ondelete="SET NULL"), index=True
    )
    # what was asked for, with what was chosen where nothing was
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    # noise, silhouette, stability, trustworthiness of the map, and how long each step took
    metrics: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    n_rows: Mapped[int] = mapped_column(server_default=text("0"))
    # that the next topic nobody has met before gets
    next_number: Mapped[int] = mapped_column(server_default=text("1"))
    # grows whenever a place or a name of it changes: what a map that was fetched is known by
    revision: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    created_at: Mapped[CreatedAt]
    live_at: Mapped[Timestamp | None]


class Topic(Base):
    """One topic as a fit knows it; its number stays the same from fit to fit."""

    __tablename__ = "topics"
    __table_args__ = (
        CheckConstraint("name_source IN ('words', 'llm', 'staff')", name="name_source_known"),
    )

    fit_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("topic_fits.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    workspace_id: Mapped[WorkspaceId]
    name: Mapped[str] = mapped_column(Text)
    # who named it: its own words, a language model, or staff, whose names outlive every fit
    name_source: Mapped[str] = mapped_column(Text, server_default="words")
    # of a name that somebody gave: who or what did, and when
    name_facts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    # [word, score], the strongest first
    words: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    # whether its words come from rows alone that everybody in the workspace may see
    is_public: Mapped[bool] = mapped_column(server_default=text("true"))
    # rows in its middle; without a foreign key, for they may be documents, chunks or items
    medoid_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{}")
    # when the fit was made; later rows join it
    n_rows: Mapped[int]
    # the share of the former fit's rows of this number that are still in it; null: it is new
    kept_share: Mapped[float | None]
    # the middle of its rows on the map
    x: Mapped[float | None] = mapped_column(REAL)
    y: Mapped[float | None] = mapped_column(REAL)


class TopicMember(Base):
    """Where a row belongs and lies.

    Without a foreign key to the row, which may be a document, a chunk or an item: one removed
    while a fit is stored must not stop that. Following removes what is gone.
    """

    __tablename__ = "topic_members"
    __table_args__ = (
        # Which carries what lists and maps of a topic need.
        Index(None, "fit_id", "number", "node_id"),
        ForeignKeyConstraint(["fit_id"], ["topic_fits.id"], ondelete="CASCADE"),
    )

    fit_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    node_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # null: in no topic
    number: Mapped[int | None]
    # the share of its neighbours, weighted by similarity, that are in its topic
    p: Mapped[float] = mapped_column(REAL)
    x: Mapped[float | None] = mapped_column(REAL)
    y: Mapped[float | None] = mapped_column(REAL)
    # what its vector was made of, as the graph says it: another one means another place
    node_hash: Mapped[bytes] = mapped_column(LargeBinary)
    # whether the grouping had left it over, and it joined the topic that is nearest
    is_soft: Mapped[bool] = mapped_column(server_default=text("false"))
    # whether it came after the fit and was placed by its neighbours
    is_placed: Mapped[bool] = mapped_column(server_default=text("false"))
