"""Lists: what happened lately in a catalog, and what is most popular in a version, by an index."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("ix_interactions_catalog_id_happened_at"),
        "interactions",
        ["catalog_id", "happened_at"],
    )
    op.create_index(
        op.f("ix_item_priors_version_id_popularity"),
        "item_priors",
        ["version_id", "popularity"],
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_item_priors_version_id_popularity"), "item_priors")
    op.drop_index(op.f("ix_interactions_catalog_id_happened_at"), "interactions")
