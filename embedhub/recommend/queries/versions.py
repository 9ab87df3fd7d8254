"""The SQL that finds the versions of a catalog's recommender."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from embedhub.tables import RecommenderArray, RecommenderVersion

# Run by every request for a list: made once.
LIVE = select(RecommenderVersion).where(
    RecommenderVersion.catalog_id == bindparam("catalog_id"), RecommenderVersion.status == "live"
)


def find_live(session: Session, *, catalog_id: int) -> RecommenderVersion | None:
    """Return the row of the version that answers."""
    return session.scalars(LIVE, {"catalog_id": catalog_id}).one_or_none()


def find_version(session: Session, *, catalog_id: int, number: int) -> RecommenderVersion | None:
    """Return the row of a version by its number."""
    statement = select(RecommenderVersion).where(
        RecommenderVersion.catalog_id == catalog_id, RecommenderVersion.number == number
    )
    return session.scalars(statement).one_or_none()


def list_versions(
    session: Session, *, catalog_id: int, before: int | None, limit: int
) -> Sequence[RecommenderVersion]:
    """Return the versions of a catalog, newest first, from the one before number `before` on."""
    statement = select(RecommenderVersion).where(RecommenderVersion.catalog_id == catalog_id)
    if before is not None:
        statement = statement.where(RecommenderVersion.number < before)
    statement = statement.order_by(RecommenderVersion.number.desc()).limit(limit)
    return session.scalars(statement).all()


def arrays_of(session: Session, version_id: int) -> list[tuple[str, list[int], bytes]]:
    """Return name, shape and bytes of each array of a version."""
    statement = select(RecommenderArray.name, RecommenderArray.shape, RecommenderArray.data)
    rows = session.execute(statement.where(RecommenderArray.version_id == version_id))
    return [(name, shape, bytes(data)) for name, shape, data in rows]
