"""Judged queries, feedback and the history of evaluations."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_judged_queries()
    create_feedback()
    create_variants()
    create_evaluations()


def ident() -> sa.Column[Any]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def owners() -> list[sa.Column[Any]]:
    return [
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
    ]


def moment(name: str) -> sa.Column[Any]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def document(name: str, default: str | None = None) -> sa.Column[Any]:
    kind = postgresql.JSONB(astext_type=sa.Text())
    return sa.Column(name, kind, server_default=default, nullable=False)


def belongs(table: str, column: str, to: str, ondelete: str = "CASCADE") -> sa.Constraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete
    )


def owned(table: str) -> list[sa.Constraint]:
    return [
        belongs(table, "workspace_id", "workspaces"),
        belongs(table, "collection_id", "collections"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def create_judged_queries() -> None:
    op.create_table(
        "judged_queries",
        ident(),
        *owners(),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("split", sa.Text(), server_default="test", nullable=False),
        sa.Column("source", sa.Text(), server_default="manual", nullable=False),
        moment("created_at"),
        moment("updated_at"),
        sa.CheckConstraint(
            "source IN ('manual', 'import', 'feedback')",
            name=op.f("ck_judged_queries_source_known"),
        ),
        *owned("judged_queries"),
        sa.UniqueConstraint(
            "collection_id", "external_id", name=op.f("uq_judged_queries_collection_id_external_id")
        ),
    )
    op.create_index(op.f("ix_judged_queries_workspace_id"), "judged_queries", ["workspace_id"])
    op.create_table(
        "judgments",
        sa.Column("query_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("relevance", sa.SmallInteger(), nullable=False),
        sa.Column("judged_by", sa.Text(), nullable=True),
        moment("judged_at"),
        sa.CheckConstraint("relevance >= 0", name=op.f("ck_judgments_relevance_counts")),
        belongs("judgments", "query_id", "judged_queries"),
        sa.PrimaryKeyConstraint("query_id", "external_id", name=op.f("pk_judgments")),
    )


def create_feedback() -> None:
    op.create_table(
        "feedback",
        ident(),
        *owners(),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        moment("created_at"),
        sa.CheckConstraint(
            "kind IN ('click', 'like', 'dislike')", name=op.f("ck_feedback_kind_known")
        ),
        *owned("feedback"),
        sa.UniqueConstraint(
            "request_id",
            "external_id",
            "kind",
            name=op.f("uq_feedback_request_id_external_id_kind"),
        ),
    )
    op.create_index(
        op.f("ix_feedback_collection_id_created_at"), "feedback", ["collection_id", "created_at"]
    )
    op.create_index(op.f("ix_feedback_created_at"), "feedback", ["created_at"])
    op.create_index(op.f("ix_feedback_workspace_id"), "feedback", ["workspace_id"])


def create_variants() -> None:
    op.create_table(
        "variants",
        ident(),
        *owners(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), server_default="manual", nullable=False),
        document("setting"),
        document("facts", "{}"),
        moment("created_at"),
        sa.CheckConstraint(
            "source IN ('manual', 'learned', 'former')", name=op.f("ck_variants_source_known")
        ),
        *owned("variants"),
        sa.UniqueConstraint("collection_id", "name", name=op.f("uq_variants_collection_id_name")),
    )
    op.create_index(op.f("ix_variants_workspace_id"), "variants", ["workspace_id"])


def create_evaluations() -> None:
    op.create_table(
        "evaluations",
        ident(),
        *owners(),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("k", sa.Integer(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("split", sa.Text(), nullable=True),
        document("settings"),
        *(
            sa.Column(name, sa.Integer(), nullable=True)
            for name in ("n_queries", "n_skipped", "n_missing")
        ),
        document("results", "[]"),
        moment("created_at"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        *owned("evaluations"),
        belongs("evaluations", "run_id", "runs", "SET NULL"),
    )
    op.create_index(op.f("ix_evaluations_collection_id_id"), "evaluations", ["collection_id", "id"])
    for column in ("created_at", "run_id", "workspace_id"):
        op.create_index(op.f(f"ix_evaluations_{column}"), "evaluations", [column])
    op.create_table(
        "evaluated_queries",
        sa.Column("evaluation_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("n_relevant", sa.Integer(), nullable=False),
        document("figures"),
        belongs("evaluated_queries", "evaluation_id", "evaluations"),
        sa.PrimaryKeyConstraint("evaluation_id", "number", name=op.f("pk_evaluated_queries")),
    )


def downgrade() -> None:
    # Kinds of runs that the release before does not know.
    op.execute("DELETE FROM runs WHERE kind IN ('evaluate', 'learn_weights', 'copy_collection')")
    for table in (
        "evaluated_queries",
        "evaluations",
        "variants",
        "feedback",
        "judgments",
        "judged_queries",
    ):
        op.drop_table(table)
