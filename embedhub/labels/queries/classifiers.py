"""The SQL of classifiers: their rows, their arrays, and which of them predicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from embedhub.tables import Classifier, ClassifierArray


def insert_classifier(session: Session, *, set_id: int, **columns: Any) -> Classifier:
    """Insert a classifier under the next number of its held set."""
    last = select(func.coalesce(func.max(Classifier.number), 0) + 1).where(
        Classifier.set_id == set_id
    )
    number = session.scalars(last).one()
    statement = insert(Classifier).values(set_id=set_id, number=number, **columns)
    return session.scalars(statement.returning(Classifier)).one()


def update_classifier(session: Session, classifier_id: int, **columns: Any) -> None:
    """Change columns of a classifier."""
    session.execute(update(Classifier).where(Classifier.id == classifier_id).values(**columns))


def find_classifier(session: Session, *, set_id: int, number: int) -> Classifier | None:
    """Return a classifier by its number."""
    statement = select(Classifier).where(Classifier.set_id == set_id, Classifier.number == number)
    return session.scalars(statement).one_or_none()


def find_live(session: Session, set_id: int) -> Classifier | None:
    """Return the classifier that predicts."""
    statement = select(Classifier).where(Classifier.set_id == set_id, Classifier.status == "live")
    return session.scalars(statement).one_or_none()


def list_classifiers(
    session: Session, *, set_id: int, before: int | None, limit: int
) -> Sequence[Classifier]:
    """Return the classifiers of a set, newest first."""
    statement = select(Classifier).where(Classifier.set_id == set_id)
    if before is not None:
        statement = statement.where(Classifier.number < before)
    return session.scalars(statement.order_by(Classifier.number.desc()).limit(limit)).all()


def kept_classifiers(session: Session, set_id: int) -> Sequence[Classifier]:
    """Return the classifiers that could predict (again), the latest first."""
    statement = (
        select(Classifier)
        .where(Classifier.set_id == set_id, Classifier.status.in_(("ready", "retired")))
        .order_by(func.coalesce(Classifier.published_at, Classifier.created_at).desc())
    )
    return session.scalars(statement).all()


def insert_arrays(session: Session, classifier_id: int, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Store the arrays of a classifier."""
    rows = [
        {
            "classifier_id": classifier_id,
            "name": name,
            "dtype": array.dtype.str,
            "shape": list(array.shape),
            "data": np.ascontiguousarray(array).tobytes(),
        }
        for name, array in arrays.items()
    ]
    session.execute(insert(ClassifierArray), rows)


def read_arrays(session: Session, classifier_id: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of a classifier; empty if they are gone."""
    statement = select(ClassifierArray).where(ClassifierArray.classifier_id == classifier_id)
    return {
        row.name: np.frombuffer(row.data, np.dtype(row.dtype)).reshape(row.shape)
        for row in session.scalars(statement)
    }


def delete_arrays(session: Session, classifier_ids: Sequence[int]) -> None:
    """Delete the arrays of classifiers."""
    session.execute(
        delete(ClassifierArray).where(ClassifierArray.classifier_id.in_(classifier_ids))
    )
