"""Catalogs and lists: what is new is found by an index."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE INDEX ix_items_newest ON items
          (catalog_id, GREATEST(created_at, COALESCE(available_from, created_at)), id)
    """)


def downgrade() -> None:
    op.execute("DROP INDEX ix_items_newest")
