"""The SQL of predictions: stored, found to be out of date, listed, and what to ask people about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import REAL, ColumnElement, and_, cast, delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from embedhub.graph.subject import Level, Subject
from embedhub.labels.queries.given import STANDING, STANDING_OF_PASSAGES
from embedhub.tables import Prediction


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """What the classifier said of a row."""

    node_id: int
    label: str
    probability: float
    margin: float
    similarity: float
    is_rejected: bool
    top_labels: list[str]
    top_probabilities: list[float]
    predicted_at: datetime


COLUMNS = (
    Prediction.node_id,
    Prediction.label,
    Prediction.probability,
    Prediction.margin,
    Prediction.similarity,
    Prediction.is_rejected,
    Prediction.top_labels,
    Prediction.top_probabilities,
    Prediction.predicted_at,
)


def hashes_of(session: Session, *, graph_id: int, ids: Sequence[int]) -> dict[int, bytes]:
    """Return of what the vectors of these rows are made, hashed."""
    statement = text("""
        SELECT node_id, node_hash FROM neighbor_lists
        WHERE graph_id = :graph_id AND node_id = ANY(:ids)
    """)
    found = session.execute(statement, {"graph_id": graph_id, "ids": list(ids)})
    return {row.node_id: bytes(row.node_hash) for row in found}


def stale_rows(
    session: Session, *, graph_id: int, set_id: int, classifier_id: int, after: int, limit: int
) -> list[int]:
    """Return the next rows behind an id of which this classifier has not said what they are now."""
    statement = text("""
        SELECT l.node_id FROM neighbor_lists l
        LEFT JOIN predictions p ON p.set_id = :set_id AND p.node_id = l.node_id
          AND p.classifier_id = :classifier_id AND p.node_hash = l.node_hash
        WHERE l.graph_id = :graph_id AND l.node_id > :after AND p.node_id IS NULL
        ORDER BY l.node_id LIMIT :limit
    """)
    facts = {
        "graph_id": graph_id,
        "set_id": set_id,
        "classifier_id": classifier_id,
        "after": after,
        "limit": limit,
    }
    return list(session.execute(statement, facts).scalars())


def put_predictions(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store predictions, in place of those there are; rows in the order of their ids."""
    statement = insert(Prediction)
    changed = {
        name: getattr(statement.excluded, name)
        for name in (column.name for column in Prediction.__table__.columns)
        if name not in {"set_id", "node_id", "predicted_at"}
    }
    statement = statement.on_conflict_do_update(
        index_elements=["set_id", "node_id"], set_=changed | {"predicted_at": func.now()}
    )
    if rows:
        session.execute(statement, list(rows))


def delete_gone(session: Session, *, graph_id: int, set_id: int, limit: int) -> int:
    """Delete predictions of rows that are no longer in the graph; return how many."""
    statement = text("""
        DELETE FROM predictions WHERE set_id = :set_id AND node_id = ANY(ARRAY(
          SELECT p.node_id FROM predictions p
          LEFT JOIN neighbor_lists l ON l.graph_id = :graph_id AND l.node_id = p.node_id
          WHERE p.set_id = :set_id AND l.node_id IS NULL LIMIT :limit))
        RETURNING 1
    """)
    facts = {"graph_id": graph_id, "set_id": set_id, "limit": limit}
    return len(session.execute(statement, facts).all())


def delete_some(session: Session, *, set_id: int, limit: int) -> int:
    """Delete some predictions of a set; return how many."""
    some = select(Prediction.node_id).where(Prediction.set_id == set_id).limit(limit)
    statement = (
        delete(Prediction)
        .where(Prediction.set_id == set_id, Prediction.node_id.in_(some))
        .returning(Prediction.node_id)
    )
    return len(session.scalars(statement).all())


def delete_some_of_owner(
    session: Session, *, collection_id: int | None, catalog_id: int | None, limit: int
) -> int:
    """Delete some predictions of a collection or catalog that is being removed; return how many."""
    column, owner_id = (
        ("collection_id", collection_id) if catalog_id is None else ("catalog_id", catalog_id)
    )
    statement = text(f"""
        DELETE FROM predictions WHERE ctid = ANY(ARRAY(
          SELECT p.ctid FROM label_sets s JOIN predictions p ON p.set_id = s.id
          WHERE s.{column} = :owner_id LIMIT :limit))
        RETURNING 1
    """)
    return len(session.execute(statement, {"owner_id": owner_id, "limit": limit}).all())


def count_predictions(session: Session, set_id: int) -> tuple[int, int]:
    """Return how many rows a set has predictions of, and how many of these fit no label."""
    statement = select(func.count(), func.count().filter(Prediction.is_rejected)).where(
        Prediction.set_id == set_id
    )
    row = session.execute(statement).one()
    return row[0], row[1]


def find_predictions(
    session: Session, *, set_id: int, ids: Sequence[int]
) -> dict[int, PredictionRow]:
    """Return what is predicted of these rows."""
    statement = select(*COLUMNS).where(Prediction.set_id == set_id, Prediction.node_id.in_(ids))
    return {row.node_id: PredictionRow(**row._mapping) for row in session.execute(statement)}


def list_predictions(
    session: Session,
    *,
    set_id: int,
    visible: ColumnElement[bool],
    label: str | None = None,
    is_rejected: bool | None = None,
    least: float | None = None,
    most: float | None = None,
    after: tuple[float, int] | None = None,
    limit: int,
) -> list[PredictionRow]:
    """Return predictions that `visible` allows, the likeliest first; then by row."""
    wanted = [Prediction.set_id == set_id, visible]
    if label is not None:
        wanted.append(Prediction.label == label)
    if is_rejected is not None:
        wanted.append(Prediction.is_rejected.is_(is_rejected))
    if least is not None:
        wanted.append(Prediction.probability >= least)
    if most is not None:
        wanted.append(Prediction.probability <= most)
    if after is not None:
        # As stored: of single precision.
        probability, node_id = cast(after[0], REAL), after[1]
        wanted.append(
            or_(
                Prediction.probability < probability,
                and_(Prediction.probability == probability, Prediction.node_id < node_id),
            )
        )
    statement = (
        select(*COLUMNS)
        .where(*wanted)
        .order_by(Prediction.probability.desc(), Prediction.node_id.desc())
        .limit(limit)
    )
    return [PredictionRow(**row._mapping) for row in session.execute(statement)]


def unlabelled_candidates(
    session: Session,
    *,
    set_id: int,
    level: Level,
    visible: ColumnElement[bool],
    limit: int,
) -> list[tuple[int, float]]:
    """Return rows that nobody gave a label, the most informative first, with how much."""
    template = STANDING_OF_PASSAGES if level is Level.CHUNK else STANDING
    standing = (
        text(template.format(among=""))
        .columns(node_id=Prediction.node_id.type)
        .bindparams(set_id=set_id)
        .subquery("standing")
    )
    statement = (
        select(Prediction.node_id, Prediction.informativeness)
        .outerjoin(standing, standing.c.node_id == Prediction.node_id)
        .where(Prediction.set_id == set_id, standing.c.node_id.is_(None), visible)
        .order_by(Prediction.informativeness.desc(), Prediction.node_id.desc())
        .limit(limit)
    )
    return [(row.node_id, row.informativeness) for row in session.execute(statement)]


def last_node(session: Session, subject: Subject) -> int:
    """Return the highest id that a row of a subject can have; 0 without rows."""
    table, owner = (
        ("items", "catalog_id")
        if subject.level is Level.ITEM
        else ("chunks" if subject.level is Level.CHUNK else "documents", "collection_id")
    )
    statement = text(f"SELECT coalesce(max(id), 0) FROM {table} WHERE {owner} = :owner")
    facts = {"owner": subject.collection_id or subject.catalog_id}
    return int(session.execute(statement, facts).scalar_one())
