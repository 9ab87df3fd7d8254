"""The ground: workspaces, documents, catalogs, spaces, the ledger, runs; the queue; Django's schema."""

import sqlalchemy as sa
from alembic import op
from pgmq.install import get_embedded_install_sql, install_pgmq_sql
from pgvector.sqlalchemy import SPARSEVEC, VECTOR
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    # Without its schema Django's tables would land in public, unnoticed.
    op.execute("CREATE SCHEMA IF NOT EXISTS django")
    create_tables()
    create_shared_shelf()
    install_queue()


def downgrade() -> None:
    op.execute("DROP SCHEMA pgmq CASCADE")
    drop_tables()
    op.execute("DROP SCHEMA vectors CASCADE")


def create_shared_shelf() -> None:
    """Partitions live outside public, so that comparing public with the tables never sees them."""
    op.execute("CREATE SCHEMA vectors")
    for table in ("embeddings", "sparse_embeddings"):
        # Rows stay in the main fork up to a page: a vector read from TOAST costs four times more.
        op.execute(
            f"CREATE TABLE vectors.{table}_0 PARTITION OF {table} FOR VALUES IN (0)"
            " WITH (toast_tuple_target = 8160)"
        )


def install_queue() -> None:
    """Install pgmq from the SQL inside its Python package: no extension has to be there."""
    connection = op.get_bind()
    installed = connection.execute(sa.text("SELECT to_regnamespace('pgmq') IS NOT NULL"))
    if not installed.scalar():
        driver_connection = connection.connection.driver_connection
        install_pgmq_sql(get_embedded_install_sql(), conn=driver_connection)


def create_tables() -> None:
    op.create_table(
        "embeddings",
        sa.Column("shelf_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("space_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("access", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("vector", VECTOR(), nullable=False),
        sa.Column("input_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "encoded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("shelf_id", "space_id", "owner_id", name=op.f("pk_embeddings")),
        postgresql_partition_by="LIST (shelf_id)",
    )
    op.create_index("ix_embeddings_document_id", "embeddings", ["document_id"], unique=False)
    op.create_table(
        "sparse_embeddings",
        sa.Column("shelf_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("space_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("access", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("terms", postgresql.TSVECTOR(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("weights", SPARSEVEC(dim=1000000000), nullable=False),
        sa.PrimaryKeyConstraint(
            "shelf_id", "space_id", "owner_id", name=op.f("pk_sparse_embeddings")
        ),
        postgresql_partition_by="LIST (shelf_id)",
    )
    op.create_index(
        "ix_sparse_embeddings_document_id", "sparse_embeddings", ["document_id"], unique=False
    )
    op.create_table(
        "workspaces",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
        sa.UniqueConstraint("slug", name=op.f("uq_workspaces_slug")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("collection_ids", sa.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("principals", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "scopes <@ ARRAY['read','write','admin']", name=op.f("ck_api_keys_scopes_known")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_api_keys_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_keys_secret_hash")),
    )
    op.create_index(op.f("ix_api_keys_workspace_id"), "api_keys", ["workspace_id"], unique=False)
    op.create_table(
        "catalogs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("content_template", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "interaction_weights",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column(
            "filterable",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_catalogs_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogs")),
    )
    op.create_index(op.f("ix_catalogs_workspace_id"), "catalogs", ["workspace_id"], unique=False)
    op.create_index(
        "uq_catalogs_workspace_id_slug",
        "catalogs",
        ["workspace_id", "slug"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "collections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("chunking", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "filterable",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_collections_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collections")),
    )
    op.create_index(
        op.f("ix_collections_workspace_id"), "collections", ["workspace_id"], unique=False
    )
    op.create_index(
        "uq_collections_workspace_id_slug",
        "collections",
        ["workspace_id", "slug"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "idempotency_records",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_idempotency_records_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_id", "key", name=op.f("pk_idempotency_records")),
    )
    op.create_index(
        op.f("ix_idempotency_records_created_at"),
        "idempotency_records",
        ["created_at"],
        unique=False,
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column(
            "arguments",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("done", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "result", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("claim_token", sa.Uuid(), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_cancel_asked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_runs_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_runs_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(
        "ix_runs_unfinished",
        "runs",
        ["status"],
        unique=False,
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_index(
        op.f("ix_runs_workspace_id_created_at"),
        "runs",
        ["workspace_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "uq_runs_unfinished_subject",
        "runs",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_table(
        "staff_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=True),
        sa.Column("workspace_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "details", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_staff_actions_workspace_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_actions")),
    )
    op.create_index(
        op.f("ix_staff_actions_created_at"), "staff_actions", ["created_at"], unique=False
    )
    op.create_index(
        op.f("ix_staff_actions_workspace_id"), "staff_actions", ["workspace_id"], unique=False
    )
    op.create_table(
        "vector_cache",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("input_hash", sa.LargeBinary(), nullable=False),
        sa.Column("vector", VECTOR(), nullable=False),
        sa.Column(
            "used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_vector_cache_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "workspace_id", "encoder", "input_hash", name=op.f("pk_vector_cache")
        ),
    )
    op.create_index(op.f("ix_vector_cache_used_at"), "vector_cache", ["used_at"], unique=False)
    op.create_table(
        "documents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column(
            "metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("access", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("source_version", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("live_version", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("live_generation", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name=op.f("fk_documents_collection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_documents_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint(
            "collection_id", "external_id", name=op.f("uq_documents_collection_id_external_id")
        ),
    )
    op.create_index(
        op.f("ix_documents_expires_at"),
        "documents",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_documents_workspace_id"), "documents", ["workspace_id"], unique=False)
    op.create_index("ix_documents_collection_id_id", "documents", ["collection_id", "id"])
    op.create_index(
        "ix_documents_waiting",
        "documents",
        ["id"],
        postgresql_where=sa.text("generation <> live_generation"),
    )
    op.create_table(
        "items",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("catalog_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column(
            "fields", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("content", sa.Text(), server_default="", nullable=False),
        sa.Column("categories", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("labels", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("access", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("is_hidden", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("available_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("available_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("source_version", sa.BigInteger(), nullable=True),
        sa.Column("input_hash", sa.LargeBinary(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["catalog_id"], ["catalogs.id"], name=op.f("fk_items_catalog_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_items_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        sa.UniqueConstraint(
            "catalog_id", "external_id", name=op.f("uq_items_catalog_id_external_id")
        ),
    )
    op.create_index(op.f("ix_items_workspace_id"), "items", ["workspace_id"], unique=False)
    op.create_table(
        "search_log",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_ids", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("api_key_id", sa.BigInteger(), nullable=True),
        sa.Column("query", sa.Text(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("n_hits", sa.Integer(), nullable=False),
        sa.Column("took_ms", sa.Float(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["api_key_id"],
            ["api_keys.id"],
            name=op.f("fk_search_log_api_key_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_search_log_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_search_log")),
    )
    op.create_index(op.f("ix_search_log_api_key_id"), "search_log", ["api_key_id"], unique=False)
    op.create_index(op.f("ix_search_log_created_at"), "search_log", ["created_at"], unique=False)
    op.create_index(
        op.f("ix_search_log_workspace_id"), "search_log", ["workspace_id"], unique=False
    )
    op.create_table(
        "spaces",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=True),
        sa.Column("catalog_id", sa.BigInteger(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("metric", sa.Text(), server_default="cosine", nullable=False),
        sa.Column("precision", sa.Text(), server_default="halfvec", nullable=False),
        sa.Column("shelf_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("status", sa.Text(), server_default="live", nullable=False),
        sa.Column("is_indexed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("average_length", sa.Float(), nullable=True),
        sa.Column("weighed_length", sa.Float(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("kind IN ('dense', 'sparse')", name=op.f("ck_spaces_kind_known")),
        sa.CheckConstraint(
            "metric IN ('cosine', 'inner_product', 'l2')", name=op.f("ck_spaces_metric_known")
        ),
        sa.CheckConstraint(
            "precision IN ('halfvec', 'vector', 'bit')", name=op.f("ck_spaces_precision_known")
        ),
        sa.CheckConstraint(
            "status IN ('building', 'live', 'retired')", name=op.f("ck_spaces_status_known")
        ),
        sa.CheckConstraint(
            "subject IN ('chunk', 'item', 'user')", name=op.f("ck_spaces_subject_known")
        ),
        sa.CheckConstraint(
            "num_nonnulls(collection_id, catalog_id) = 1", name=op.f("ck_spaces_one_owner")
        ),
        sa.ForeignKeyConstraint(
            ["catalog_id"], ["catalogs.id"], name=op.f("fk_spaces_catalog_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name=op.f("fk_spaces_collection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_spaces_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spaces")),
    )
    op.create_index(op.f("ix_spaces_catalog_id"), "spaces", ["catalog_id"], unique=False)
    op.create_index(op.f("ix_spaces_collection_id"), "spaces", ["collection_id"], unique=False)
    op.create_index(op.f("ix_spaces_workspace_id"), "spaces", ["workspace_id"], unique=False)
    op.create_index(
        "uq_spaces_live_collection",
        "spaces",
        ["collection_id", "subject", "kind"],
        unique=True,
        postgresql_where=sa.text("status = 'live' AND collection_id IS NOT NULL"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("catalog_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("content", sa.Text(), server_default="", nullable=False),
        sa.Column("input_hash", sa.LargeBinary(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["catalog_id"], ["catalogs.id"], name=op.f("fk_users_catalog_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_users_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint(
            "catalog_id", "external_id", name=op.f("uq_users_catalog_id_external_id")
        ),
    )
    op.create_index(op.f("ix_users_workspace_id"), "users", ["workspace_id"], unique=False)
    op.create_table(
        "chunks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("start_offset", sa.Integer(), nullable=False),
        sa.Column("end_offset", sa.Integer(), nullable=False),
        sa.Column("heading_path", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("n_tokens", sa.Integer(), nullable=False),
        sa.Column("input_hash", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("start_offset <= end_offset", name=op.f("ck_chunks_offsets_ordered")),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name=op.f("fk_chunks_collection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["documents.id"],
            name=op.f("fk_chunks_document_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_chunks_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunks")),
        sa.UniqueConstraint(
            "document_id",
            "generation",
            "position",
            name=op.f("uq_chunks_document_id_generation_position"),
        ),
    )
    op.create_index("ix_chunks_collection_id_id", "chunks", ["collection_id", "id"], unique=False)
    op.create_index(op.f("ix_chunks_workspace_id"), "chunks", ["workspace_id"], unique=False)
    op.create_table(
        "document_versions",
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["documents.id"],
            name=op.f("fk_document_versions_document_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_document_versions_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("document_id", "version", name=op.f("pk_document_versions")),
    )
    op.create_index(
        op.f("ix_document_versions_created_at"), "document_versions", ["created_at"], unique=False
    )
    op.create_index(
        op.f("ix_document_versions_workspace_id"),
        "document_versions",
        ["workspace_id"],
        unique=False,
    )
    op.create_table(
        "impressions",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("catalog_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("placement", sa.Text(), server_default="", nullable=False),
        sa.Column("variant", sa.Text(), server_default="", nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column(
            "shown_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["catalog_id"],
            ["catalogs.id"],
            name=op.f("fk_impressions_catalog_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_impressions_item_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_impressions_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_impressions_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("request_id", "position", name=op.f("pk_impressions")),
    )
    op.create_index(
        op.f("ix_impressions_catalog_id_shown_at"),
        "impressions",
        ["catalog_id", "shown_at"],
        unique=False,
    )
    op.create_index(op.f("ix_impressions_item_id"), "impressions", ["item_id"], unique=False)
    op.create_index(op.f("ix_impressions_user_id"), "impressions", ["user_id"], unique=False)
    op.create_index(
        op.f("ix_impressions_workspace_id"), "impressions", ["workspace_id"], unique=False
    )
    op.create_table(
        "interactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("catalog_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), server_default=sa.text("1"), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["catalog_id"],
            ["catalogs.id"],
            name=op.f("fk_interactions_catalog_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_interactions_item_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_interactions_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_interactions_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interactions")),
        sa.UniqueConstraint(
            "catalog_id",
            "user_id",
            "item_id",
            "type",
            "happened_at",
            name=op.f("uq_interactions_catalog_id_user_id_item_id_type_happened_at"),
        ),
    )
    op.create_index(op.f("ix_interactions_item_id"), "interactions", ["item_id"], unique=False)
    op.create_index(
        op.f("ix_interactions_user_id_happened_at"),
        "interactions",
        ["user_id", "happened_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_interactions_workspace_id"), "interactions", ["workspace_id"], unique=False
    )
    op.create_table(
        "pending",
        sa.Column("space_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("input_hash", sa.LargeBinary(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default=sa.text("5"), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "not_before",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["space_id"], ["spaces.id"], name=op.f("fk_pending_space_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_pending_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("space_id", "owner_id", name=op.f("pk_pending")),
    )
    op.create_index(
        "ix_pending_dead",
        "pending",
        ["workspace_id", "dead_at"],
        unique=False,
        postgresql_where=sa.text("dead_at IS NOT NULL"),
    )
    op.create_index("ix_pending_owner_id", "pending", ["owner_id"], unique=False)
    op.create_index(
        "ix_pending_tried",
        "pending",
        ["encoder", "not_before"],
        postgresql_where=sa.text("dead_at IS NULL AND attempts > 0"),
    )
    op.create_index(
        "ix_pending_ready",
        "pending",
        ["encoder", "priority", "workspace_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("dead_at IS NULL"),
    )
    op.create_index(op.f("ix_pending_workspace_id"), "pending", ["workspace_id"], unique=False)
    op.create_table(
        "size_deltas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("space_id", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("length", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_id"], ["spaces.id"], name=op.f("fk_size_deltas_space_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_size_deltas")),
    )
    op.create_index(op.f("ix_size_deltas_space_id"), "size_deltas", ["space_id"], unique=False)
    op.create_table(
        "term_deltas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("space_id", sa.BigInteger(), nullable=False),
        sa.Column("lexeme", sa.Text(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_term_deltas")),
    )
    op.create_index(
        op.f("ix_term_deltas_space_id_lexeme"), "term_deltas", ["space_id", "lexeme"], unique=False
    )


def drop_tables() -> None:
    op.drop_index(op.f("ix_term_deltas_space_id_lexeme"), table_name="term_deltas")
    op.drop_table("term_deltas")
    op.drop_index(op.f("ix_size_deltas_space_id"), table_name="size_deltas")
    op.drop_table("size_deltas")
    op.drop_index(op.f("ix_pending_workspace_id"), table_name="pending")
    op.drop_index("ix_pending_tried", table_name="pending")
    op.drop_index(
        "ix_pending_ready", table_name="pending", postgresql_where=sa.text("dead_at IS NULL")
    )
    op.drop_index("ix_pending_owner_id", table_name="pending")
    op.drop_index(
        "ix_pending_dead", table_name="pending", postgresql_where=sa.text("dead_at IS NOT NULL")
    )
    op.drop_table("pending")
    op.drop_index(op.f("ix_interactions_workspace_id"), table_name="interactions")
    op.drop_index(op.f("ix_interactions_user_id_happened_at"), table_name="interactions")
    op.drop_index(op.f("ix_interactions_item_id"), table_name="interactions")
    op.drop_table("interactions")
    op.drop_index(op.f("ix_impressions_workspace_id"), table_name="impressions")
    op.drop_index(op.f("ix_impressions_user_id"), table_name="impressions")
    op.drop_index(op.f("ix_impressions_item_id"), table_name="impressions")
    op.drop_index(op.f("ix_impressions_catalog_id_shown_at"), table_name="impressions")
    op.drop_table("impressions")
    op.drop_index(op.f("ix_document_versions_workspace_id"), table_name="document_versions")
    op.drop_index(op.f("ix_document_versions_created_at"), table_name="document_versions")
    op.drop_table("document_versions")
    op.drop_index(op.f("ix_chunks_workspace_id"), table_name="chunks")
    op.drop_index("ix_chunks_collection_id_id", table_name="chunks")
    op.drop_table("chunks")
    op.drop_index(op.f("ix_users_workspace_id"), table_name="users")
    op.drop_table("users")
    op.drop_index(
        "uq_spaces_live_collection",
        table_name="spaces",
        postgresql_where=sa.text("status = 'live' AND collection_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_spaces_workspace_id"), table_name="spaces")
    op.drop_index(op.f("ix_spaces_collection_id"), table_name="spaces")
    op.drop_index(op.f("ix_spaces_catalog_id"), table_name="spaces")
    op.drop_table("spaces")
    op.drop_index(op.f("ix_search_log_workspace_id"), table_name="search_log")
    op.drop_index(op.f("ix_search_log_created_at"), table_name="search_log")
    op.drop_index(op.f("ix_search_log_api_key_id"), table_name="search_log")
    op.drop_table("search_log")
    op.drop_index(op.f("ix_items_workspace_id"), table_name="items")
    op.drop_table("items")
    op.drop_index("ix_documents_waiting", table_name="documents")
    op.drop_index("ix_documents_collection_id_id", table_name="documents")
    op.drop_index(op.f("ix_documents_workspace_id"), table_name="documents")
    op.drop_index(
        op.f("ix_documents_expires_at"),
        table_name="documents",
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.drop_table("documents")
    op.drop_index(op.f("ix_vector_cache_used_at"), table_name="vector_cache")
    op.drop_table("vector_cache")
    op.drop_index(op.f("ix_staff_actions_workspace_id"), table_name="staff_actions")
    op.drop_index(op.f("ix_staff_actions_created_at"), table_name="staff_actions")
    op.drop_table("staff_actions")
    op.drop_index(
        "uq_runs_unfinished_subject",
        table_name="runs",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.drop_index(op.f("ix_runs_workspace_id_created_at"), table_name="runs")
    op.drop_index(
        "ix_runs_unfinished",
        table_name="runs",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.drop_table("runs")
    op.drop_index(op.f("ix_idempotency_records_created_at"), table_name="idempotency_records")
    op.drop_table("idempotency_records")
    op.drop_index(
        "uq_collections_workspace_id_slug",
        table_name="collections",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index(op.f("ix_collections_workspace_id"), table_name="collections")
    op.drop_table("collections")
    op.drop_index(
        "uq_catalogs_workspace_id_slug",
        table_name="catalogs",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index(op.f("ix_catalogs_workspace_id"), table_name="catalogs")
    op.drop_table("catalogs")
    op.drop_index(op.f("ix_api_keys_workspace_id"), table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_table("workspaces")
    op.drop_index("ix_sparse_embeddings_document_id", table_name="sparse_embeddings")
    op.drop_table("sparse_embeddings")
    op.drop_index("ix_embeddings_document_id", table_name="embeddings")
    op.drop_table("embeddings")
