"""Trained recommenders: versions of them, and all that one is served from.

A version numbers the items it was trained on from 0: their positions. What adds up scores works on
positions; `item_priors` leads from a position to the item and back.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId


def version_id() -> Any:
    """Return the column of a row that goes with its version."""
    return mapped_column(
        BigInteger, ForeignKey("recommender_versions.id", ondelete="CASCADE"), primary_key=True
    )


class RecommenderVersion(Base):
    """One recommender of a catalog; the live one answers."""

    __tablename__ = "recommender_versions"
    __table_args__ = (
        UniqueConstraint("catalog_id", "number"),
        CheckConstraint(
            "status IN ('training', 'rejected', 'ready', 'live', 'retired', 'dropped')",
            name="status_known",
        ),
        CheckConstraint("origin IN ('trained', 'supplied')", name="origin_known"),
        Index(
            "uq_recommender_versions_live", "catalog_id",
            unique=True, postgresql_where=text("status = 'live'"),
        ),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    catalog_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE")
    )
    # counted within the catalog
    number: Mapped[int]
    # training: being stored; rejected: not better than what there was; ready: could answer;
    # retired: has answered, and can again; dropped: too old, only its figures are left
    status: Mapped[str] = mapped_column(Text, server_default="training")
    # 'supplied': vectors that a trainer elsewhere made
    origin: Mapped[str] = mapped_column(Text, server_default="trained")
    # why it was rejected, or who published it
    reason: Mapped[str | None] = mapped_column(Text)
    run_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("runs.id", ondelete="SET NULL"), index=True
    )
    # what a reader needs, and is small: see `recommend.versions`
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    # figures on the hold-out: its own, popularity's and the live version's
    metrics: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    n_users: Mapped[int] = mapped_column(server_default=text("0"))
    n_items: Mapped[int] = mapped_column(server_default=text("0"))
    n_interactions: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    # the newest interaction that it was trained on: when it was stored
    trained_through: Mapped[Timestamp | None]
    # vectors of items whose inner product with a user's is a score
    factor_space_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("spaces.id", ondelete="SET NULL"), index=True
    )
    # vectors of users, where they were supplied
    user_space_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("spaces.id", ondelete="SET NULL"), index=True
    )
    # the texts' vectors that its content moments and its map to factors were made of
    content_space_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("spaces.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[CreatedAt]
    published_at: Mapped[Timestamp | None]


class RecommenderArray(Base):
    """A small array of a version, float32 little-endian: sums that stand for all items."""

    __tablename__ = "recommender_arrays"

    version_id: Mapped[int] = version_id()
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    shape: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ItemNeighbors(Base):
    """What an item adds to the scores of others, by one source: the strongest, signed, first.

    Without a foreign key to the item: one removed while a version is stored must not stop that.
    """

    __tablename__ = "item_neighbors"

    version_id: Mapped[int] = version_id()
    source: Mapped[str] = mapped_column(Text, primary_key=True)
    item_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # of the neighbors, int32 little-endian
    positions: Mapped[bytes] = mapped_column(LargeBinary)
    # float32 little-endian, as many
    weights: Mapped[bytes] = mapped_column(LargeBinary)


class ItemPrior(Base):
    """An item as a version knows it: its position, its popularity, how often it was had."""

    __tablename__ = "item_priors"
    __table_args__ = (
        UniqueConstraint("version_id", "position"),
        Index(None, "version_id", "popularity"),
    )

    version_id: Mapped[int] = version_id()
    item_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    position: Mapped[int]
    # on the logarithmic scale of the version's popularity source
    popularity: Mapped[float]
    n_events: Mapped[int]
