"""Copies of one text do not blind the index: rows are numbered, and their siblings found."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # With a constant default no row is written. Rows of older shelves are all in their index, as
    # number 0, until upkeep numbers them and builds it anew.
    op.add_column(
        "embeddings",
        sa.Column("copy", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
    )
    # What a growth or a removal that was killed left behind lacks the column and is nobody's.
    for table in unattached_shelves():
        op.execute(f"DROP TABLE vectors.{table}")


def downgrade() -> None:
    # The indexes go with the column that their condition names, and are built anew without it.
    op.drop_column("embeddings", "copy")
    op.execute("UPDATE spaces SET is_indexed = false WHERE kind = 'dense' AND shelf_id <> 0")


def unattached_shelves() -> list[str]:
    """Return the tables made as shelves of one's own that are no partition."""
    statement = sa.text(r"""
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'vectors'::regnamespace AND c.relkind = 'r'
          AND c.relname ~ '^embeddings_[1-9]\d*$' AND NOT c.relispartition
        ORDER BY c.relname
    """)
    return list(op.get_bind().execute(statement).scalars())
