"""Webhooks: who is told of findings, and what was delivered."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_webhooks()
    _create_deliveries()


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("collection_ids", postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("catalog_ids", postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("n_failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _moment("created_at"),
        _moment("changed_at"),
        sa.CheckConstraint(
            "status IN ('active', 'paused', 'failing')", name=op.f("ck_webhooks_status_known")
        ),
        _of("webhooks", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index(op.f("ix_webhooks_workspace_id"), "webhooks", ["workspace_id"])


def _create_deliveries() -> None:
    table = "webhook_deliveries"
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=True),
        sa.Column("catalog_id", sa.BigInteger(), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _moment("next_attempt_at"),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer_status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("took_ms", sa.Integer(), nullable=True),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=True),
        _moment("created_at"),
        sa.CheckConstraint(
            "status IN ('waiting', 'delivered', 'failed')",
            name=op.f("ck_webhook_deliveries_status_known"),
        ),
        _of(table, "workspace_id", "workspaces"),
        _of(table, "webhook_id", "webhooks"),
        _of(table, "collection_id", "collections"),
        _of(table, "catalog_id", "catalogs"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    for name in ("workspace_id", "collection_id", "catalog_id", "created_at"):
        op.create_index(op.f(f"ix_{table}_{name}"), table, [name])
    op.create_index(f"ix_{table}_webhook_id_id", table, ["webhook_id", "id"])
    op.create_index(
        f"ix_{table}_due",
        table,
        ["webhook_id", "next_attempt_at"],
        postgresql_where=sa.text("status = 'waiting'"),
    )


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def _of(table: str, column: str, owners: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{owners}.id"], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE"
    )
