"""Live recall of the index, and which filters are asked how often."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_recall_samples()
    create_sampled_queries()
    create_filter_usage()


def create_recall_samples() -> None:
    op.create_table(
        "recall_samples",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("space_id", sa.BigInteger(), nullable=False),
        sa.Column("filter_class", sa.Text(), nullable=False),
        sa.Column(
            "measured_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("n_queries", sa.Integer(), nullable=False),
        sa.Column("n_asked", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_incomplete", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("recall", sa.Float(), nullable=True),
        sa.Column("lowest", sa.Float(), nullable=True),
        sa.Column(
            "plans", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("rows_compared", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("took_ms", sa.Float(), nullable=False),
        sa.CheckConstraint(
            "filter_class IN ('none', '50%', '10%', '1%', '0.1%')",
            name=op.f("ck_recall_samples_filter_class_known"),
        ),
        sa.CheckConstraint(
            "(n_queries = 0) = (recall IS NULL)",
            name=op.f("ck_recall_samples_recall_of_queries"),
        ),
        sa.ForeignKeyConstraint(
            ["space_id"], ["spaces.id"], name=op.f("fk_recall_samples_space_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_recall_samples_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recall_samples")),
    )
    op.create_index(op.f("ix_recall_samples_measured_at"), "recall_samples", ["measured_at"])
    op.create_index(
        op.f("ix_recall_samples_space_id_filter_class_measured_at"),
        "recall_samples",
        ["space_id", "filter_class", "measured_at"],
    )
    op.create_index(op.f("ix_recall_samples_workspace_id"), "recall_samples", ["workspace_id"])


def create_sampled_queries() -> None:
    op.create_table(
        "sampled_queries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("space_id", sa.BigInteger(), nullable=False),
        sa.Column("vector", VECTOR(), nullable=False),
        sa.Column(
            "filter", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("principals", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column(
            "asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["space_id"],
            ["spaces.id"],
            name=op.f("fk_sampled_queries_space_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_sampled_queries_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sampled_queries")),
    )
    op.create_index(op.f("ix_sampled_queries_asked_at"), "sampled_queries", ["asked_at"])
    op.create_index(
        op.f("ix_sampled_queries_space_id_asked_at"), "sampled_queries", ["space_id", "asked_at"]
    )
    op.create_index(op.f("ix_sampled_queries_workspace_id"), "sampled_queries", ["workspace_id"])


def create_filter_usage() -> None:
    op.create_table(
        "filter_usage",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("n_searches", sa.Integer(), nullable=False),
        sa.Column("took_ms", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name=op.f("fk_filter_usage_collection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_filter_usage_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_filter_usage")),
        sa.UniqueConstraint(
            "collection_id",
            "field",
            "kind",
            "hour",
            name=op.f("uq_filter_usage_collection_id_field_kind_hour"),
        ),
    )
    op.create_index(op.f("ix_filter_usage_hour"), "filter_usage", ["hour"])
    op.create_index(
        op.f("ix_filter_usage_workspace_id_field"), "filter_usage", ["workspace_id", "field"]
    )


def downgrade() -> None:
    op.drop_table("filter_usage")
    op.drop_table("sampled_queries")
    op.drop_table("recall_samples")
