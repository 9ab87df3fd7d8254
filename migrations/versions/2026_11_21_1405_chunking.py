"""Chunking of one collection can change, and may be by single sentences.

Needs nothing of the schema; the release before has to be left without what it does not know.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# The passages stay as they are until their documents are sent again.
WITHOUT_SENTENCES = """
    UPDATE collections
    SET chunking = '{"strategy": "passages", "max_tokens": 200, "overlap_tokens": 32}'
    WHERE chunking ->> 'strategy' = 'sentence_window'
"""


def upgrade() -> None:
    pass


def downgrade() -> None:
    op.execute(WITHOUT_SENTENCES)
    op.execute("DELETE FROM runs WHERE kind = 'rechunk_documents'")
