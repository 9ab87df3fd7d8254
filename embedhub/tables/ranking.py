"""What people decided about single documents in the ranking of a collection."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId


class Curation(Base):
    """A document pinned to the top of a search or hidden from it, by hand; kept when taken back."""

    __tablename__ = "curations"
    __table_args__ = (
        CheckConstraint("action IN ('pin', 'hide')", name="action_known"),
        CheckConstraint("(action = 'pin') = (position IS NOT NULL)", name="position_of_pin"),
        CheckConstraint("(removed_at IS NULL) = (removed_by IS NULL)", name="removed_by_one"),
        Index(
            "uq_curations_in_force",
            "collection_id",
            "query",
            "external_id",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
        Index(None, "collection_id", "id"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    action: Mapped[str] = mapped_column(Text)
    # The caller's id: the decision outlives a document that is deleted and sent again.
    external_id: Mapped[str] = mapped_column(Text)
    # as `curations.normalized` writes it; empty: every search
    query: Mapped[str] = mapped_column(Text, server_default="")
    # of a pin, 1 for the top
    position: Mapped[int | None]
    note: Mapped[str] = mapped_column(Text, server_default="")
    # "staff NAME" or "key PREFIX"
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    removed_by: Mapped[str | None] = mapped_column(Text)
    removed_at: Mapped[Timestamp | None]
