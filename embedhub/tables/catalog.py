"""Catalogs: items, users, what users did, and what they were shown."""

import uuid
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId

# Since when an item can be had.
NEWEST = "GREATEST(created_at, COALESCE(available_from, created_at))"


class Catalog(Base):
    """A named set of items, users and interactions."""

    __tablename__ = "catalogs"
    __table_args__ = (
        CheckConstraint(
            "unknown_users IN ('create', 'hold', 'reject')", name="unknown_users_known"
        ),
        CheckConstraint(
            "unknown_items IN ('create', 'hold', 'reject')", name="unknown_items_known"
        ),
        Index(
            "uq_catalogs_workspace_id_slug", "workspace_id", "slug",
            unique=True, postgresql_where=text("deleted_at IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    slug: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    encoder: Mapped[str] = mapped_column(Text)
    # how the text fields of an item become the content that is encoded
    content_template: Mapped[str] = mapped_column(Text, server_default="")
    # weight of each interaction type; negative types have negative weights
    interaction_weights: Mapped[dict[str, float]] = mapped_column(JSONB, server_default="{}")
    # what becomes of an interaction whose user or item was never sent
    unknown_users: Mapped[str] = mapped_column(Text, server_default="create")
    unknown_items: Mapped[str] = mapped_column(Text, server_default="hold")
    filterable: Mapped[dict[str, str]] = mapped_column(JSONB, server_default="{}")
    # when it is trained by itself, where that is other than the settings say
    training: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    created_at: Mapped[CreatedAt]
    deleted_at: Mapped[Timestamp | None]


class Item(Base):
    """Something that can be recommended."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("catalog_id", "external_id"),
        # A catalog of which none is hidden or has its time is searched without asking each.
        Index("ix_items_restricted", "catalog_id", postgresql_where=text(
            "is_hidden OR available_from IS NOT NULL OR available_until IS NOT NULL")),
        # Lists of what is new, read backwards.
        Index("ix_items_newest", "catalog_id", text(NEWEST), "id"),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    catalog_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE")
    )
    external_id: Mapped[str] = mapped_column(Text)
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    content: Mapped[str] = mapped_column(Text, server_default="")
    categories: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    labels: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    # what filters see, which the index rows repeat: attributes, categories, labels, availability
    index_attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    access: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    is_hidden: Mapped[bool] = mapped_column(server_default=text("false"))
    available_from: Mapped[Timestamp | None]
    available_until: Mapped[Timestamp | None]
    source_version: Mapped[int | None] = mapped_column(BigInteger)
    # SHA-256 of the content; null: nothing to encode
    input_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class User(Base):
    """One of the product's people."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("catalog_id", "external_id"),)

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    catalog_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE")
    )
    external_id: Mapped[str] = mapped_column(Text)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    content: Mapped[str] = mapped_column(Text, server_default="")
    input_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class Interaction(Base):
    """One thing a user did with an item; the same event sent twice is one row."""

    __tablename__ = "interactions"
    __table_args__ = (
        UniqueConstraint(
            "catalog_id", "user_id", "item_id", "type", "happened_at", "request_id",
            name="uq_interactions_event", postgresql_nulls_not_distinct=True,
        ),
        Index(None, "user_id", "happened_at"),
        Index(None, "catalog_id", "happened_at"),
        Index(None, "item_id"),
        # What is new since a training.
        Index(None, "catalog_id", "id"),
        Index(None, "request_id", postgresql_where=text("request_id IS NOT NULL")),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    catalog_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE")
    )
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"))
    item_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("items.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(Text)
    value: Mapped[float] = mapped_column(server_default=text("1"))
    happened_at: Mapped[Timestamp]
    # the list that led here, if one did
    request_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    created_at: Mapped[CreatedAt]


class HeldInteraction(Base):
    """An interaction that waits for its user or its item to be sent."""

    __tablename__ = "held_interactions"
    __table_args__ = (
        UniqueConstraint(
            "catalog_id", "item_external_id", "user_external_id", "type", "happened_at",
            "request_id", name="uq_held_interactions_event", postgresql_nulls_not_distinct=True,
        ),
        Index(None, "catalog_id", "user_external_id"),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    catalog_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE")
    )
    user_external_id: Mapped[str] = mapped_column(Text)
    item_external_id: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    value: Mapped[float]
    happened_at: Mapped[Timestamp]
    request_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    created_at: Mapped[CreatedAt]


class Impression(Base):
    """One item shown at one place of one list."""

    __tablename__ = "impressions"
    __table_args__ = (Index(None, "catalog_id", "shown_at"), Index(None, "item_id"))

    request_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    workspace_id: Mapped[WorkspaceId]
    catalog_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE")
    )
    user_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    item_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("items.id", ondelete="CASCADE"))
    placement: Mapped[str] = mapped_column(Text, server_default="")
    variant: Mapped[str] = mapped_column(Text, server_default="")
    score: Mapped[float]
    shown_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
