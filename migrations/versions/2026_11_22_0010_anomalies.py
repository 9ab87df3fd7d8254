"""Anomalies: signals, profiles, flags and what was decided about them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NOW = sa.func.now()


def upgrade() -> None:
    create_profiles()
    create_scores()
    create_flags()


def create_profiles() -> None:
    op.create_table(
        "anomaly_profiles",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=True),
        sa.Column("catalog_id", sa.BigInteger(), nullable=True),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("setting", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("fitted", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("generation", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_rows", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("fitted_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "num_nonnulls(collection_id, catalog_id) = 1",
            name=op.f("ck_anomaly_profiles_one_owner"),
        ),
        sa.CheckConstraint(
            "level IN ('document', 'chunk', 'item')", name=op.f("ck_anomaly_profiles_level_known")
        ),
        *(
            sa.ForeignKeyConstraint(
                [f"{owner}_id"], [f"{owner}s.id"],
                name=op.f(f"fk_anomaly_profiles_{owner}_id"), ondelete="CASCADE",
            )
            for owner in ("workspace", "collection", "catalog")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_anomaly_profiles_run_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_anomaly_profiles")),
        sa.UniqueConstraint(
            "collection_id", "level", name=op.f("uq_anomaly_profiles_collection_id_level")
        ),
        sa.UniqueConstraint(
            "catalog_id", "level", name=op.f("uq_anomaly_profiles_catalog_id_level")
        ),
    )  # fmt: skip
    for column in ("workspace_id", "run_id"):
        op.create_index(op.f(f"ix_anomaly_profiles_{column}"), "anomaly_profiles", [column])
    op.create_table(
        "anomaly_arrays",
        *of_profile(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dtype", sa.Text(), nullable=False),
        sa.Column("shape", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        leads_to("anomaly_arrays", "profile_id", "anomaly_profiles"),
        sa.PrimaryKeyConstraint(
            "profile_id", "generation", "name", name=op.f("pk_anomaly_arrays")
        ),
    )  # fmt: skip


def create_scores() -> None:
    op.create_table(
        "anomaly_scores",
        *of_profile(),
        sa.Column("node_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("node_hash", sa.LargeBinary(), nullable=True),
        sa.Column("score", sa.REAL(), nullable=False),
        sa.Column("tails", sa.LargeBinary(), nullable=False),
        sa.Column("scored_at", MOMENT, server_default=NOW, nullable=False),
        leads_to("anomaly_scores", "profile_id", "anomaly_profiles"),
        sa.PrimaryKeyConstraint(
            "profile_id", "generation", "node_id", name=op.f("pk_anomaly_scores")
        ),
    )


def create_flags() -> None:
    op.create_table(
        "anomaly_flags",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("node_id", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("item_id", sa.BigInteger(), nullable=True),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(), nullable=False),
        sa.Column(
            "normal_ids", postgresql.ARRAY(sa.BigInteger()), server_default="{}", nullable=False
        ),
        sa.Column("rare_words", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("flagged_at", MOMENT, server_default=NOW, nullable=False),
        sa.CheckConstraint(
            "status IN ('open', 'confirmed', 'dismissed')",
            name=op.f("ck_anomaly_flags_status_known"),
        ),
        leads_to("anomaly_flags", "workspace_id", "workspaces"),
        leads_to("anomaly_flags", "profile_id", "anomaly_profiles"),
        leads_to("anomaly_flags", "document_id", "documents"),
        leads_to("anomaly_flags", "item_id", "items"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_anomaly_flags")),
        sa.UniqueConstraint(
            "profile_id", "node_id", name=op.f("uq_anomaly_flags_profile_id_node_id")
        ),
    )
    for columns in (
        ("workspace_id",),
        ("document_id",),
        ("item_id",),
        ("profile_id", "status", "score", "id"),
        ("profile_id", "flagged_at"),
    ):
        op.create_index(op.f(f"ix_anomaly_flags_{'_'.join(columns)}"), "anomaly_flags", columns)
    op.create_table(
        "anomaly_decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("flag_id", sa.BigInteger(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("undoes_id", sa.BigInteger(), nullable=True),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", MOMENT, server_default=NOW, nullable=False),
        sa.CheckConstraint(
            "decision IN ('accept', 'confirm', 'undo')",
            name=op.f("ck_anomaly_decisions_decision_known"),
        ),
        leads_to("anomaly_decisions", "workspace_id", "workspaces"),
        leads_to("anomaly_decisions", "profile_id", "anomaly_profiles"),
        leads_to("anomaly_decisions", "flag_id", "anomaly_flags"),
        leads_to("anomaly_decisions", "undoes_id", "anomaly_decisions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_anomaly_decisions")),
    )
    for columns in (("workspace_id",), ("undoes_id",), ("flag_id", "id"), ("profile_id", "id")):
        name = op.f(f"ix_anomaly_decisions_{'_'.join(columns)}")
        op.create_index(name, "anomaly_decisions", columns)


def of_profile() -> list[sa.Column[int]]:
    return [
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
    ]


def leads_to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE"
    )


def downgrade() -> None:
    op.execute("DELETE FROM runs WHERE kind = 'scan_anomalies'")
    for table in (
        "anomaly_decisions",
        "anomaly_flags",
        "anomaly_scores",
        "anomaly_arrays",
        "anomaly_profiles",
    ):
        op.drop_table(table)
