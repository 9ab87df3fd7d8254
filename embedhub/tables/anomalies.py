"""Anomalies: what is usual in a collection or catalog, each row's score, flags and decisions."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId


def profile_id() -> Any:
    """Return the column of a row that goes with its profile."""
    return mapped_column(
        BigInteger, ForeignKey("anomaly_profiles.id", ondelete="CASCADE"), primary_key=True
    )


class AnomalyProfile(Base):
    """What is usual among the rows of one owner and level, and how much is flagged."""

    __tablename__ = "anomaly_profiles"
    __table_args__ = (
        CheckConstraint("num_nonnulls(collection_id, catalog_id) = 1", name="one_owner"),
        CheckConstraint("level IN ('document', 'chunk', 'item')", name="level_known"),
        UniqueConstraint("collection_id", "level"),
        UniqueConstraint("catalog_id", "level"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    catalog_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE")
    )
    level: Mapped[str] = mapped_column(Text)
    # budget, detector and label field, as `anomalies.setting` reads it
    setting: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    # of the scan that counts: quantiles of every signal, and what a score has to reach
    fitted: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    # of that scan: scores and arrays of another one are not read
    generation: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    n_rows: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    run_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("runs.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[CreatedAt]
    # null: nothing was scanned yet
    fitted_at: Mapped[Timestamp | None]


class AnomalyArray(Base):
    """An array that rows are compared with: centroids of topics, words of a sample of rows."""

    __tablename__ = "anomaly_arrays"

    profile_id: Mapped[int] = profile_id()
    generation: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    # as NumPy writes it, little-endian, such as '<f4'
    dtype: Mapped[str] = mapped_column(Text)
    shape: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    data: Mapped[bytes] = mapped_column(LargeBinary)


class AnomalyScore(Base):
    """How far a row is from what is usual, and by which signals.

    Without a foreign key to the row: one removed while scores are stored must not stop that.
    """

    __tablename__ = "anomaly_scores"

    profile_id: Mapped[int] = profile_id()
    generation: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    # a document, a chunk or an item, as the profile's level says
    node_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # of the neighbor list it was made with; null: made without one
    node_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    score: Mapped[float] = mapped_column(REAL)
    # share of the rows that are at least as odd by each signal: float32, in the profile's order
    tails: Mapped[bytes] = mapped_column(LargeBinary)
    scored_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class AnomalyFlag(Base):
    """A row that stands out, and why: to be looked at by somebody."""

    __tablename__ = "anomaly_flags"
    __table_args__ = (
        CheckConstraint("status IN ('open', 'confirmed', 'dismissed')", name="status_known"),
        UniqueConstraint("profile_id", "node_id"),
        Index(None, "profile_id", "status", "score", "id"),
        Index(None, "profile_id", "flagged_at"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    profile_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("anomaly_profiles.id", ondelete="CASCADE")
    )
    node_id: Mapped[int] = mapped_column(BigInteger)
    # of a document or of its passage / of an item: the flag goes with it
    document_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("documents.id", ondelete="CASCADE"), index=True
    )
    item_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("items.id", ondelete="CASCADE"), index=True
    )
    # of the text that was judged
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(Text, server_default="open")
    score: Mapped[float]
    # share of the rows whose score is at least as high
    share: Mapped[float]
    # evidence records: signal, value, share, words
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    # rows near it that are not flagged, nearest first
    normal_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{}")
    rare_words: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    flagged_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class AnomalyDecision(Base):
    """What somebody decided about a flag; taking it back is a row as well.

    It is about the text: whatever row has that text now is accepted, or a negative example.
    """

    __tablename__ = "anomaly_decisions"
    __table_args__ = (
        CheckConstraint("decision IN ('accept', 'confirm', 'undo')", name="decision_known"),
        Index(None, "flag_id", "id"),
        Index(None, "profile_id", "id"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    profile_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("anomaly_profiles.id", ondelete="CASCADE")
    )
    flag_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("anomaly_flags.id", ondelete="CASCADE")
    )
    decision: Mapped[str] = mapped_column(Text)
    # of an undo: what is taken back
    undoes_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("anomaly_decisions.id", ondelete="CASCADE"), index=True
    )
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    decided_by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
