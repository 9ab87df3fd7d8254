"""What is measured of searches: how much the index finds, and which filters are asked."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector.sqlalchemy import VECTOR
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId


class RecallSample(Base):
    """One check of a space's index against exact search, over filters that keep about as much."""

    __tablename__ = "recall_samples"
    __table_args__ = (
        CheckConstraint(
            "filter_class IN ('none', '50%', '10%', '1%', '0.1%')", name="filter_class_known"
        ),
        CheckConstraint("(n_queries = 0) = (recall IS NULL)", name="recall_of_queries"),
        Index(None, "space_id", "filter_class", "measured_at"),
        Index(None, "measured_at"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    space_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("spaces.id", ondelete="CASCADE"))
    # none, or about the part of the rows that the filters kept
    filter_class: Mapped[str] = mapped_column(Text)
    measured_at: Mapped[CreatedAt]
    # 0: nothing of this class could be checked, such as without metadata to filter by
    n_queries: Mapped[int]
    # of them, vectors that callers asked with; the others are stored ones
    n_asked: Mapped[int] = mapped_column(server_default=text("0"))
    # of them, answers that said themselves that they were not complete
    n_incomplete: Mapped[int] = mapped_column(server_default=text("0"))
    # mean and lowest recall@10 of the queries
    recall: Mapped[float | None]
    lowest: Mapped[float | None]
    # how many queries ran by which plan
    plans: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    # vectors compared one by one, and the time all of it took
    rows_compared: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    took_ms: Mapped[float]


class SampledQuery(Base):
    """A vector that a caller asked with, its filter and principals, kept to check recall with."""

    __tablename__ = "sampled_queries"
    __table_args__ = (Index(None, "space_id", "asked_at"), Index(None, "asked_at"))

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    space_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("spaces.id", ondelete="CASCADE"))
    vector: Mapped[NDArray[np.float32]] = mapped_column(VECTOR)
    filter: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    principals: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    asked_at: Mapped[CreatedAt]


class FilterUse(Base):
    """How many searches of one hour filtered a field of a collection in one way."""

    __tablename__ = "filter_usage"
    __table_args__ = (
        UniqueConstraint("collection_id", "field", "kind", "hour"),
        Index(None, "workspace_id", "field"),
        Index(None, "hour"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("workspaces.id", ondelete="CASCADE")
    )
    collection_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    field: Mapped[str] = mapped_column(Text)
    # equality, number_range, date_range, text_range, presence, substring or negation
    kind: Mapped[str] = mapped_column(Text)
    # its beginning
    hour: Mapped[Timestamp]
    n_searches: Mapped[int]
    # of their legs, together
    took_ms: Mapped[float]
