"""Pairs, clusters and counts as they are shown, each by who may see the rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from embedhub.duplicates.deciding import DecisionView, view_of
from embedhub.duplicates.precision import BINS, Band, bands_of, precision_above, threshold_for
from embedhub.duplicates.queries import clusters as cluster_queries
from embedhub.duplicates.queries import decisions, listing
from embedhub.duplicates.settings import read_settings
from embedhub.duplicates.subjects import subjects_of
from embedhub.graph import service as graphs
from embedhub.graph.service import Node, Subject
from embedhub.tables import DuplicateCluster, DuplicatePair, DuplicateSet


@dataclass(frozen=True, slots=True)
class PairView:
    """A pair with its rows; `cluster_id` is that of both, None while they are not in one."""

    id: int
    kind: str
    status: str
    score: float
    is_automatic: bool
    contradictions: list[str]
    parts: list[dict[str, Any]]
    left: Node
    right: Node
    cluster_id: int | None
    decision: DecisionView | None
    found_at: datetime


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster with its canonical row, None if that may not be seen, and some members."""

    id: int
    n_members: int
    n_pairs: int
    weakest: float
    is_capped: bool
    n_refused: int
    canonical: Node | None
    members: list[Node]
    # of all, whoever may see them: where the next page begins
    n_stored: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ThresholdView:
    """What a threshold would take: counts of stored pairs, and precision from decisions.

    `n_pairs` score at least so much, `n_flagged` of them differ in a fact and are for people.
    `wished` is the lowest band's edge that reaches 99 % precision, None if none does.
    """

    threshold: float
    n_pairs: int
    n_automatic: int
    n_flagged: int
    precision: float | None
    wished: float | None
    settings: dict[str, Any]
    bands: list[Band]
    n_confirmed: int
    n_dismissed: int
    n_clusters: int
    n_clustered: int


def pair_views(
    session: Session, found: DuplicateSet, rows: Sequence[DuplicatePair], sets: tuple[int, int]
) -> list[PairView]:
    """Return pairs as they are shown; those of which a row is gone are left out."""
    left, right = subjects_of(found)
    lefts = _nodes(session, left, [row.left_id for row in rows])
    rights = _nodes(session, right, [row.right_id for row in rows])
    held = _held(session, found, rows, sets)
    ids = [one for row in rows for one in (row.left_id, row.right_id)]
    clusters = {}
    if found.other_collection_id is None:
        clusters = cluster_queries.cluster_of_rows(session, found.id, ids)
    views = []
    for row in rows:
        if row.left_id not in lefts or row.right_id not in rights:
            continue
        cluster = clusters.get(row.left_id)
        views.append(
            PairView(
                id=row.id,
                kind=row.kind,
                status=row.status,
                score=row.score,
                is_automatic=row.is_automatic,
                contradictions=list(row.contradictions),
                parts=row.parts,
                left=lefts[row.left_id],
                right=rights[row.right_id],
                cluster_id=cluster if cluster == clusters.get(row.right_id) else None,
                decision=held.get(row.id),
                found_at=row.found_at,
            )
        )
    return views


def _nodes(session: Session, subject: Subject, ids: Sequence[int]) -> dict[int, Node]:
    return {node.id: node for node in graphs.nodes(session, subject, sorted(set(ids)))}


def _held(
    session: Session, found: DuplicateSet, rows: Sequence[DuplicatePair], sets: tuple[int, int]
) -> dict[int, DecisionView]:
    left, right = subjects_of(found)
    lefts = decisions.keys_of(session, left, sets[0], [row.left_id for row in rows])
    rights = decisions.keys_of(session, right, sets[1], [row.right_id for row in rows])
    keys = {}
    for row in rows:
        if row.left_id in lefts and row.right_id in rights:
            pair = (lefts[row.left_id], rights[row.right_id])
            is_own = found.other_collection_id is None
            keys[row.id] = (min(pair), max(pair)) if is_own else pair
    held = decisions.all_in_force(session, found.id, list(keys.values()))
    return {pair_id: view_of(held[key]) for pair_id, key in keys.items() if key in held}


def cluster_views(
    session: Session,
    found: DuplicateSet,
    rows: Sequence[DuplicateCluster],
    *,
    principals: Sequence[str] | None,
    n_members: int,
    after: int = 0,
) -> list[ClusterView]:
    """Return clusters with the first of their members that somebody may see."""
    subject, _ = subjects_of(found)
    views = []
    for row in rows:
        ids = cluster_queries.visible_members(
            session, subject, row.id, principals=principals, after=after, limit=n_members
        )
        may_see = graphs.visible_among(session, subject, principals, [row.canonical_id])
        shown = _nodes(session, subject, [*ids, *may_see])
        n_seen = row.n_members
        if principals is not None:
            n_seen = cluster_queries.count_members(session, subject, row.id, principals=principals)
        views.append(
            ClusterView(
                id=row.id,
                n_members=n_seen,
                n_pairs=row.n_pairs,
                weakest=row.weakest,
                is_capped=row.is_capped,
                n_refused=row.n_refused,
                canonical=shown.get(row.canonical_id) if may_see else None,
                members=[shown[one] for one in ids if one in shown],
                n_stored=row.n_members,
                updated_at=row.updated_at,
            )
        )
    return views


def threshold_view(session: Session, found: DuplicateSet, threshold: float | None) -> ThresholdView:
    """Return what a threshold would take, by default the one that is set."""
    settings = read_settings(found.settings)
    chosen = settings.automatic if threshold is None else threshold
    bands = bands_of(
        listing.histogram(session, found.id, BINS),
        decisions.decided_by_score(session, found.id, BINS),
    )
    n_pairs, n_flagged = listing.count_above(session, found.id, chosen)
    n_clusters, n_clustered = cluster_queries.count_clusters(session, found.id)
    return ThresholdView(
        threshold=chosen,
        n_pairs=n_pairs,
        n_automatic=n_pairs - n_flagged,
        n_flagged=n_flagged,
        precision=precision_above(bands, chosen),
        wished=threshold_for(bands, 0.99),
        settings=settings.as_mapping(),
        bands=bands,
        n_confirmed=sum(band.n_confirmed for band in bands),
        n_dismissed=sum(band.n_dismissed for band in bands),
        n_clusters=n_clusters,
        n_clustered=n_clustered,
    )
