"""Imports into catalogs, what filters see of an item, one live space of a kind in a catalog."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

STATUSES = ("waiting", "running", "finished", "broken")
KINDS = ("documents", "items", "users", "interactions")
IS_UNFINISHED = sa.text("status IN ('waiting', 'running')")
IS_RESTRICTED = sa.text("is_hidden OR available_from IS NOT NULL OR available_until IS NOT NULL")


def upgrade() -> None:
    _open_imports_to_catalogs()
    op.add_column(
        "items",
        sa.Column(
            "index_attributes",
            JSONB(),
            server_default="{}",
            nullable=False,
        ),
    )
    op.execute("""
        UPDATE items SET index_attributes = attributes
          || CASE WHEN categories = '{}' THEN '{}'
             ELSE jsonb_build_object('categories', categories) END
          || CASE WHEN labels = '{}' THEN '{}' ELSE jsonb_build_object('labels', labels) END
          || CASE WHEN is_hidden THEN '{"$hidden": true}' ELSE '{}'::jsonb END
          || jsonb_strip_nulls(jsonb_build_object(
               '$from', extract(epoch FROM available_from),
               '$until', extract(epoch FROM available_until)))
    """)
    op.create_index("ix_items_restricted", "items", ["catalog_id"], postgresql_where=IS_RESTRICTED)
    op.create_index(
        "uq_spaces_live_catalog",
        "spaces",
        ["catalog_id", "subject", "kind", "encoder", "revision"],
        unique=True,
        postgresql_where=sa.text("status = 'live' AND catalog_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("uq_spaces_live_catalog", "spaces")
    op.drop_index("ix_items_restricted", "items")
    op.drop_column("items", "index_attributes")
    # The release before makes no vectors of items, and would not remove them with their catalog.
    op.execute("""
        DELETE FROM embeddings e USING spaces s
        WHERE s.catalog_id IS NOT NULL AND e.shelf_id = s.shelf_id AND e.space_id = s.id
    """)
    op.execute("""
        DELETE FROM sparse_embeddings e USING spaces s
        WHERE s.catalog_id IS NOT NULL AND e.shelf_id = s.shelf_id AND e.space_id = s.id
    """)
    op.execute("""
        DELETE FROM term_deltas t USING spaces s
        WHERE s.catalog_id IS NOT NULL AND t.space_id = s.id
    """)
    op.execute("DELETE FROM spaces WHERE catalog_id IS NOT NULL")
    _close_imports_to_catalogs()


def _open_imports_to_catalogs() -> None:
    op.alter_column("imports", "collection_id", nullable=True)
    op.add_column("imports", sa.Column("catalog_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_imports_catalog_id"),
        "imports",
        "catalogs",
        ["catalog_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.create_index(op.f("ix_imports_catalog_id"), "imports", ["catalog_id"])
    op.add_column(
        "imports", sa.Column("kind", sa.Text(), server_default="documents", nullable=False)
    )
    op.add_column(
        "imports",
        sa.Column("n_held", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_check_constraint(op.f("ck_imports_kind_known"), "imports", f"kind IN {KINDS}")
    op.create_check_constraint(
        op.f("ck_imports_one_owner"),
        "imports",
        "num_nonnulls(collection_id, catalog_id) = 1",
    )
    op.drop_constraint(op.f("ck_imports_status_known"), "imports")
    op.create_check_constraint(
        op.f("ck_imports_status_known"), "imports", f"status IN {(*STATUSES, 'cancelled')}"
    )
    op.create_index(
        "ix_imports_unfinished_catalog",
        "imports",
        ["catalog_id"],
        postgresql_where=IS_UNFINISHED,
    )


def _close_imports_to_catalogs() -> None:
    op.execute("DELETE FROM imports WHERE collection_id IS NULL")
    op.execute("UPDATE imports SET status = 'broken' WHERE status = 'cancelled'")
    op.drop_index("ix_imports_unfinished_catalog", "imports")
    op.drop_constraint(op.f("ck_imports_status_known"), "imports")
    op.create_check_constraint(op.f("ck_imports_status_known"), "imports", f"status IN {STATUSES}")
    op.drop_constraint(op.f("ck_imports_one_owner"), "imports")
    op.drop_constraint(op.f("ck_imports_kind_known"), "imports")
    op.drop_index(op.f("ix_imports_catalog_id"), "imports")
    for column in ("n_held", "kind", "catalog_id"):
        op.drop_column("imports", column)
    op.alter_column("imports", "collection_id", nullable=False)
