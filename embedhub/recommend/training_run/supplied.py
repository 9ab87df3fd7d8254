"""Vectors that a trainer elsewhere made (two-tower, SASRec, Word2Vec on sessions) as a version.

Three steps, so that any number of vectors fits: the version is opened, its vectors are sent in
batches, and a run judges it like every other version. Scores are inner products of an item's
vector with the user's, or where none was sent with the mean of those of the user's history; how
much they count beside neighbours and popularity is learned on the hold-out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.service import find_catalog
from embedhub.config import get_config
from embedhub.documents.inputs import parse_external_id, parse_vector
from embedhub.errors import Conflict, InvalidInput, NotFound, TooLarge
from embedhub.recommend.queries import versions
from embedhub.recommend.training_run.queries import storing as queries
from embedhub.recommend.training_run.storing import hold_catalog, learned_hash
from embedhub.recommend.training_run.view import VersionView, view_of
from embedhub.recommend.versions import Status
from embedhub.runs.service import RunKind, start_run
from embedhub.spaces import vectors
from embedhub.spaces.distance import MAX_INDEXED_DIMENSION, Precision
from embedhub.spaces.members import Subject
from embedhub.tables import RecommenderVersion

MAX_DIMENSION = MAX_INDEXED_DIMENSION[Precision.VECTOR]
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
MAX_BATCH = 10_000
# Sources of these names are trained here.
TAKEN = ("popularity", "conditional", "cosine", "ease", "ials", "content")


@dataclass(frozen=True, slots=True)
class SuppliedVectors:
    """How many vectors of a batch were stored; items and users that the catalog does not know."""

    n_stored: int
    unknown: list[str]
    unknown_users: list[str]


def open_version(caller: Caller, slug: str, *, name: str, dimension: int) -> VersionView:
    """Open a version for vectors made elsewhere, as a source of this name.

    Raises InvalidInput for a name or dimension that cannot be, NotFound without the catalog.
    """
    caller.require_writing()
    if not NAME.fullmatch(name) or name in TAKEN:
        taken = ", ".join(TAKEN)
        raise InvalidInput(
            f"must be 1 to 63 lower-case letters, digits, - and _, and none of {taken}", "name"
        )
    if not 1 <= dimension <= MAX_DIMENSION:
        raise InvalidInput(f"must be from 1 to {MAX_DIMENSION:,}", "dimension")
    with db.writing() as session:
        catalog_id = find_catalog(session, caller, slug).id
        catalog = hold_catalog(session, catalog_id)
        if name == catalog.encoder:
            raise InvalidInput("is what the catalog's texts are encoded by", "name")
        row = queries.insert_version(
            session,
            catalog_id=catalog.id,
            workspace_id=catalog.workspace_id,
            origin="supplied",
            settings={"name": name},
        )
        row.factor_space_id = vectors.open_space(
            session,
            workspace_id=catalog.workspace_id,
            catalog_id=catalog.id,
            subject="item",
            encoder=name,
            revision=str(row.number),
            dimension=dimension,
        )
        queries.update_version(session, row.id, factor_space_id=row.factor_space_id)
        return view_of(row)


def add_vectors(
    caller: Caller,
    slug: str,
    number: int,
    items: Sequence[dict[str, Any]],
    users: Sequence[dict[str, Any]] = (),
) -> SuppliedVectors:
    """Store a batch of vectors, in place of older ones; nothing of a batch with a fault.

    Raises NotFound, Conflict for a version that is finished, InvalidInput naming the path.
    """
    caller.require_writing()
    if len(items) + len(users) > MAX_BATCH:
        n = len(items) + len(users)
        field = "items" if len(items) > MAX_BATCH or not users else "users"
        raise TooLarge(f"{n:,} vectors; at most {MAX_BATCH:,} are accepted", field)
    with db.reading() as session:
        row = _open_row(session, caller, slug, number)
        space = vectors.find_space(session, row.factor_space_id or 0)
        if space is None:
            raise NotFound("version", number)
        of_items = _matched(session, row, Subject.ITEM, items, space.dimension)
        of_users = _matched(session, row, Subject.USER, users, space.dimension)
    n_stored = _put(space.id, of_items)
    if of_users.ids:
        n_stored += _put(_user_space(caller, slug, number, space.dimension), of_users)
    return SuppliedVectors(n_stored, of_items.unknown, of_users.unknown)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Vectors by our ids, as rows, and whom the catalog does not know."""

    ids: list[int]
    rows: np.ndarray
    unknown: list[str]


def _matched(
    session: Session,
    row: RecommenderVersion,
    subject: Subject,
    sent: Sequence[dict[str, Any]],
    dimension: int,
) -> _Batch:
    """Return checked vectors; raises TooLarge where the version would hold too many."""
    field, space_id, find = {
        Subject.ITEM: ("items", row.factor_space_id, queries.items_by_external_id),
        Subject.USER: ("users", row.user_space_id, queries.users_by_external_id),
    }[subject]
    given = _parsed(sent, dimension, field)
    known = find(session, catalog_id=row.catalog_id, external_ids=sorted(given))
    space = vectors.find_space(session, space_id or 0)
    n_held = 0 if space is None else vectors.count_vectors(session, space)
    limit = get_config().max_supplied_vectors
    if n_held + len(known) > limit:
        raise TooLarge(f"a version has at most {limit:,} vectors of {field}", field)
    names = [name for name in given if name in known]
    return _Batch(
        [known[name] for name in names],
        np.array([given[name] for name in names], dtype=np.float32),
        [name for name in given if name not in known],
    )


def _put(space_id: int, batch: _Batch) -> int:
    if not batch.ids:
        return 0
    hashes = list(map(learned_hash, batch.ids))
    return vectors.put_vectors(space_id, batch.ids, batch.rows, hashes)


def _user_space(caller: Caller, slug: str, number: int, dimension: int) -> int:
    """Return the space of an open version's users, opened with their first vectors."""
    with db.writing() as session:
        hold_catalog(session, find_catalog(session, caller, slug).id)
        row = _open_row(session, caller, slug, number)
        if row.user_space_id is not None:
            return row.user_space_id
        space_id = vectors.open_space(
            session,
            workspace_id=row.workspace_id,
            catalog_id=row.catalog_id,
            subject=Subject.USER,
            encoder=str(row.settings["name"]),
            revision=str(row.number),
            dimension=dimension,
        )
        queries.update_version(session, row.id, user_space_id=space_id)
        return space_id


def finish_version(caller: Caller, slug: str, number: int, *, publish: bool) -> int:
    """Ask for the run that judges a supplied version, after which it can answer; return the run.

    Raises NotFound, Conflict for a version that is finished.
    """
    caller.require_writing()
    with db.writing() as session:
        row = _open_row(session, caller, slug, number)
        run_id = start_run(
            session,
            workspace_id=row.workspace_id,
            kind=RunKind.TRAIN_RECOMMENDER,
            subject=f"catalog {row.catalog_id}, version {row.number}",
            arguments={"catalog_id": row.catalog_id, "version_id": row.id, "publish": publish},
        )
        queries.update_version(session, row.id, run_id=run_id)
    return run_id


def _open_row(session: Session, caller: Caller, slug: str, number: int) -> RecommenderVersion:
    catalog = find_catalog(session, caller, slug)
    row = versions.find_version(session, catalog_id=catalog.id, number=number)
    if row is None:
        raise NotFound("version", number)
    if row.origin != "supplied" or row.status != Status.TRAINING:
        raise Conflict(f"version {number} takes no vectors (any more): it is {row.status}")
    return row


def _parsed(sent: Sequence[dict[str, Any]], dimension: int, path: str) -> dict[str, np.ndarray]:
    given: dict[str, np.ndarray] = {}
    for place, item in enumerate(sent):
        field = f"{path}.{place}"
        name = parse_external_id(item.get("external_id"), f"{field}.external_id")
        if name in given:
            raise InvalidInput("is named twice in this batch", f"{field}.external_id")
        vector = parse_vector(item.get("vector"), f"{field}.vector")
        if vector is None or len(vector) != dimension:
            n = 0 if vector is None else len(vector)
            raise InvalidInput(f"has {n} dimensions, not {dimension}", f"{field}.vector")
        given[name] = vector
    return given
