"""Files as they were sent, and what became of each."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId


class File(Base):
    """An original that documents are read from; a failed one says why and can be tried again."""

    __tablename__ = "files"
    __table_args__ = (
        CheckConstraint(
            "status IN ('waiting', 'reading', 'stored', 'failed')", name="status_known"
        ),
        UniqueConstraint("collection_id", "external_id"),
        Index(None, "collection_id", "id"),
        Index(None, "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
        Index("ix_files_unfinished", "collection_id", "id",
              postgresql_where=text("status IN ('waiting', 'reading')")),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    # the caller's name for it, mostly a path; its documents' ids are this name or begin with it
    external_id: Mapped[str] = mapped_column(Text)
    # where it was fetched from, or where readers find it
    url: Mapped[str | None] = mapped_column(Text)
    # as its content says, whatever its name says
    media_type: Mapped[str | None] = mapped_column(Text)
    n_bytes: Mapped[int] = mapped_column(BigInteger)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    # of the original in the file storage
    storage_path: Mapped[str] = mapped_column(Text, index=True)
    # what its documents are sent with besides text: title, metadata, language, ...
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    # null: everybody in the workspace, as for its documents
    access: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    expires_at: Mapped[Timestamp | None]
    status: Mapped[str] = mapped_column(Text, server_default="waiting")
    # why it failed: a word for programs and a sentence for people
    reason_code: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    # begun readings since it was sent or tried again
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    n_documents: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    # parts that could not be read: members of an archive, lines, rows
    n_refused: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    n_pages: Mapped[int | None]
    # that reads or has read it
    run_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("runs.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
    finished_at: Mapped[Timestamp | None]
