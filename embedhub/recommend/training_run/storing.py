"""Storing a trained version: nobody reads it before it is whole, so each part commits by itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.errors import NotFound
from embedhub.recommend.training_run.artifacts import Artifacts, neighbor_rows
from embedhub.recommend.training_run.queries import storing as queries
from embedhub.recommend.versions import Status
from embedhub.spaces import vectors
from embedhub.tables import Catalog, RecommenderVersion

# What a factor space names as its encoder; its revision is the version's number.
FACTORS = "ials"


def begin_version(catalog_id: int, **columns: Any) -> RecommenderVersion:
    """Insert a version that is being stored; raises NotFound if the catalog is gone."""
    with db.writing() as session:
        catalog = hold_catalog(session, catalog_id)
        return queries.insert_version(
            session, catalog_id=catalog_id, workspace_id=catalog.workspace_id, **columns
        )


def hold_catalog(session: Session, catalog_id: int) -> Catalog:
    """Return a held catalog; raises NotFound for one that is gone or being removed."""
    catalog = queries.hold_catalog(session, catalog_id)
    if catalog is None:
        raise NotFound("catalog", catalog_id)
    return catalog


def store_artifacts(
    version: RecommenderVersion, artifacts: Artifacts, item_ids: Sequence[int]
) -> None:
    """Store what a version is served from; `item_ids` are those of the positions."""
    if artifacts.factors is not None:
        store_factors(version, artifacts.factors, item_ids)
    for source, weights in artifacts.neighbors.items():
        with db.writing() as session:
            rows = neighbor_rows(weights)
            queries.copy_neighbors(session, version.id, source, rows, item_ids)
    with db.writing() as session:
        queries.insert_arrays(session, version.id, artifacts.arrays)
        queries.copy_priors(
            session,
            version.id,
            item_ids=item_ids,
            popularity=artifacts.popularity,
            n_events=artifacts.n_events,
        )


def store_factors(
    version: RecommenderVersion, factors: np.ndarray, item_ids: Sequence[int]
) -> None:
    """Open the factor space of a version and store the vectors of its items."""
    with db.writing() as session:
        hold_catalog(session, version.catalog_id)
        space_id = vectors.open_space(
            session,
            workspace_id=version.workspace_id,
            catalog_id=version.catalog_id,
            subject="item",
            encoder=FACTORS,
            revision=str(version.number),
            dimension=factors.shape[1],
        )
        queries.update_version(session, version.id, factor_space_id=space_id)
    version.factor_space_id = space_id
    hashes = [learned_hash(int(item_id)) for item_id in item_ids]
    vectors.put_vectors(space_id, list(map(int, item_ids)), factors, hashes)
    with db.writing() as session:
        vectors.index_if_large(session, space_id, n_rows=len(item_ids))


def learned_hash(item_id: int) -> bytes:
    """Return what stands for the input of a learned vector: no other item has the same."""
    return item_id.to_bytes(8, "big")


def mark(version_id: int, status: Status, **columns: Any) -> None:
    """Write how a version stands."""
    with db.writing() as session:
        queries.update_version(session, version_id, status=status.value, **columns)
