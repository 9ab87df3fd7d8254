"""Labels: given ones, classifiers and their predictions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "label_sets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=True),
        sa.Column("catalog_id", sa.BigInteger(), nullable=True),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column(
            "labels", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False
        ),
        sa.Column(
            "setting", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(source = 'field') = (field IS NOT NULL)", name=op.f("ck_label_sets_field_of_source")
        ),
        sa.CheckConstraint(
            "level IN ('document', 'chunk', 'item')", name=op.f("ck_label_sets_level_known")
        ),
        sa.CheckConstraint("source IN ('field', 'given')", name=op.f("ck_label_sets_source_known")),
        sa.CheckConstraint(
            "num_nonnulls(collection_id, catalog_id) = 1", name=op.f("ck_label_sets_one_owner")
        ),
        sa.ForeignKeyConstraint(
            ["catalog_id"],
            ["catalogs.id"],
            name=op.f("fk_label_sets_catalog_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name=op.f("fk_label_sets_collection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_label_sets_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_sets")),
        sa.UniqueConstraint("catalog_id", "name", name=op.f("uq_label_sets_catalog_id_name")),
        sa.UniqueConstraint("collection_id", "name", name=op.f("uq_label_sets_collection_id_name")),
    )
    op.create_index(
        op.f("ix_label_sets_workspace_id"), "label_sets", ["workspace_id"], unique=False
    )
    op.create_table(
        "given_labels",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("set_id", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("item_id", sa.BigInteger(), nullable=True),
        sa.Column("node_id", sa.BigInteger(), nullable=False),
        sa.Column("input_hash", sa.LargeBinary(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column(
            "given_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(undone_at IS NULL) = (undone_by IS NULL)",
            name=op.f("ck_given_labels_undone_by_somebody"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(document_id, item_id) = 1", name=op.f("ck_given_labels_one_row")
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["documents.id"],
            name=op.f("fk_given_labels_document_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_given_labels_item_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["set_id"], ["label_sets.id"], name=op.f("fk_given_labels_set_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_given_labels_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_given_labels")),
    )
    op.create_index(
        op.f("ix_given_labels_document_id"),
        "given_labels",
        ["document_id"],
        unique=False,
        postgresql_where=sa.text("document_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_given_labels_item_id"),
        "given_labels",
        ["item_id"],
        unique=False,
        postgresql_where=sa.text("item_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_given_labels_set_id_node_id_id"),
        "given_labels",
        ["set_id", "node_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_given_labels_workspace_id"), "given_labels", ["workspace_id"], unique=False
    )
    op.create_table(
        "classifiers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("set_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("space_id", sa.BigInteger(), nullable=False),
        sa.Column("data_hash", sa.LargeBinary(), nullable=False),
        sa.Column("n_rows", sa.Integer(), nullable=False),
        sa.Column("labels", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "settings", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column(
            "metrics", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "origin IN ('trained', 'described')", name=op.f("ck_classifiers_origin_known")
        ),
        sa.CheckConstraint(
            "status IN ('rejected', 'ready', 'live', 'retired', 'dropped')",
            name=op.f("ck_classifiers_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_classifiers_run_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["set_id"], ["label_sets.id"], name=op.f("fk_classifiers_set_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_classifiers_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_classifiers")),
        sa.UniqueConstraint("set_id", "number", name=op.f("uq_classifiers_set_id_number")),
    )
    op.create_index(op.f("ix_classifiers_run_id"), "classifiers", ["run_id"], unique=False)
    op.create_index(
        op.f("ix_classifiers_workspace_id"), "classifiers", ["workspace_id"], unique=False
    )
    op.create_index(
        "uq_classifiers_live",
        "classifiers",
        ["set_id"],
        unique=True,
        postgresql_where=sa.text("status = 'live'"),
    )
    op.create_table(
        "classifier_arrays",
        sa.Column("classifier_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dtype", sa.Text(), nullable=False),
        sa.Column("shape", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["classifier_id"],
            ["classifiers.id"],
            name=op.f("fk_classifier_arrays_classifier_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("classifier_id", "name", name=op.f("pk_classifier_arrays")),
    )
    op.create_table(
        "predictions",
        sa.Column("set_id", sa.BigInteger(), nullable=False),
        sa.Column("node_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("classifier_id", sa.BigInteger(), nullable=False),
        sa.Column("node_hash", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("probability", sa.REAL(), nullable=False),
        sa.Column("margin", sa.REAL(), nullable=False),
        sa.Column("similarity", sa.REAL(), nullable=False),
        sa.Column("is_rejected", sa.Boolean(), nullable=False),
        sa.Column("top_labels", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("top_probabilities", sa.ARRAY(sa.REAL()), nullable=False),
        sa.Column("informativeness", sa.REAL(), nullable=False),
        sa.Column(
            "predicted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["set_id"], ["label_sets.id"], name=op.f("fk_predictions_set_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("set_id", "node_id", name=op.f("pk_predictions")),
    )
    op.create_index(
        op.f("ix_predictions_set_id_informativeness_node_id"),
        "predictions",
        ["set_id", "informativeness", "node_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_predictions_set_id_label_probability_node_id"),
        "predictions",
        ["set_id", "label", "probability", "node_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_predictions_set_id_probability_node_id"),
        "predictions",
        ["set_id", "probability", "node_id"],
        unique=False,
    )
    op.create_table(
        "label_errors",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("set_id", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("item_id", sa.BigInteger(), nullable=True),
        sa.Column("node_id", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("suggested", sa.Text(), nullable=False),
        sa.Column("confidence", sa.REAL(), nullable=False),
        sa.Column("suggested_probability", sa.REAL(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column(
            "found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "status IN ('open', 'confirmed', 'dismissed')",
            name=op.f("ck_label_errors_status_known"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(document_id, item_id) = 1", name=op.f("ck_label_errors_one_row")
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["documents.id"],
            name=op.f("fk_label_errors_document_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_label_errors_item_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["set_id"], ["label_sets.id"], name=op.f("fk_label_errors_set_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_label_errors_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_errors")),
        sa.UniqueConstraint(
            "set_id", "node_id", "label", name=op.f("uq_label_errors_set_id_node_id_label")
        ),
    )
    op.create_index(
        op.f("ix_label_errors_document_id"),
        "label_errors",
        ["document_id"],
        unique=False,
        postgresql_where=sa.text("document_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_label_errors_item_id"),
        "label_errors",
        ["item_id"],
        unique=False,
        postgresql_where=sa.text("item_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_label_errors_set_id_status_confidence_id"),
        "label_errors",
        ["set_id", "status", "confidence", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_label_errors_workspace_id"), "label_errors", ["workspace_id"], unique=False
    )
    op.create_table(
        "label_error_decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("error_id", sa.BigInteger(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("given_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column(
            "decided_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "decision IN ('confirmed', 'dismissed')",
            name=op.f("ck_label_error_decisions_decision_known"),
        ),
        sa.CheckConstraint(
            "(undone_at IS NULL) = (undone_by IS NULL)",
            name=op.f("ck_label_error_decisions_undone_by_somebody"),
        ),
        sa.ForeignKeyConstraint(
            ["error_id"],
            ["label_errors.id"],
            name=op.f("fk_label_error_decisions_error_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["given_id"],
            ["given_labels.id"],
            name=op.f("fk_label_error_decisions_given_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_label_error_decisions_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_error_decisions")),
    )
    op.create_index(
        op.f("ix_label_error_decisions_error_id"),
        "label_error_decisions",
        ["error_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_label_error_decisions_given_id"),
        "label_error_decisions",
        ["given_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_label_error_decisions_workspace_id"),
        "label_error_decisions",
        ["workspace_id"],
        unique=False,
    )


def downgrade() -> None:
    op.execute("DELETE FROM runs WHERE kind = 'train_labels'")
    op.drop_table("label_error_decisions")
    op.drop_table("label_errors")
    op.drop_table("predictions")
    op.drop_table("classifier_arrays")
    op.drop_table("classifiers")
    op.drop_table("given_labels")
    op.drop_table("label_sets")
