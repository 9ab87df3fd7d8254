"""Clusters of duplicates: joined along verified pairs, guarded against chains; pure.

A is like B, B is like C, and A and C have nothing in common any more: two clusters are joined only
where their centres are alike too, nobody has said otherwise of any of their members, and the
cluster stays under its cap. Equal texts are one member, however many rows have them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Pair = tuple[int, int]
# Joined centres need less than a pair that is taken for duplicates by itself.
CENTRE_FLOOR = 0.5
MAX_MEMBERS = 200
# A refused pair may fit once others have moved the centre.
PASSES = 3


@dataclass(frozen=True, slots=True)
class Cluster:
    """Rows that are one thing; `weakest` is the least score among the pairs that joined them.

    `is_capped` says that more would belong to it, `n_refused` how many pairs the guard kept apart.
    """

    members: list[int]
    centre: int
    weakest: float
    n_pairs: int
    is_capped: bool
    n_refused: int


@dataclass(slots=True)
class _Group:
    members: list[int]
    centre: int
    apart: set[int]
    weakest: float = 1.0
    n_pairs: int = 0
    is_capped: bool = False
    refused: set[Pair] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Edges:
    """Scores of all pairs, the sums of verified ones at each row, those people vouch for."""

    scores: Mapping[Pair, float]
    weights: Mapping[int, float]
    vouched: frozenset[Pair]


def clusters_of(
    verified: Mapping[Pair, float],
    *,
    scores: Mapping[Pair, float] | None = None,
    apart: Collection[Pair] = (),
    copies: Mapping[int, Sequence[int]] | None = None,
    confirmed: Collection[Pair] = (),
    max_members: int = MAX_MEMBERS,
) -> list[Cluster]:
    """Return clusters of two rows and more, the largest first.

    `verified` are pairs (lower id first) that are duplicates, with their scores; `scores` those of
    other pairs that were compared; `apart` pairs that must not meet in one cluster; `copies` the
    equal rows that a row stands for; `confirmed` the verified pairs that people vouch for, which
    join whatever the centres say, once the others are joined.
    """
    weights: dict[int, float] = defaultdict(float)
    for (left, right), score in verified.items():
        weights[left] += score
        weights[right] += score
    groups = _alone({*weights, *(copies or {})}, apart)
    edges = _Edges({**(scores or {}), **verified}, weights, frozenset(confirmed))
    order = sorted(verified, key=lambda pair: (pair in edges.vouched, -verified[pair], pair))
    for _ in range(PASSES):
        # Every pair has its turn: no short cut.
        n_joined = sum(_join(groups, pair, edges, max_members) for pair in order)
        if not n_joined:
            break
    return _found(groups, copies or {})


def _alone(nodes: Iterable[int], apart: Collection[Pair]) -> dict[int, _Group]:
    groups = {node: _Group([node], node, set()) for node in nodes}
    for left, right in apart:
        for one, other in ((left, right), (right, left)):
            if one in groups:
                groups[one].apart.add(other)
    return groups


def _join(groups: dict[int, _Group], pair: Pair, edges: _Edges, max_members: int) -> bool:
    """Join the two groups of a verified pair if nothing speaks against it; say whether it did."""
    one, other = groups[pair[0]], groups[pair[1]]
    if one is other:
        return False
    if len(one.members) < len(other.members):
        one, other = other, one
    if len(one.members) + len(other.members) > max_members:
        one.is_capped = other.is_capped = True
        return False
    if not _may_join(one, other, edges, is_vouched=pair in edges.vouched):
        one.refused.add(pair)
        return False
    one.centre = min(one.centre, other.centre, key=lambda node: (-edges.weights[node], node))
    one.members += other.members
    one.apart |= other.apart
    one.weakest = min(one.weakest, other.weakest, edges.scores[pair])
    one.n_pairs += other.n_pairs + 1
    one.is_capped |= other.is_capped
    one.refused |= other.refused
    for member in other.members:
        groups[member] = one
    return True


def _may_join(one: _Group, other: _Group, edges: _Edges, *, is_vouched: bool) -> bool:
    if any(member in one.apart for member in other.members):
        return False
    if is_vouched:
        return True
    centres = (min(one.centre, other.centre), max(one.centre, other.centre))
    return edges.scores.get(centres, 0.0) >= CENTRE_FLOOR


def _found(groups: Mapping[int, _Group], copies: Mapping[int, Sequence[int]]) -> list[Cluster]:
    found = []
    for group in {id(group): group for group in groups.values()}.values():
        own = [copy for member in group.members for copy in copies.get(member, ())]
        members = sorted({*group.members, *own})
        if len(members) < 2:
            continue
        joined = set(group.members)
        found.append(
            Cluster(
                members=members,
                centre=group.centre,
                weakest=group.weakest,
                n_pairs=group.n_pairs + len(own),
                is_capped=group.is_capped,
                n_refused=sum(not joined.issuperset(pair) for pair in group.refused),
            )
        )
    return sorted(found, key=lambda cluster: (-len(cluster.members), cluster.members[0]))
