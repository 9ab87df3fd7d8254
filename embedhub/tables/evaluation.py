"""Judged queries, what callers found useful, settings to try, and the history of evaluations."""

import uuid
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId


class JudgedQuery(Base):
    """A question to a collection whose documents were judged, under the caller's id."""

    __tablename__ = "judged_queries"
    __table_args__ = (
        UniqueConstraint("collection_id", "external_id"),
        CheckConstraint("source IN ('manual', 'import', 'feedback')", name="source_known"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    external_id: Mapped[str] = mapped_column(Text)
    query: Mapped[str] = mapped_column(Text)
    # the set it belongs to, such as test or train
    split: Mapped[str] = mapped_column(Text, server_default="test")
    source: Mapped[str] = mapped_column(Text, server_default="manual")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class Judgment(Base):
    """How relevant a document is to a judged query: 0 not at all, the more the higher.

    The document is named as its sender names it: it may be missing, or come back.
    """

    __tablename__ = "judgments"
    __table_args__ = (CheckConstraint("relevance >= 0", name="relevance_counts"),)

    query_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("judged_queries.id", ondelete="CASCADE"), primary_key=True
    )
    external_id: Mapped[str] = mapped_column(Text, primary_key=True)
    relevance: Mapped[int] = mapped_column(SmallInteger)
    # null: it came with its query; else the staff member who judged
    judged_by: Mapped[str | None] = mapped_column(Text)
    judged_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class Feedback(Base):
    """What somebody did with a hit of a logged search; the same said twice is one row."""

    __tablename__ = "feedback"
    __table_args__ = (
        UniqueConstraint("request_id", "external_id", "kind"),
        Index(None, "collection_id", "created_at"),
        Index(None, "created_at"),
        CheckConstraint("kind IN ('click', 'like', 'dislike')", name="kind_known"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    request_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    # of the search: its log entry may be gone before this
    query: Mapped[str] = mapped_column(Text)
    external_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    created_at: Mapped[CreatedAt]


class Variant(Base):
    """A setting of searches under a name, to be tried beside the live one."""

    __tablename__ = "variants"
    __table_args__ = (
        UniqueConstraint("collection_id", "name"),
        CheckConstraint("source IN ('manual', 'learned', 'former')", name="source_known"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    name: Mapped[str] = mapped_column(Text)
    # former: what was live before a variant was applied
    source: Mapped[str] = mapped_column(Text, server_default="manual")
    setting: Mapped[dict[str, Any]] = mapped_column(JSONB)
    # of a learned one, what its weights reached; of an applied one, nothing
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    created_at: Mapped[CreatedAt]


class Evaluation(Base):
    """One measurement of one or more settings over the judged queries of a collection."""

    __tablename__ = "evaluations"
    __table_args__ = (Index(None, "collection_id", "id"), Index(None, "created_at"))

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    # null: the run's row is gone, its figures are here
    run_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("runs.id", ondelete="SET NULL"), index=True
    )
    # the place where measures end: nDCG@k
    k: Mapped[int]
    # hits asked for; recall, MRR and MAP look at all of them
    depth: Mapped[int]
    split: Mapped[str | None] = mapped_column(Text)
    # the settings as they were asked for, in order; the first is what the others are compared to
    settings: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    # null until it has ended well
    n_queries: Mapped[int | None]
    # queries without a relevant judgment: nothing can be measured of them
    n_skipped: Mapped[int | None]
    # judged documents that the collection does not have
    n_missing: Mapped[int | None]
    # metrics of each setting, and its comparison with the first
    results: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[Timestamp | None]


class EvaluatedQuery(Base):
    """What each setting of an evaluation reached for one query, in the settings' order."""

    __tablename__ = "evaluated_queries"

    evaluation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("evaluations.id", ondelete="CASCADE"), primary_key=True
    )
    # from 1, in the order of the judged queries
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    external_id: Mapped[str] = mapped_column(Text)
    query: Mapped[str] = mapped_column(Text)
    n_relevant: Mapped[int]
    # by metric, one figure a setting
    figures: Mapped[dict[str, Any]] = mapped_column(JSONB)
