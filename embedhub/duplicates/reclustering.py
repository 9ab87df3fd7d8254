"""Bringing clusters up to date with pairs and decisions, in the caller's transaction.

The caller holds the set's row: one at a time changes its clusters.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from embedhub.duplicates.canonical import canonical_of
from embedhub.duplicates.clustering import Cluster, Pair, clusters_of
from embedhub.duplicates.judging import Kind
from embedhub.duplicates.queries import clusters as queries
from embedhub.duplicates.queries import decisions, fingerprints, pairs
from embedhub.duplicates.queries.pairs import Edge
from embedhub.duplicates.settings import read_settings
from embedhub.graph.service import Subject
from embedhub.tables import DuplicateSet

# Beyond, the row that stands for a cluster is chosen among those that texts are told apart by.
MOST_CANDIDATES = 5_000


@dataclass(slots=True)
class _Edges:
    """Pairs as clusters are made of them; equal texts are one row with its copies."""

    verified: dict[Pair, float] = field(default_factory=dict)
    scores: dict[Pair, float] = field(default_factory=dict)
    apart: set[Pair] = field(default_factory=set)
    confirmed: set[Pair] = field(default_factory=set)
    copies: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))


def recluster(
    session: Session, found: DuplicateSet, subject: Subject, ids: Sequence[int] | None = None
) -> int:
    """Make the clusters of a set anew, or those that these rows touch; return how many.

    A cluster that goes on keeps its id: the one that most of its rows were in before.
    """
    settings = read_settings(found.settings)
    if ids is None:
        touched = queries.members_of(session, found.id)
        edges = _gather(pairs.edges(session, found.id))
    else:
        around = {*ids, *pairs.partners_of(session, found.id, ids)}
        touched = queries.members_of(
            session, found.id, sorted(queries.clusters_with(session, found.id, sorted(around)))
        )
        around.update(touched)
        edges = _gather(pairs.edges(session, found.id, sorted(around)))
    made = clusters_of(
        edges.verified,
        scores=edges.scores,
        apart=edges.apart,
        copies=edges.copies,
        confirmed=edges.confirmed,
        max_members=settings.max_members,
    )
    _store(session, found, subject, made, touched)
    return len(made)


def _gather(edges: Iterable[Edge]) -> _Edges:
    found = list(edges)
    first = {
        edge.right_id: edge.left_id
        for edge in found
        if edge.kind == Kind.EXACT and edge.status != "dismissed"
    }
    gathered = _Edges()
    for copy in first:
        gathered.copies[_first_of(copy, first)].append(copy)
    for edge in found:
        left, right = _first_of(edge.left_id, first), _first_of(edge.right_id, first)
        if left == right:
            continue
        pair = (min(left, right), max(left, right))
        if edge.status == "confirmed":
            gathered.confirmed.add(pair)
            gathered.verified[pair] = max(edge.score, gathered.verified.get(pair, 0.0))
        elif edge.status == "dismissed" or edge.is_contradicted:
            gathered.apart.add(pair)
        elif edge.is_automatic:
            gathered.verified[pair] = max(edge.score, gathered.verified.get(pair, 0.0))
        else:
            gathered.scores[pair] = edge.score
    # What people say of one copy outweighs what a text says of itself.
    gathered.apart -= gathered.confirmed
    return gathered


def _first_of(node_id: int, first: Mapping[int, int]) -> int:
    """Return the row that stands for a copy, and for the one that stood for it before."""
    # Of two equal rows the left has the lower id, so this comes to an end.
    while node_id in first:
        node_id = first[node_id]
    return node_id


def _store(
    session: Session,
    found: DuplicateSet,
    subject: Subject,
    made: Sequence[Cluster],
    before: dict[int, int],
) -> None:
    kept = _kept_ids(made, before)
    gone = sorted(set(before.values()) - set(kept))
    queries.delete_members(session, sorted({*before.values()}))
    rows = [
        {
            "canonical_id": canonical,
            "n_members": len(cluster.members),
            "n_pairs": cluster.n_pairs,
            "weakest": cluster.weakest,
            "is_capped": cluster.is_capped,
            "n_refused": cluster.n_refused,
        }
        for cluster, canonical in zip(made, _canonicals(session, found, subject, made), strict=True)
    ]
    own = {"workspace_id": found.workspace_id, "set_id": found.id}
    new = [{**own, **row} for row, one in zip(rows, kept, strict=True) if one is None]
    inserted = iter(queries.insert_clusters(session, new))
    ids = [next(inserted) if one is None else one for one in kept]
    for cluster_id, row, one in zip(ids, rows, kept, strict=True):
        if one is not None:
            queries.update_cluster(session, cluster_id, **row)
    members = {
        member: cluster_id
        for cluster_id, cluster in zip(ids, made, strict=True)
        for member in cluster.members
    }
    queries.copy_members(session, found.id, members)
    if gone:
        queries.delete_clusters(session, gone)


def _kept_ids(made: Sequence[Cluster], before: dict[int, int]) -> list[int | None]:
    """Return the former id of each cluster, None for a new one; each id goes to one cluster."""
    taken: set[int] = set()
    found: list[int | None] = []
    for cluster in made:
        votes = Counter(before[one] for one in cluster.members if one in before)
        free = [(n, -one) for one, n in votes.items() if one not in taken]
        chosen = -max(free)[1] if free else None
        if chosen is not None:
            taken.add(chosen)
        found.append(chosen)
    return found


def _canonicals(
    session: Session,
    found: DuplicateSet,
    subject: Subject,
    made: Sequence[Cluster],
) -> list[int]:
    """Return the row that stands for each cluster; rows are read for many clusters at once."""
    settings = read_settings(found.settings)
    chosen: list[int] = []
    for group in _groups(made):
        ids = [one for cluster in group for one in cluster.members[:MOST_CANDIDATES]]
        keys = decisions.keys_of(session, subject, found.id, ids)
        by_key = {key: node_id for node_id, key in keys.items()}
        # The latest choice first.
        kept = [by_key[key] for key in decisions.kept_keys(session, found.id, list(by_key))]
        lengths = fingerprints.words_of(session, found.id, ids)
        rows = {row.id: row for row in queries.candidates(session, subject, ids, lengths)}
        for cluster in group:
            own = [rows[one] for one in cluster.members[:MOST_CANDIDATES] if one in rows]
            within = set(cluster.members)
            chosen.append(
                canonical_of(
                    own,
                    settings.policy,
                    trusted=settings.trusted,
                    chosen=next((one for one in kept if one in within), None),
                )
                if own
                else cluster.centre
            )
    return chosen


def _groups(made: Sequence[Cluster]) -> Iterator[list[Cluster]]:
    group: list[Cluster] = []
    n_rows = 0
    for cluster in made:
        group.append(cluster)
        n_rows += len(cluster.members)
        if n_rows >= MOST_CANDIDATES:
            yield group
            group, n_rows = [], 0
    if group:
        yield group
