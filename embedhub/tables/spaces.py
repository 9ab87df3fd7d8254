"""Spaces of vectors, the vectors themselves, and the ledger of those still missing.

`embeddings` and `sparse_embeddings` are partitioned by shelf; the partitions live in schema
`vectors`. Shelf 0 is shared by all small spaces, a large space has a shelf of its own.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector import SparseVector
from pgvector.sqlalchemy import SPARSEVEC, VECTOR
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId

SHARED_SHELF = 0
# A lexeme's place in a sparse vector is a hash into this many dimensions, pgvector's largest.
SPARSE_DIMENSIONS = 1_000_000_000


class Space(Base):
    """All vectors of one encoder over one collection or catalog."""

    __tablename__ = "spaces"
    __table_args__ = (
        CheckConstraint("num_nonnulls(collection_id, catalog_id) = 1", name="one_owner"),
        CheckConstraint("subject IN ('chunk', 'item', 'user')", name="subject_known"),
        CheckConstraint("kind IN ('dense', 'sparse')", name="kind_known"),
        CheckConstraint("metric IN ('cosine', 'inner_product', 'l2')", name="metric_known"),
        CheckConstraint("precision IN ('halfvec', 'vector', 'bit')", name="precision_known"),
        CheckConstraint("status IN ('building', 'live', 'retired')", name="status_known"),
        Index(
            "uq_spaces_live_collection", "collection_id", "subject", "kind",
            unique=True, postgresql_where=text("status = 'live' AND collection_id IS NOT NULL"),
        ),
        # Of a catalog: its content by its encoder, its words, and what others publish.
        Index(
            "uq_spaces_live_catalog", "catalog_id", "subject", "kind", "encoder", "revision",
            unique=True, postgresql_where=text("status = 'live' AND catalog_id IS NOT NULL"),
        ),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE"), index=True
    )
    catalog_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE"), index=True
    )
    subject: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    # 'supplied' when the caller sends the vectors; the analyser's name in a sparse space
    encoder: Mapped[str] = mapped_column(Text)
    revision: Mapped[str] = mapped_column(Text)
    dimension: Mapped[int]
    metric: Mapped[str] = mapped_column(Text, server_default="cosine")
    precision: Mapped[str] = mapped_column(Text, server_default="halfvec")
    shelf_id: Mapped[int] = mapped_column(BigInteger, server_default=text(str(SHARED_SHELF)))
    status: Mapped[str] = mapped_column(Text, server_default="live")
    # true once the shelf's HNSW index answers queries
    is_indexed: Mapped[bool] = mapped_column(server_default=text("false"))
    # sparse: the average length that rows stored from now on are weighed with
    average_length: Mapped[float | None]
    # sparse: the one that every row was weighed with when the last reweighing ended
    weighed_length: Mapped[float | None]
    created_at: Mapped[CreatedAt]


class Embedding(Base):
    """One dense vector of an owner in a space; `access`, `attributes` repeat its document's."""

    __tablename__ = "embeddings"
    __table_args__: Any = (
        Index("ix_embeddings_document_id", "document_id"),
        {"postgresql_partition_by": "LIST (shelf_id)"},
    )

    shelf_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    space_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    owner_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    document_id: Mapped[int | None] = mapped_column(BigInteger)
    access: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    vector: Mapped[NDArray[np.float32]] = mapped_column(VECTOR)
    input_hash: Mapped[bytes] = mapped_column(LargeBinary)
    encoded_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
    # on a shelf of its own: how many rows of the same input came before, at most `copies.HIDDEN`
    copy: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))


class SparseEmbedding(Base):
    """One chunk's lexemes and their BM25-saturated frequencies."""

    __tablename__ = "sparse_embeddings"
    __table_args__: Any = (
        Index("ix_sparse_embeddings_document_id", "document_id"),
        {"postgresql_partition_by": "LIST (shelf_id)"},
    )

    shelf_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    space_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    owner_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    document_id: Mapped[int | None] = mapped_column(BigInteger)
    access: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    language: Mapped[str] = mapped_column(Text)
    terms: Mapped[str] = mapped_column(TSVECTOR)
    length: Mapped[int]
    weights: Mapped[SparseVector] = mapped_column(SPARSEVEC(SPARSE_DIMENSIONS))


class TermDelta(Base):
    """A change of the number of rows of a sparse space that hold a lexeme; their sum is exact."""

    __tablename__ = "term_deltas"
    __table_args__ = (Index(None, "space_id", "lexeme"),)

    id: Mapped[Id]
    # No foreign key: checking it for every word took a third of the indexing of a text.
    space_id: Mapped[int] = mapped_column(BigInteger)
    lexeme: Mapped[str] = mapped_column(Text)
    delta: Mapped[int] = mapped_column(BigInteger)


class SizeDelta(Base):
    """A change of the rows of a space and, if sparse, of their summed length; the sum is exact."""

    __tablename__ = "size_deltas"
    __table_args__ = (Index(None, "space_id"),)

    id: Mapped[Id]
    space_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("spaces.id", ondelete="CASCADE"))
    rows: Mapped[int] = mapped_column(BigInteger)
    length: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class VectorCacheEntry(Base):
    """A vector already computed for an encoder input of this workspace."""

    __tablename__ = "vector_cache"
    __table_args__ = (Index(None, "used_at"),)

    workspace_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True
    )
    # name@revision of the encoder
    encoder: Mapped[str] = mapped_column(Text, primary_key=True)
    input_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    vector: Mapped[NDArray[np.float32]] = mapped_column(VECTOR)
    used_at: Mapped[CreatedAt]


class Pending(Base):
    """A row of the ledger: an owner whose vector is missing or stale in a space."""

    __tablename__ = "pending"
    __table_args__ = (
        Index(
            "ix_pending_ready", "encoder", "priority", "workspace_id", "created_at",
            postgresql_where=text("dead_at IS NULL"),
        ),
        Index(
            "ix_pending_tried", "encoder", "not_before",
            postgresql_where=text("dead_at IS NULL AND attempts > 0"),
        ),
        Index("ix_pending_owner_id", "owner_id"),
        Index("ix_pending_dead", "workspace_id", "dead_at",
              postgresql_where=text("dead_at IS NOT NULL")),
    )  # fmt: skip

    space_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("spaces.id", ondelete="CASCADE"), primary_key=True
    )
    owner_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    workspace_id: Mapped[WorkspaceId]
    # name@revision of the encoder that has to be asked
    encoder: Mapped[str] = mapped_column(Text)
    input_hash: Mapped[bytes] = mapped_column(LargeBinary)
    # small is urgent: 0 interactive, 5 bulk, 9 a space being built beside the live one
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=text("5"))
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    not_before: Mapped[Timestamp] = mapped_column(server_default=func.now())
    lease_token: Mapped[Any | None] = mapped_column(Uuid)
    leased_until: Mapped[Timestamp | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    dead_at: Mapped[Timestamp | None]
    created_at: Mapped[CreatedAt]
