"""Executions of long jobs, and what was searched."""

import uuid
from typing import Any

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Index, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId


class Run(Base):
    """One execution of a long job, with progress, a reason when it failed, and a sign of life."""

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name="status_known",
        ),
        Index(None, "workspace_id", "created_at"),
        Index("ix_runs_unfinished", "status",
              postgresql_where=text("status IN ('queued', 'running')")),
        # One run of a kind at a time over one subject.
        Index("uq_runs_unfinished_subject", "kind", "subject", unique=True,
              postgresql_where=text("status IN ('queued', 'running')")),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("workspaces.id", ondelete="CASCADE")
    )
    kind: Mapped[str] = mapped_column(Text)
    # what it works on, such as "collection 12" or "space 7"
    subject: Mapped[str] = mapped_column(Text)
    arguments: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    status: Mapped[str] = mapped_column(Text, server_default="queued")
    done: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    # null: not known yet
    total: Mapped[int | None] = mapped_column(BigInteger)
    # what it does right now, in plain words, and whom it waits for
    phase: Mapped[str | None] = mapped_column(Text)
    waiting_for: Mapped[str | None] = mapped_column(Text)
    # what it would take, as far as that was known at its start
    forecast: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    error: Mapped[str | None] = mapped_column(Text)
    result: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    claim_token: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    heartbeat_at: Mapped[Timestamp | None]
    is_cancel_asked: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[CreatedAt]
    started_at: Mapped[Timestamp | None]
    finished_at: Mapped[Timestamp | None]


class SearchLogEntry(Base):
    """One answered search, kept for `search_log_days`."""

    __tablename__ = "search_log"
    __table_args__ = (Index(None, "created_at"),)

    request_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[WorkspaceId]
    collection_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    api_key_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("api_keys.id", ondelete="SET NULL"), index=True
    )
    query: Mapped[str | None] = mapped_column(Text)
    mode: Mapped[str] = mapped_column(Text)
    plan: Mapped[str] = mapped_column(Text)
    is_complete: Mapped[bool]
    n_hits: Mapped[int]
    took_ms: Mapped[float]
    created_at: Mapped[CreatedAt]
