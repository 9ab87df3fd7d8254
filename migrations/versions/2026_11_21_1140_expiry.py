"""A search finds what expired in its own collection without passing by what did elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INDEX = "ix_documents_collection_id_expires_at"


def upgrade() -> None:
    op.create_index(
        op.f(INDEX),
        "documents",
        ["collection_id", "expires_at"],
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(op.f(INDEX), table_name="documents")
