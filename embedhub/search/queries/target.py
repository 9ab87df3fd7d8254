"""The SQL that finds what is searched: a collection and the spaces that answer for it."""

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from embedhub.tables import Collection, Space

# Run by every search: made once, and one statement for both.
FIND = (
    select(Collection, Space)
    .outerjoin(
        Space,
        and_(
            Space.collection_id == Collection.id,
            Space.workspace_id == Collection.workspace_id,
            Space.subject == "chunk",
            Space.status == "live",
        ),
    )
    .where(
        Collection.workspace_id == bindparam("workspace_id"),
        Collection.slug == bindparam("slug"),
        Collection.deleted_at.is_(None),
    )
)


def find_target(
    session: Session, *, workspace_id: int, slug: str
) -> tuple[Collection, dict[str, Space]] | None:
    """Return a workspace's collection of this slug with its live chunk spaces by their kind."""
    facts = {"workspace_id": workspace_id, "slug": slug}
    rows = session.execute(FIND, facts).all()
    if not rows:
        return None
    return rows[0][0], {space.kind: space for _, space in rows if space is not None}
