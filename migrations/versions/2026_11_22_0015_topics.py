"""Topics: fits, topics, the place of each row, on the map too."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

OWNERS = ("collection", "catalog")


def upgrade() -> None:
    create_fits()
    create_topics()
    create_members()


def downgrade() -> None:
    for table in ("topic_members", "topics", "topic_fits"):
        op.drop_table(table)
    # The release before would trip over a kind that it does not know.
    op.execute("DELETE FROM runs WHERE kind = 'fit_topics'")


def create_fits() -> None:
    op.create_table(
        "topic_fits",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=True),
        sa.Column("catalog_id", sa.BigInteger(), nullable=True),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="building", nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("settings", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("metrics", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("n_rows", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_number", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("live_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('building', 'live', 'retired')", name=op.f("ck_topic_fits_status_known")
        ),
        sa.CheckConstraint(
            "level IN ('document', 'chunk', 'item')", name=op.f("ck_topic_fits_level_known")
        ),
        sa.CheckConstraint(
            "method IN ('hdbscan', 'kmeans')", name=op.f("ck_topic_fits_method_known")
        ),
        sa.CheckConstraint(
            "num_nonnulls(collection_id, catalog_id) = 1", name=op.f("ck_topic_fits_one_owner")
        ),
        *(
            sa.ForeignKeyConstraint(
                [f"{name}_id"],
                [f"{name}s.id"],
                name=op.f(f"fk_topic_fits_{name}_id"),
                ondelete="CASCADE",
            )
            for name in ("workspace", *OWNERS)
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_topic_fits_run_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_fits")),
    )
    for name in ("workspace_id", "run_id", "collection_id", "catalog_id"):
        op.create_index(op.f(f"ix_topic_fits_{name}"), "topic_fits", [name])
    for name in OWNERS:
        op.create_index(
            f"uq_topic_fits_live_{name}",
            "topic_fits",
            [f"{name}_id", "level"],
            unique=True,
            postgresql_where=sa.text("status = 'live'"),
        )


def create_topics() -> None:
    op.create_table(
        "topics",
        sa.Column("fit_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_source", sa.Text(), server_default="words", nullable=False),
        sa.Column("name_facts", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("words", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("is_public", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "medoid_ids", postgresql.ARRAY(sa.BigInteger()), server_default="{}", nullable=False
        ),
        sa.Column("n_rows", sa.Integer(), nullable=False),
        sa.Column("kept_share", sa.Float(), nullable=True),
        sa.Column("x", sa.REAL(), nullable=True),
        sa.Column("y", sa.REAL(), nullable=True),
        sa.CheckConstraint(
            "name_source IN ('words', 'llm', 'staff')", name=op.f("ck_topics_name_source_known")
        ),
        of_fit("topics"),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_topics_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("fit_id", "number", name=op.f("pk_topics")),
    )
    op.create_index(op.f("ix_topics_workspace_id"), "topics", ["workspace_id"])


def create_members() -> None:
    op.create_table(
        "topic_members",
        sa.Column("fit_id", sa.BigInteger(), nullable=False),
        sa.Column("node_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("p", sa.REAL(), nullable=False),
        sa.Column("x", sa.REAL(), nullable=True),
        sa.Column("y", sa.REAL(), nullable=True),
        sa.Column("node_hash", sa.LargeBinary(), nullable=False),
        sa.Column("is_soft", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_placed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        of_fit("topic_members"),
        sa.PrimaryKeyConstraint("fit_id", "node_id", name=op.f("pk_topic_members")),
    )
    op.create_index(
        op.f("ix_topic_members_fit_id_number_node_id"),
        "topic_members",
        ["fit_id", "number", "node_id"],
    )


def of_fit(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["fit_id"], ["topic_fits.id"], name=op.f(f"fk_{table}_fit_id"), ondelete="CASCADE"
    )
