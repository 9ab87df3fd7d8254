"""Duplicates: fingerprints, pairs, clusters and what was decided about them."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
IN_FORCE = sa.text("undone_at IS NULL AND action <> 'undo'")


def upgrade() -> None:
    _create_sets()
    _create_fingerprints()
    _create_pairs()
    _create_decisions()
    _create_clusters()


def downgrade() -> None:
    op.execute("DELETE FROM runs WHERE kind IN ('scan_duplicates', 'compare_collections')")
    for table in ("members", "clusters", "decisions", "pairs"):
        op.drop_table(f"duplicate_{table}")
    op.drop_table("fingerprints")
    op.drop_table("duplicate_sets")


def _create_sets() -> None:
    op.create_table(
        "duplicate_sets",
        _id(),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=True),
        sa.Column("catalog_id", sa.BigInteger(), nullable=True),
        sa.Column("other_collection_id", sa.BigInteger(), nullable=True),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("semantic_threshold", sa.REAL(), nullable=True),
        sa.Column("n_rows", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        _moment("created_at"),
        sa.Column("scanned_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "num_nonnulls(collection_id, catalog_id) = 1", name=op.f("ck_duplicate_sets_one_owner")
        ),
        sa.CheckConstraint(
            "level IN ('document', 'chunk', 'item')", name=op.f("ck_duplicate_sets_level_known")
        ),
        _key("duplicate_sets", "workspace_id", "workspaces"),
        _key("duplicate_sets", "collection_id", "collections"),
        _key("duplicate_sets", "catalog_id", "catalogs"),
        _key("duplicate_sets", "other_collection_id", "collections"),
        _key("duplicate_sets", "run_id", "runs", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_sets")),
        sa.UniqueConstraint(
            "collection_id",
            "catalog_id",
            "other_collection_id",
            "level",
            name="uq_duplicate_sets_rows",
            postgresql_nulls_not_distinct=True,
        ),
    )
    for column in ("workspace_id", "catalog_id", "other_collection_id", "run_id"):
        op.create_index(op.f(f"ix_duplicate_sets_{column}"), "duplicate_sets", [column])


def _create_fingerprints() -> None:
    op.create_table(
        "fingerprints",
        sa.Column("set_id", sa.BigInteger(), nullable=False),
        sa.Column("node_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("node_hash", sa.LargeBinary(), nullable=False),
        sa.Column("text_hash", sa.LargeBinary(), nullable=True),
        sa.Column("bands", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("n_words", sa.Integer(), nullable=False),
        _moment("updated_at"),
        _key("fingerprints", "set_id", "duplicate_sets"),
        sa.PrimaryKeyConstraint("set_id", "node_id", name=op.f("pk_fingerprints")),
    )
    op.create_index(
        op.f("ix_fingerprints_set_id_text_hash"), "fingerprints", ["set_id", "text_hash"]
    )
    op.create_index(
        op.f("ix_fingerprints_bands"), "fingerprints", ["bands"], postgresql_using="gin"
    )


def _create_pairs() -> None:
    op.create_table(
        "duplicate_pairs",
        _id(),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("set_id", sa.BigInteger(), nullable=False),
        sa.Column("left_id", sa.BigInteger(), nullable=False),
        sa.Column("right_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column(
            "contradictions", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("parts", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        _moment("found_at"),
        _moment("seen_at"),
        sa.CheckConstraint("left_id <> right_id", name=op.f("ck_duplicate_pairs_two_rows")),
        sa.CheckConstraint(
            "kind IN ('exact', 'near_copy', 'semantic')", name=op.f("ck_duplicate_pairs_kind_known")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'confirmed', 'dismissed')",
            name=op.f("ck_duplicate_pairs_status_known"),
        ),
        _key("duplicate_pairs", "workspace_id", "workspaces"),
        _key("duplicate_pairs", "set_id", "duplicate_sets"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_pairs")),
        sa.UniqueConstraint(
            "set_id", "left_id", "right_id", name=op.f("uq_duplicate_pairs_set_id_left_id_right_id")
        ),
    )
    for columns in (
        ["workspace_id"],
        ["set_id", "status", "score", "id"],
        ["set_id", "score"],
        ["set_id", "right_id"],
    ):
        op.create_index(op.f(f"ix_duplicate_pairs_{'_'.join(columns)}"), "duplicate_pairs", columns)


def _create_decisions() -> None:
    op.create_table(
        "duplicate_decisions",
        _id(),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("set_id", sa.BigInteger(), nullable=False),
        sa.Column("left_key", sa.Text(), nullable=False),
        sa.Column("right_key", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("keep_key", sa.Text(), nullable=True),
        sa.Column("hidden_external_id", sa.Text(), nullable=True),
        sa.Column("hiding_id", sa.BigInteger(), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        _moment("decided_at"),
        sa.Column("undoes_id", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("undone_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "action IN ('link', 'hide', 'merge', 'not_duplicate', 'keep', 'undo')",
            name=op.f("ck_duplicate_decisions_action_known"),
        ),
        sa.CheckConstraint(
            "(action = 'undo') = (undoes_id IS NOT NULL)",
            name=op.f("ck_duplicate_decisions_undoes_one"),
        ),
        sa.CheckConstraint(
            "(undone_at IS NULL) = (undone_by IS NULL)",
            name=op.f("ck_duplicate_decisions_undone_by_one"),
        ),
        _key("duplicate_decisions", "workspace_id", "workspaces"),
        _key("duplicate_decisions", "set_id", "duplicate_sets"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_decisions")),
    )
    op.create_index(
        "uq_duplicate_decisions_in_force",
        "duplicate_decisions",
        ["set_id", "left_key", "right_key"],
        unique=True,
        postgresql_where=IN_FORCE,
    )
    for columns in (["workspace_id"], ["set_id", "id"]):
        op.create_index(
            op.f(f"ix_duplicate_decisions_{'_'.join(columns)}"), "duplicate_decisions", columns
        )


def _create_clusters() -> None:
    op.create_table(
        "duplicate_clusters",
        _id(),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("set_id", sa.BigInteger(), nullable=False),
        sa.Column("canonical_id", sa.BigInteger(), nullable=False),
        sa.Column("n_members", sa.Integer(), nullable=False),
        sa.Column("n_pairs", sa.Integer(), nullable=False),
        sa.Column("weakest", sa.Float(), nullable=False),
        sa.Column("is_capped", sa.Boolean(), nullable=False),
        sa.Column("n_refused", sa.Integer(), nullable=False),
        _moment("updated_at"),
        _key("duplicate_clusters", "workspace_id", "workspaces"),
        _key("duplicate_clusters", "set_id", "duplicate_sets"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_clusters")),
    )
    for columns in (["workspace_id"], ["set_id", "n_members", "id"]):
        op.create_index(
            op.f(f"ix_duplicate_clusters_{'_'.join(columns)}"), "duplicate_clusters", columns
        )
    op.create_table(
        "duplicate_members",
        sa.Column("set_id", sa.BigInteger(), nullable=False),
        sa.Column("node_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cluster_id", sa.BigInteger(), nullable=False),
        _key("duplicate_members", "set_id", "duplicate_sets"),
        _key("duplicate_members", "cluster_id", "duplicate_clusters"),
        sa.PrimaryKeyConstraint("set_id", "node_id", name=op.f("pk_duplicate_members")),
    )
    op.create_index(op.f("ix_duplicate_members_cluster_id"), "duplicate_members", ["cluster_id"])


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, MOMENT, server_default=sa.func.now(), nullable=False)


def _key(
    table: str, column: str, other: str, *, ondelete: str = "CASCADE"
) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete
    )
