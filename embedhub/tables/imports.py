"""Streams of lines, how far each has come, and the lines that were refused."""

import uuid

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, Uuid, func, text
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId


class Import(Base):
    """One stream of lines into a collection or catalog; what it tells commits with the lines."""

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint(
            "status IN ('waiting', 'running', 'finished', 'broken', 'cancelled')",
            name="status_known",
        ),
        CheckConstraint(
            "kind IN ('documents', 'items', 'users', 'interactions')", name="kind_known"
        ),
        CheckConstraint("num_nonnulls(collection_id, catalog_id) = 1", name="one_owner"),
        Index("ix_imports_unfinished", "collection_id",
              postgresql_where=text("status IN ('waiting', 'running')")),
        Index("ix_imports_unfinished_catalog", "catalog_id",
              postgresql_where=text("status IN ('waiting', 'running')")),
        Index(None, "updated_at"),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE"), index=True
    )
    catalog_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE"), index=True
    )
    # what stands in a line
    kind: Mapped[str] = mapped_column(Text, server_default="documents")
    # waiting: for more lines; broken: ended before its end, to be sent on from the next line
    status: Mapped[str] = mapped_column(Text, server_default="waiting")
    # of the request that stores lines now: of two, the later one goes on
    claim_token: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    # lines committed: the next one to send is the one after
    n_lines: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    n_bytes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    n_created: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    n_updated: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    n_unchanged: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    n_stale: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    # interactions that wait for their user or item
    n_held: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    n_errors: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    # why it broke
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    # of the last commit: the sign of life
    updated_at: Mapped[Timestamp] = mapped_column(server_default=func.now())
    finished_at: Mapped[Timestamp | None]


class RefusedLine(Base):
    """A line of an import that was refused, and why."""

    __tablename__ = "import_errors"

    import_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True
    )
    # from 1
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # null where the line could not be read so far
    external_id: Mapped[str | None] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text)
