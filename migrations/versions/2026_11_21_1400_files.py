"""What a document's file was, where its pages begin, and how its text is written."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CHOSEN_UNTIL_NOW = r"""
    UPDATE document_versions v SET format = 'markdown' FROM documents d
    WHERE d.id = v.document_id
      AND lower(coalesce(nullif(d.url, ''), d.external_id)) ~ '\.(md|markdown|mdx)$'
"""


def upgrade() -> None:
    op.add_column(
        "workspaces",
        sa.Column("is_fetching_urls", sa.Boolean(), server_default="false", nullable=False),
    )
    op.create_table(
        "files",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("n_bytes", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("storage_path", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("access", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_documents", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_refused", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_pages", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        *(
            sa.Column(
                name,
                sa.DateTime(timezone=True),
                server_default=sa.text("now()"),
                nullable=False,
            )
            for name in ("created_at", "updated_at")
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'reading', 'stored', 'failed')",
            name=op.f("ck_files_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name=op.f("fk_files_collection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_files_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name=op.f("fk_files_run_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint(
            "collection_id", "external_id", name=op.f("uq_files_collection_id_external_id")
        ),
    )
    op.create_index(op.f("ix_files_workspace_id"), "files", ["workspace_id"])
    op.create_index(op.f("ix_files_run_id"), "files", ["run_id"])
    op.create_index(op.f("ix_files_storage_path"), "files", ["storage_path"])
    op.create_index(op.f("ix_files_collection_id_id"), "files", ["collection_id", "id"])
    op.create_index(
        op.f("ix_files_expires_at"),
        "files",
        ["expires_at"],
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_index(
        "ix_files_unfinished",
        "files",
        ["collection_id", "id"],
        postgresql_where=sa.text("status IN ('waiting', 'reading')"),
    )
    op.add_column("documents", sa.Column("file_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_documents_file_id"),
        "documents",
        "files",
        ["file_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index(
        op.f("ix_documents_file_id"),
        "documents",
        ["file_id"],
        postgresql_where=sa.text("file_id IS NOT NULL"),
    )
    op.add_column(
        "document_versions", sa.Column("page_starts", sa.ARRAY(sa.Integer()), nullable=True)
    )
    op.add_column(
        "document_versions",
        sa.Column("format", sa.Text(), server_default="plain", nullable=False),
    )
    op.execute(CHOSEN_UNTIL_NOW)
    op.create_check_constraint(
        op.f("ck_document_versions_format_known"),
        "document_versions",
        "format IN ('plain', 'markdown', 'code')",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_document_versions_format_known"), "document_versions")
    op.drop_column("document_versions", "format")
    op.drop_column("document_versions", "page_starts")
    op.drop_column("documents", "file_id")
    op.drop_table("files")
    op.drop_column("workspaces", "is_fetching_urls")
    # The release before does not know these runs, and upkeep there would trip over them.
    op.execute("DELETE FROM runs WHERE kind = 'read_files'")
