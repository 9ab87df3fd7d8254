"""Collections, documents with their versions, and chunks with their generations."""

from typing import Any

from sqlalchemy import (
    ARRAY,
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


class Collection(Base):
    """A named set of documents with one language, chunking and filterable fields."""

    __tablename__ = "collections"
    __table_args__ = (
        # A collection being deleted frees its name at once.
        Index(
            "uq_collections_workspace_id_slug",
            "workspace_id",
            "slug",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    slug: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    encoder: Mapped[str] = mapped_column(Text)
    chunking: Mapped[dict[str, Any]] = mapped_column(JSONB)
    filterable: Mapped[dict[str, str]] = mapped_column(JSONB, server_default="{}")
    # what ranks beyond the fused score, as RankingSettings writes it
    ranking: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    created_at: Mapped[CreatedAt]
    deleted_at: Mapped[Timestamp | None]


class Document(Base):
    """What was sent, under the caller's id; its text lives in its versions."""

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("collection_id", "external_id"),
        Index(None, "collection_id", "id"),
        # For the clock; and for a search, which must not pass by what expired elsewhere.
        Index(None, "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
        Index(None, "collection_id", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
        # Updates whose new text does not answer yet.
        Index(None, "file_id", postgresql_where=text("file_id IS NOT NULL")),
        Index("ix_documents_waiting", "id", postgresql_where=text("generation <> live_generation")),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    external_id: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, server_default="{}")
    # the part of `metadata` that filters see, in the form they compare
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    # null: everybody in the workspace; empty: nobody but a key without principals
    access: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    # null: the collection's
    language: Mapped[str | None] = mapped_column(Text)
    source_version: Mapped[int | None] = mapped_column(BigInteger)
    expires_at: Mapped[Timestamp | None]
    # that it was read from; null: sent as text
    file_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("files.id", ondelete="SET NULL")
    )
    # the latest accepted text, and the text that answers searches; equal except during an update
    version: Mapped[int]
    live_version: Mapped[int]
    # generations of chunks: the newest made, and the one that answers
    generation: Mapped[int]
    live_generation: Mapped[int]
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class DocumentVersion(Base):
    """The text that citations point into."""

    __tablename__ = "document_versions"
    __table_args__ = (
        Index(None, "created_at"),
        CheckConstraint("format IN ('plain', 'markdown', 'code')", name="format_known"),
    )

    document_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[WorkspaceId]
    title: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    # what its headings, lists and blocks are written in
    format: Mapped[str] = mapped_column(Text, server_default="plain")
    # offset in `text` at which page n begins, at place n-1; null: no pages
    page_starts: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    # SHA-256 of title, text and supplied vector: equal hashes need no new generation
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[CreatedAt]


class Chunk(Base):
    """A passage of one document version, with character offsets into its text."""

    __tablename__ = "chunks"
    __table_args__ = (
        UniqueConstraint("document_id", "generation", "position"),
        # In id order: a removal takes the first ones, again and again.
        Index(None, "collection_id", "id"),
        CheckConstraint("start_offset <= end_offset", name="offsets_ordered"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    document_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("documents.id", ondelete="CASCADE")
    )
    version: Mapped[int]
    generation: Mapped[int]
    position: Mapped[int]
    start_offset: Mapped[int]
    end_offset: Mapped[int]
    heading_path: Mapped[str] = mapped_column(Text, server_default="")
    text: Mapped[str] = mapped_column(Text)
    n_tokens: Mapped[int]
    # SHA-256 of what an encoder is given; null: nothing to encode
    input_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
