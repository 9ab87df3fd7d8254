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
    for table in ("embeddings", "sparse_embeddings"):
        finish_relabelling(table)
    # The version before knows nothing of such runs.
    op.execute("DELETE FROM runs WHERE kind IN ('rebuild_index', 'relabel_documents')")
    for column in ("forecast", "waiting_for", "phase"):
        op.drop_column("runs", column)


def finish_relabelling(table: str) -> None:
    """Do in the index what unfinished runs were still to do: the version before has none."""
    op.execute(f"""
        UPDATE {table} e SET access = d.access, attributes = d.attributes
        FROM runs r
        CROSS JOIN LATERAL jsonb_array_elements_text(r.arguments -> 'document_ids') AS ids (id)
        JOIN documents d ON d.id = CAST(ids.id AS bigint)
        WHERE r.kind = 'relabel_documents' AND r.status IN ('queued', 'running')
          AND e.document_id = d.id
          AND (e.access IS DISTINCT FROM d.access OR e.attributes <> d.attributes)
    """)  # noqa: S608 - one of two names


def own_shelves() -> list[str]:
    """Return the tables of spaces that do not share one."""
    statement = sa.text(r"""
        SELECT relname FROM pg_class
        WHERE relnamespace = 'vectors'::regnamespace AND relkind = 'r'
          AND relname ~ '^(sparse_)?embeddings_[1-9]\d*$'
        ORDER BY relname
    """)
    return list(op.get_bind().execute(statement).scalars())
