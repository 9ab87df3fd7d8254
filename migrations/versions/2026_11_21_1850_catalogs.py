"""Catalogs: what becomes of unknown users and items, interactions that wait, events by request."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

POLICIES = ("create", "hold", "reject")
EVENT = ["catalog_id", "user_id", "item_id", "type", "happened_at"]
OLD_NAME = "uq_interactions_catalog_id_user_id_item_id_type_happened_at"


def upgrade() -> None:
    for column, default in (("unknown_users", "create"), ("unknown_items", "hold")):
        op.add_column(
            "catalogs", sa.Column(column, sa.Text(), server_default=default, nullable=False)
        )
        op.create_check_constraint(
            op.f(f"ck_catalogs_{column}_known"), "catalogs", f"{column} IN {POLICIES}"
        )
    op.create_unique_constraint(
        "uq_interactions_event",
        "interactions",
        [*EVENT, "request_id"],
        postgresql_nulls_not_distinct=True,
    )
    op.drop_constraint(OLD_NAME, "interactions")
    _create_held_interactions()


def downgrade() -> None:
    op.drop_table("held_interactions")
    # One of those that differ in the request alone.
    op.execute("""
        DELETE FROM interactions newer USING interactions older
        WHERE (older.catalog_id, older.user_id, older.item_id, older.type, older.happened_at)
            = (newer.catalog_id, newer.user_id, newer.item_id, newer.type, newer.happened_at)
          AND older.id < newer.id
    """)
    op.create_unique_constraint(OLD_NAME, "interactions", EVENT)
    op.drop_constraint("uq_interactions_event", "interactions")
    for column in ("unknown_users", "unknown_items"):
        op.drop_constraint(op.f(f"ck_catalogs_{column}_known"), "catalogs")
        op.drop_column("catalogs", column)


def _create_held_interactions() -> None:
    op.create_table(
        "held_interactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("catalog_id", sa.BigInteger(), nullable=False),
        sa.Column("user_external_id", sa.Text(), nullable=False),
        sa.Column("item_external_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_held_interactions_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["catalog_id"],
            ["catalogs.id"],
            name=op.f("fk_held_interactions_catalog_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_interactions")),
        sa.UniqueConstraint(
            "catalog_id",
            "item_external_id",
            "user_external_id",
            "type",
            "happened_at",
            "request_id",
            name="uq_held_interactions_event",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(
        op.f("ix_held_interactions_workspace_id"), "held_interactions", ["workspace_id"]
    )
    op.create_index(
        op.f("ix_held_interactions_catalog_id_user_external_id"),
        "held_interactions",
        ["catalog_id", "user_external_id"],
    )
