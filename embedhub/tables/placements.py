"""Placements: the rules of the lists that stand in one place, and experiments between variants."""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId


class Placement(Base):
    """A place that shows lists of a catalog, such as `home`, with the rules of the house there."""

    __tablename__ = "placements"
    __table_args__ = (UniqueConstraint("catalog_id", "name"),)

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    catalog_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE")
    )
    # as requests name it; impressions repeat it
    name: Mapped[str] = mapped_column(Text)
    # a list of rules, as `recommend.rules.rule` reads them
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    # of these rules, from 1; every change makes the next one
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[CreatedAt]
    # when and by whom this revision was made
    changed_at: Mapped[CreatedAt]
    changed_by: Mapped[str] = mapped_column(Text)


class PlacementRevision(Base):
    """Rules that a placement had before, to be looked at and put back."""

    __tablename__ = "placement_revisions"

    placement_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("placements.id", ondelete="CASCADE"), primary_key=True
    )
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    workspace_id: Mapped[WorkspaceId]
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    changed_at: Mapped[Timestamp]
    changed_by: Mapped[str] = mapped_column(Text)


class Experiment(Base):
    """Variants of a placement's lists shown to different people, to see which they click."""

    __tablename__ = "experiments"
    __table_args__ = (
        CheckConstraint("status IN ('draft', 'running', 'stopped')", name="status_known"),
        CheckConstraint("(status = 'draft') = (started_at IS NULL)", name="started_once"),
        CheckConstraint("(status = 'stopped') = (stopped_at IS NOT NULL)", name="stopped_once"),
        CheckConstraint("holdout_share >= 0 AND holdout_share < 1", name="holdout_share_of_one"),
        UniqueConstraint("catalog_id", "name"),
        # One at a time: of two, nobody could say which made the difference.
        Index(
            "uq_experiments_running", "catalog_id", "placement",
            unique=True, postgresql_where=text("status = 'running'"),
        ),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    catalog_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE")
    )
    name: Mapped[str] = mapped_column(Text)
    placement: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default="draft")
    # in the order given, the first is compared with: see `experiments.variant`
    variants: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    # of people who get what is popular instead, whatever the variant
    holdout_share: Mapped[float] = mapped_column(server_default=text("0"))
    note: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[CreatedAt]
    created_by: Mapped[str] = mapped_column(Text)
    started_at: Mapped[Timestamp | None]
    stopped_at: Mapped[Timestamp | None]
