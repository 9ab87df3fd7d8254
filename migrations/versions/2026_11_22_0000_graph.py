"""Graph: the nearest neighbors of every row, kept."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "graphs",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=True),
        sa.Column("catalog_id", sa.BigInteger(), nullable=True),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("space_id", sa.BigInteger(), nullable=False),
        sa.Column("k", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.Text(), server_default="building", nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("n_nodes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("recall", sa.Float(), nullable=True),
        sa.Column("recall_sample", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("saturation_threshold", sa.REAL(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("built_at", MOMENT, nullable=True),
        sa.Column("followed_at", MOMENT, nullable=True),
        sa.Column("follow_s", sa.Float(), server_default=sa.text("0"), nullable=False),
        sa.Column("stale_since", MOMENT, nullable=True),
        sa.CheckConstraint(
            "num_nonnulls(collection_id, catalog_id) = 1", name=op.f("ck_graphs_one_owner")
        ),
        sa.CheckConstraint(
            "level IN ('document', 'chunk', 'item')", name=op.f("ck_graphs_level_known")
        ),
        sa.CheckConstraint(
            "status IN ('building', 'live', 'retired')", name=op.f("ck_graphs_status_known")
        ),
        sa.CheckConstraint("method IN ('exact', 'hnsw')", name=op.f("ck_graphs_method_known")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"],
            name=op.f("fk_graphs_workspace_id"), ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"],
            name=op.f("fk_graphs_collection_id"), ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["catalog_id"], ["catalogs.id"],
            name=op.f("fk_graphs_catalog_id"), ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_graphs_run_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_graphs")),
    )  # fmt: skip
    for column in ("workspace_id", "collection_id", "catalog_id", "space_id", "run_id"):
        op.create_index(op.f(f"ix_graphs_{column}"), "graphs", [column])
    for owner in ("collection", "catalog"):
        op.create_index(
            f"uq_graphs_live_{owner}",
            "graphs",
            [f"{owner}_id", "level"],
            unique=True,
            postgresql_where=sa.text(f"status = 'live' AND {owner}_id IS NOT NULL"),
        )
    op.create_table(
        "neighbor_lists",
        sa.Column("graph_id", sa.BigInteger(), nullable=False),
        sa.Column("node_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("neighbor_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("similarities", postgresql.ARRAY(sa.REAL()), nullable=False),
        sa.Column("node_hash", sa.LargeBinary(), nullable=False),
        sa.Column("is_saturated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("updated_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["graph_id"], ["graphs.id"],
            name=op.f("fk_neighbor_lists_graph_id"), ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("graph_id", "node_id", name=op.f("pk_neighbor_lists")),
    )  # fmt: skip


def downgrade() -> None:
    op.execute("DELETE FROM runs WHERE kind = 'build_graph'")
    op.drop_table("neighbor_lists")
    op.drop_table("graphs")
