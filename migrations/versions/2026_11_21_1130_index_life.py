"""What the life of an index needs: runs say what they do and wait for; shelves are vacuumed early."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# As spaces/queries/shelves.py says for shelves made from now on.
VACUUM = {
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_insert_scale_factor": "0.1",
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_vacuum_cost_limit": "2000",
}


def upgrade() -> None:
    op.add_column("runs", sa.Column("phase", sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("waiting_for", sa.Text(), nullable=True))
    op.add_column(
        "runs", sa.Column("forecast", postgresql.JSONB(astext_type=sa.Text()), nullable=True)
    )
    settings = ", ".join(f"{name} = {value}" for name, value in VACUUM.items())
    for table in own_shelves():
        op.execute(f"ALTER TABLE vectors.{table} SET ({settings})")


def downgrade() -> None:
    for table in own_shelves():
        op.execute(f"ALTER TABLE vectors.{table} RESET ({', '.join(VACUUM)})")
    # The version before knows nothing of such runs.
    op.execute("DELETE FROM runs WHERE kind = 'rebuild_index'")
    for column in ("forecast", "waiting_for", "phase"):
        op.drop_column("runs", column)


def own_shelves() -> list[str]:
    """Return the tables of spaces that do not share one."""
    statement = sa.text(r"""
        SELECT relname FROM pg_class
        WHERE relnamespace = 'vectors'::regnamespace AND relkind = 'r'
          AND relname ~ '^(sparse_)?embeddings_[1-9]\d*$'
        ORDER BY relname
    """)
    return list(op.get_bind().execute(statement).scalars())
