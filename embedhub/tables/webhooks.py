"""Webhooks: who is told of findings, and what was sent."""

import uuid
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
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId


class Webhook(Base):
    """An address that is told of events of one workspace."""

    __tablename__ = "webhooks"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'paused', 'failing')", name="status_known"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    # both null: of everything in the workspace
    collection_ids: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    catalog_ids: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    # sealed with the installation's secret: it has to be read to sign with it
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    # paused: by people, nothing is kept for it; failing: by itself, what comes waits
    status: Mapped[str] = mapped_column(Text, server_default="active")
    reason: Mapped[str | None] = mapped_column(Text)
    # attempts since the last one that was answered well
    n_failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    created_at: Mapped[CreatedAt]
    changed_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class WebhookDelivery(Base):
    """One event for one webhook: what is sent, and what came of it."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        CheckConstraint("status IN ('waiting', 'delivered', 'failed')", name="status_known"),
        Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
        Index(
            "ix_webhook_deliveries_due",
            "webhook_id",
            "next_attempt_at",
            postgresql_where=text("status = 'waiting'"),
        ),
        Index(None, "collection_id"),
        Index(None, "catalog_id"),
        Index(None, "created_at"),
    )

    id: Mapped[Id]
    # the same however often it is sent: who receives it twice can tell
    event_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    workspace_id: Mapped[WorkspaceId]
    webhook_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("webhooks.id", ondelete="CASCADE")
    )
    collection_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    catalog_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE")
    )
    event: Mapped[str] = mapped_column(Text)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    status: Mapped[str] = mapped_column(Text, server_default="waiting")
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_attempt_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
    # who sends it now; another may once the lease is over
    lease_token: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    leased_until: Mapped[Timestamp | None]
    # of the last attempt
    answer_status: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    took_ms: Mapped[int | None] = mapped_column(Integer)
    attempted_at: Mapped[Timestamp | None]
    created_at: Mapped[CreatedAt]
