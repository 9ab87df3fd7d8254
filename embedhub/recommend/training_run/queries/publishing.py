"""The SQL of which version answers, of those too old to keep, and of trainings that are due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from embedhub.runs.kinds import UNFINISHED, RunKind
from embedhub.tables import RecommenderVersion, Run


@dataclass(frozen=True, slots=True)
class DueCatalog:
    """A catalog as the timetable sees it; no training is under way.

    `last_id` and `n_interactions` are of the version trained last, `tried_at` is when a training
    began last.
    """

    id: int
    workspace_id: int
    training: dict[str, object]
    last_id: int
    n_interactions: int
    has_version: bool
    tried_at: datetime | None


def kept_versions(session: Session, *, catalog_id: int) -> Sequence[RecommenderVersion]:
    """Return the versions that could be published (again), the latest first."""
    statement = (
        select(RecommenderVersion)
        .where(
            RecommenderVersion.catalog_id == catalog_id,
            RecommenderVersion.status.in_(("ready", "retired")),
        )
        .order_by(
            func.coalesce(RecommenderVersion.published_at, RecommenderVersion.created_at).desc()
        )
    )
    return session.scalars(statement).all()


def left_overs(session: Session, *, limit: int) -> Sequence[RecommenderVersion]:
    """Return versions that are dropped but still stored, or whose storing nobody goes on with."""
    statement = text("""
        SELECT v.id FROM recommender_versions v LEFT JOIN runs r ON r.id = v.run_id
        WHERE (v.status IN ('dropped', 'rejected')
               AND num_nonnulls(v.factor_space_id, v.user_space_id) > 0)
           OR (v.status = 'training'
               AND (r.id IS NULL OR r.status NOT IN ('queued', 'running'))
               AND (v.origin = 'trained' OR v.created_at < now() - interval '1 day'))
        ORDER BY v.id LIMIT :limit
    """)
    ids = session.execute(statement, {"limit": limit}).scalars().all()
    rows = select(RecommenderVersion).where(RecommenderVersion.id.in_(ids))
    return session.scalars(rows.order_by(RecommenderVersion.id)).all()


def unfinished_of(session: Session, *, catalog_id: int) -> list[int]:
    """Return the versions of a catalog that were trained and are being stored."""
    statement = select(RecommenderVersion.id).where(
        RecommenderVersion.catalog_id == catalog_id,
        RecommenderVersion.status == "training",
        RecommenderVersion.origin == "trained",
    )
    return list(session.scalars(statement))


def earlier_training(session: Session, *, run_id: int, catalog_id: int) -> int | None:
    """Return another training of this catalog that began before and is under way."""
    statement = (
        select(Run.id)
        .where(
            Run.kind == RunKind.TRAIN_RECOMMENDER.value,
            Run.status == "running",
            Run.id < run_id,
            Run.arguments["catalog_id"].as_integer() == catalog_id,
        )
        .order_by(Run.id)
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def idle_catalogs(session: Session) -> list[DueCatalog]:
    """Return the catalogs that no training works on, with what was trained last.

    One that is being loaded is left in peace: half of it is not worth a training.
    """
    statement = text("""
        SELECT c.id, c.workspace_id, c.training, v.last_id, v.n_interactions,
               v.last_id IS NOT NULL,
               (SELECT max(coalesce(r.started_at, r.created_at)) FROM runs r
                WHERE r.workspace_id = c.workspace_id AND r.kind = :kind
                  AND r.subject = 'catalog ' || c.id)
        FROM catalogs c
        LEFT JOIN LATERAL (
          SELECT CAST(settings ->> 'last_interaction_id' AS bigint) AS last_id, n_interactions
          FROM recommender_versions
          WHERE catalog_id = c.id AND origin = 'trained' AND status <> 'training'
          ORDER BY number DESC LIMIT 1) v ON true
        WHERE c.deleted_at IS NULL AND NOT EXISTS (
          SELECT FROM runs r WHERE r.kind = :kind AND r.subject = 'catalog ' || c.id
            AND r.status = ANY(:unfinished))
          AND NOT EXISTS (
            SELECT FROM imports i WHERE i.catalog_id = c.id AND i.status IN ('waiting', 'running')
              AND i.updated_at > now() - interval '1 minute')
        ORDER BY c.id
    """)
    facts = {
        "kind": RunKind.TRAIN_RECOMMENDER.value,
        "unfinished": [status.value for status in UNFINISHED],
    }
    return [
        DueCatalog(id_, workspace_id, training, last_id or 0, n or 0, has_version, tried_at)
        for id_, workspace_id, training, last_id, n, has_version, tried_at in session.execute(
            statement, facts
        )
    ]


def catalogs_with_texts(session: Session) -> list[int]:
    """Return the catalogs whose live version places items by their texts."""
    statement = select(RecommenderVersion.catalog_id).where(
        RecommenderVersion.status == "live", RecommenderVersion.content_space_id.is_not(None)
    )
    return list(session.scalars(statement.order_by(RecommenderVersion.catalog_id)))


def has_more(session: Session, *, catalog_id: int, after: int, n: int) -> bool:
    """Say whether a catalog has `n` interactions behind this id; looks no further."""
    statement = text("""
        SELECT id FROM interactions WHERE catalog_id = :catalog_id AND id > :after
        ORDER BY catalog_id, id OFFSET :skipped LIMIT 1
    """)
    facts = {"catalog_id": catalog_id, "after": after, "skipped": max(n, 1) - 1}
    return session.execute(statement, facts).scalar_one_or_none() is not None
