"""The SQL of profiles and their arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from embedhub.graph.subject import Subject
from embedhub.tables import AnomalyArray, AnomalyProfile, Catalog, Collection


def find_profile(
    session: Session, subject: Subject, *, is_for_update: bool = False
) -> AnomalyProfile | None:
    """Return the profile of a subject, held until the transaction ends if it is for an update."""
    statement = select(AnomalyProfile).where(
        AnomalyProfile.workspace_id == subject.workspace_id,
        AnomalyProfile.collection_id.is_not_distinct_from(subject.collection_id),
        AnomalyProfile.catalog_id.is_not_distinct_from(subject.catalog_id),
        AnomalyProfile.level == subject.level.value,
    )
    if is_for_update:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalars(statement).one_or_none()


def hold_profile(session: Session, subject: Subject) -> AnomalyProfile:
    """Return the profile of a subject, made if there is none, held until the transaction ends."""
    columns = {
        "workspace_id": subject.workspace_id,
        "collection_id": subject.collection_id,
        "catalog_id": subject.catalog_id,
        "level": subject.level.value,
    }
    session.execute(upsert(AnomalyProfile).values(**columns).on_conflict_do_nothing())
    found = find_profile(session, subject, is_for_update=True)
    if found is None:
        raise RuntimeError("a profile that was just made is gone")
    return found


def update_profile(session: Session, profile_id: int, **columns: Any) -> None:
    """Change a profile."""
    session.execute(update(AnomalyProfile).where(AnomalyProfile.id == profile_id).values(**columns))


def insert_arrays(
    session: Session, profile_id: int, generation: int, arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Store the arrays of a scan."""
    rows = [
        {
            "profile_id": profile_id,
            "generation": generation,
            "name": name,
            "dtype": array.dtype.newbyteorder("<").str,
            "shape": list(array.shape),
            "data": array.astype(array.dtype.newbyteorder("<")).tobytes(),
        }
        for name, array in arrays.items()
    ]
    session.execute(insert(AnomalyArray), rows)


def read_arrays(session: Session, profile_id: int, generation: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of a scan by name."""
    statement = select(AnomalyArray).where(
        AnomalyArray.profile_id == profile_id, AnomalyArray.generation == generation
    )
    return {
        row.name: np.frombuffer(row.data, dtype=np.dtype(row.dtype)).reshape(row.shape)
        for row in session.scalars(statement)
    }


def delete_arrays(session: Session, profile_id: int, *, kept: int) -> None:
    """Delete the arrays of every scan but the one that counts."""
    session.execute(
        delete(AnomalyArray).where(
            AnomalyArray.profile_id == profile_id, AnomalyArray.generation != kept
        )
    )


def next_generation(session: Session, profile_id: int) -> int:
    """Return a number that no score and no array of a profile has."""
    statement = text("""
        SELECT greatest(
          (SELECT generation FROM anomaly_profiles WHERE id = :id),
          (SELECT max(generation) FROM anomaly_scores WHERE profile_id = :id),
          (SELECT max(generation) FROM anomaly_arrays WHERE profile_id = :id)) + 1
    """)
    return int(session.execute(statement, {"id": profile_id}).scalar_one())


def owner_slug(session: Session, subject: Subject) -> str | None:
    """Return what the collection or catalog of a subject is called; None if it is gone."""
    if subject.catalog_id is not None:
        return session.scalars(select(Catalog.slug).where(Catalog.id == subject.catalog_id)).first()
    statement = select(Collection.slug).where(Collection.id == subject.collection_id)
    return session.scalars(statement).first()
