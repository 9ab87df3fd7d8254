"""Recommenders: trained versions, neighbours of items, what a version is made of."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SPACES = ("factor_space_id", "user_space_id", "content_space_id")
STATUSES = ("training", "rejected", "ready", "live", "retired", "dropped")


def upgrade() -> None:
    op.add_column(
        "catalogs",
        sa.Column("training", postgresql.JSONB(), server_default="{}", nullable=False),
    )
    op.create_index(op.f("ix_interactions_catalog_id_id"), "interactions", ["catalog_id", "id"])
    create_versions()
    create_arrays()
    create_neighbors()
    create_priors()


def downgrade() -> None:
    for table in ("item_priors", "item_neighbors", "recommender_arrays"):
        op.drop_table(table)
    remove_spaces()
    op.drop_table("recommender_versions")
    op.drop_index(op.f("ix_interactions_catalog_id_id"), "interactions")
    op.drop_column("catalogs", "training")
    # The release before would trip over kinds that it does not know.
    op.execute("DELETE FROM runs WHERE kind IN ('train_recommender', 'evaluate_recommender')")


def create_versions() -> None:
    op.create_table(
        "recommender_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("catalog_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), server_default="training", nullable=False),
        sa.Column("origin", sa.Text(), server_default="trained", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("settings", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("metrics", postgresql.JSONB(), server_default="{}", nullable=False),
        *(
            sa.Column(name, kind, server_default=sa.text("0"), nullable=False)
            for name, kind in (
                ("n_users", sa.Integer()),
                ("n_items", sa.Integer()),
                ("n_interactions", sa.BigInteger()),
            )
        ),
        sa.Column("trained_through", sa.DateTime(timezone=True), nullable=True),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in SPACES),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            f"status IN {STATUSES}", name=op.f("ck_recommender_versions_status_known")
        ),
        sa.CheckConstraint(
            "origin IN ('trained', 'supplied')", name=op.f("ck_recommender_versions_origin_known")
        ),
        *(
            sa.ForeignKeyConstraint(
                [f"{name}_id"],
                [f"{name}s.id"],
                name=op.f(f"fk_recommender_versions_{name}_id"),
                ondelete="CASCADE",
            )
            for name in ("workspace", "catalog")
        ),
        *(
            sa.ForeignKeyConstraint(
                [column],
                [f"{table}.id"],
                name=op.f(f"fk_recommender_versions_{column}"),
                ondelete="SET NULL",
            )
            for column, table in (("run_id", "runs"), *((name, "spaces") for name in SPACES))
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recommender_versions")),
        sa.UniqueConstraint(
            "catalog_id", "number", name=op.f("uq_recommender_versions_catalog_id_number")
        ),
    )
    op.create_index(
        "uq_recommender_versions_live",
        "recommender_versions",
        ["catalog_id"],
        unique=True,
        postgresql_where=sa.text("status = 'live'"),
    )
    for name in ("workspace_id", "run_id", *SPACES):
        op.create_index(op.f(f"ix_recommender_versions_{name}"), "recommender_versions", [name])


def create_arrays() -> None:
    op.create_table(
        "recommender_arrays",
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shape", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        of_version("recommender_arrays"),
        sa.PrimaryKeyConstraint("version_id", "name", name=op.f("pk_recommender_arrays")),
    )


def create_neighbors() -> None:
    op.create_table(
        "item_neighbors",
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("positions", sa.LargeBinary(), nullable=False),
        sa.Column("weights", sa.LargeBinary(), nullable=False),
        of_version("item_neighbors"),
        sa.PrimaryKeyConstraint("version_id", "source", "item_id", name=op.f("pk_item_neighbors")),
    )
    # 500 neighbors are 4,000 bytes: kept in the row, for a request reads hundreds of rows.
    op.execute("ALTER TABLE item_neighbors SET (toast_tuple_target = 8160)")


def create_priors() -> None:
    op.create_table(
        "item_priors",
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("popularity", sa.Float(), nullable=False),
        sa.Column("n_events", sa.Integer(), nullable=False),
        of_version("item_priors"),
        sa.PrimaryKeyConstraint("version_id", "item_id", name=op.f("pk_item_priors")),
        sa.UniqueConstraint(
            "version_id", "position", name=op.f("uq_item_priors_version_id_position")
        ),
    )


def of_version(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["version_id"],
        ["recommender_versions.id"],
        name=op.f(f"fk_{table}_version_id"),
        ondelete="CASCADE",
    )


def remove_spaces() -> None:
    """Vectors that nothing would lead to any more, and the shelves that they alone stand on."""
    op.execute("""
        DO $$
        DECLARE gone record;
        BEGIN
          FOR gone IN SELECT s.id, s.shelf_id FROM spaces s JOIN recommender_versions v
            ON s.id IN (v.factor_space_id, v.user_space_id) LOOP
            DELETE FROM embeddings WHERE shelf_id = gone.shelf_id AND space_id = gone.id;
            IF gone.shelf_id <> 0 THEN
              EXECUTE format('ALTER TABLE embeddings DETACH PARTITION vectors.%I',
                             'embeddings_' || gone.shelf_id);
              EXECUTE format('DROP TABLE vectors.%I', 'embeddings_' || gone.shelf_id);
            END IF;
            DELETE FROM spaces WHERE id = gone.id;
          END LOOP;
        END $$
    """)
