"""Rules of placements and experiments between variants."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_placements()
    _create_revisions()
    _create_experiments()
    # An impression was clicked if an interaction names its list.
    op.create_index(
        "ix_interactions_request_id",
        "interactions",
        ["request_id"],
        postgresql_where=sa.text("request_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_interactions_request_id", "interactions")
    op.drop_table("experiments")
    op.drop_table("placement_revisions")
    op.drop_table("placements")


def _create_placements() -> None:
    op.create_table(
        "placements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("catalog_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rules", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        _moment("created_at"),
        _moment("changed_at"),
        sa.Column("changed_by", sa.Text(), nullable=False),
        *_belonging("placements"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_placements")),
        sa.UniqueConstraint("catalog_id", "name", name=op.f("uq_placements_catalog_id_name")),
    )
    op.create_index(op.f("ix_placements_workspace_id"), "placements", ["workspace_id"])


def _create_revisions() -> None:
    op.create_table(
        "placement_revisions",
        sa.Column("placement_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("rules", postgresql.JSONB(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["placement_id"],
            ["placements.id"],
            name=op.f("fk_placement_revisions_placement_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_placement_revisions_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("placement_id", "revision", name=op.f("pk_placement_revisions")),
    )
    op.create_index(
        op.f("ix_placement_revisions_workspace_id"), "placement_revisions", ["workspace_id"]
    )


def _create_experiments() -> None:
    op.create_table(
        "experiments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("catalog_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("placement", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="draft", nullable=False),
        sa.Column("variants", postgresql.JSONB(), nullable=False),
        sa.Column("holdout_share", sa.Float(), server_default=sa.text("0"), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        _moment("created_at"),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('draft', 'running', 'stopped')", name=op.f("ck_experiments_status_known")
        ),
        sa.CheckConstraint(
            "(status = 'draft') = (started_at IS NULL)", name=op.f("ck_experiments_started_once")
        ),
        sa.CheckConstraint(
            "(status = 'stopped') = (stopped_at IS NOT NULL)",
            name=op.f("ck_experiments_stopped_once"),
        ),
        sa.CheckConstraint(
            "holdout_share >= 0 AND holdout_share < 1",
            name=op.f("ck_experiments_holdout_share_of_one"),
        ),
        *_belonging("experiments"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiments")),
        sa.UniqueConstraint("catalog_id", "name", name=op.f("uq_experiments_catalog_id_name")),
    )
    op.create_index(op.f("ix_experiments_workspace_id"), "experiments", ["workspace_id"])
    op.create_index(
        "uq_experiments_running",
        "experiments",
        ["catalog_id", "placement"],
        unique=True,
        postgresql_where=sa.text("status = 'running'"),
    )


def _belonging(table: str) -> list[sa.ForeignKeyConstraint]:
    """Return the keys that take a row along with its catalog and its workspace."""
    return [
        sa.ForeignKeyConstraint(
            [f"{owner}_id"],
            [f"{owner}s.id"],
            name=op.f(f"fk_{table}_{owner}_id"),
            ondelete="CASCADE",
        )
        for owner in ("catalog", "workspace")
    ]


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )
