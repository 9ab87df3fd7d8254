"""Duplicates: what rows are compared by, pairs and clusters found, and what was decided of them.

Rows of pairs and members are documents, chunks or items, as their set's level says; so there are no
foreign keys to them. What belongs to rows that are gone is never answered, and removed by upkeep.
"""

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


def set_id() -> Any:
    """Return the column of a row that goes with its set."""
    return mapped_column(
        BigInteger, ForeignKey("duplicate_sets.id", ondelete="CASCADE"), primary_key=True
    )


class DuplicateSet(Base):
    """Rows whose duplicates are looked for: of one owner, or of one collection in another."""

    __tablename__ = "duplicate_sets"
    __table_args__ = (
        CheckConstraint("num_nonnulls(collection_id, catalog_id) = 1", name="one_owner"),
        CheckConstraint("level IN ('document', 'chunk', 'item')", name="level_known"),
        UniqueConstraint(
            "collection_id", "catalog_id", "other_collection_id", "level",
            name="uq_duplicate_sets_rows", postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    catalog_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE"), index=True
    )
    # the collection that the first one is compared with; null: with itself
    other_collection_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE"), index=True
    )
    level: Mapped[str] = mapped_column(Text)
    # thresholds and the policy of canonical rows: see `duplicates.settings`
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    # cosine from which texts of other words are shown; null: not found yet, or no vectors
    semantic_threshold: Mapped[float | None] = mapped_column(REAL)
    n_rows: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    run_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("runs.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[CreatedAt]
    # when all rows were last compared; null: never yet, and new rows are not either
    scanned_at: Mapped[Timestamp | None]


class Fingerprint(Base):
    """What a row's text is compared by."""

    __tablename__ = "fingerprints"
    __table_args__ = (
        Index(None, "set_id", "text_hash"),
        # A band's hash holds the set too, so that one lookup finds no other set's rows.
        Index(None, "bands", postgresql_using="gin"),
    )

    set_id: Mapped[int] = set_id()
    node_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # of the row's text and, with vectors, of what its neighbors were found by
    node_hash: Mapped[bytes] = mapped_column(LargeBinary)
    # SHA-256 of the normalized text; null: nothing to compare
    text_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    bands: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    n_words: Mapped[int]
    updated_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class DuplicatePair(Base):
    """Two rows that may be duplicates: their score, its parts, and what people said."""

    __tablename__ = "duplicate_pairs"
    __table_args__ = (
        UniqueConstraint("set_id", "left_id", "right_id"),
        CheckConstraint("left_id <> right_id", name="two_rows"),
        CheckConstraint("kind IN ('exact', 'near_copy', 'semantic')", name="kind_known"),
        CheckConstraint("status IN ('open', 'confirmed', 'dismissed')", name="status_known"),
        Index(None, "set_id", "status", "score", "id"),
        Index(None, "set_id", "score"),
        Index(None, "set_id", "right_id"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    set_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("duplicate_sets.id", ondelete="CASCADE")
    )
    # of one set the lower id; of two collections the row of the first
    left_id: Mapped[int] = mapped_column(BigInteger)
    right_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(Text)
    score: Mapped[float]
    # taken for duplicates without being asked about
    is_automatic: Mapped[bool]
    # kinds of facts that differ, such as number or negation: never taken by itself
    contradictions: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    # signals with value, share of the score, and words
    parts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    status: Mapped[str] = mapped_column(Text, server_default="open")
    found_at: Mapped[CreatedAt]
    seen_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class DuplicateDecision(Base):
    """What somebody said about two rows; taken back by a row of its own, never changed away.

    Rows are named as their sender names them (a passage by its text too), so that a decision holds
    for what is encoded, parted or sent again.
    """

    __tablename__ = "duplicate_decisions"
    __table_args__ = (
        CheckConstraint(
            "action IN ('link', 'hide', 'merge', 'not_duplicate', 'keep', 'undo')",
            name="action_known",
        ),
        CheckConstraint("(action = 'undo') = (undoes_id IS NOT NULL)", name="undoes_one"),
        CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone_by_one"),
        Index(
            "uq_duplicate_decisions_in_force", "set_id", "left_key", "right_key",
            unique=True, postgresql_where=text("undone_at IS NULL AND action <> 'undo'"),
        ),
        Index(None, "set_id", "id"),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    set_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("duplicate_sets.id", ondelete="CASCADE")
    )
    left_key: Mapped[str] = mapped_column(Text)
    right_key: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    # the row that stays, where one does not
    keep_key: Mapped[str | None] = mapped_column(Text)
    # the external id that this decision took out of searches, and the curation that did
    hidden_external_id: Mapped[str | None] = mapped_column(Text)
    hiding_id: Mapped[int | None] = mapped_column(BigInteger)
    # the pair's score then: what precision is estimated from
    score: Mapped[float | None]
    note: Mapped[str] = mapped_column(Text, server_default="")
    # "staff NAME" or "API key 7"
    decided_by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[CreatedAt]
    undoes_id: Mapped[int | None] = mapped_column(BigInteger)
    undone_by: Mapped[str | None] = mapped_column(Text)
    undone_at: Mapped[Timestamp | None]


class DuplicateCluster(Base):
    """Rows that are one thing, and the one that stands for them."""

    __tablename__ = "duplicate_clusters"
    __table_args__ = (Index(None, "set_id", "n_members", "id"),)

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    set_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("duplicate_sets.id", ondelete="CASCADE")
    )
    canonical_id: Mapped[int] = mapped_column(BigInteger)
    n_members: Mapped[int]
    n_pairs: Mapped[int]
    # the least score among the pairs that joined it
    weakest: Mapped[float]
    # more would belong to it than a cluster may have
    is_capped: Mapped[bool]
    # pairs that would have chained it to others
    n_refused: Mapped[int]
    updated_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class DuplicateMember(Base):
    """A row of a cluster; each is in one at most."""

    __tablename__ = "duplicate_members"

    set_id: Mapped[int] = set_id()
    node_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    cluster_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("duplicate_clusters.id", ondelete="CASCADE"), index=True
    )
