"""Items scored for one history within a snapshot: folded in, blended, split into parts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from sqlalchemy.orm import Session

from embedhub.config import get_config
from embedhub.recommend.candidates import Parts
from embedhub.recommend.fold_in import NO_POSITIONS, Folding
from embedhub.recommend.folding import NeighborSum, Pool, blend
from embedhub.recommend.interactions import Floats, Integers
from embedhub.recommend.queries import pools as queries
from embedhub.recommend.queries import proposals
from embedhub.recommend.queries.permits import Permit
from embedhub.recommend.queries.pools import Leg
from embedhub.recommend.versions import SourceKind, Version

# What the examples to be unlike weigh against those to be like.
UNLIKE = -0.5
# What contents weigh beside behavior where items are given as examples, or a text.
TEXT_SHARE = 0.5


@dataclass(frozen=True)
class Text:
    """What contents shall be like: a vector in a space of contents, and what it weighs."""

    leg: Leg
    weight: float


@dataclass(frozen=True)
class Scored:
    """Permitted items with their scores, each the sum of its parts.

    `profile`, `content`, `popularity` and `seen` are parts; what is left is by the items of the
    history. Inner products come from the database in float32: parts add up to 1e-6 of a score.
    `is_exact` says that every permitted item was scored.
    """

    pool: Pool
    scores: Floats
    content: Floats
    popularity: Floats
    seen: Floats
    foldings: Sequence[Folding] = ()
    is_exact: bool = True
    # they stand in their order already
    is_ordered: bool = False
    # None: no vector of the user was supplied
    profile: Floats | None = None

    def order(self) -> Integers:
        """Return the places of the items, best first; of equals the older item."""
        if self.is_ordered:
            return np.arange(len(self.pool))
        return np.lexsort((self.pool.ids, -self.scores))


@dataclass(frozen=True)
class Wanted:
    """What is looked for: `least` items or more, `item_ids` among them if they are permitted.

    They are looked for among `n_pool` that sources propose, 0: among all.
    """

    least: int
    n_pool: int = 0
    item_ids: Sequence[int] = ()
    text: Text | None = None
    seen_ids: frozenset[int] = field(default_factory=frozenset)
    decay: float | None = None


def score(
    session: Session,
    permit: Permit,
    version: Version | None,
    foldings: Sequence[Folding],
    wanted: Wanted,
) -> Scored:
    """Return permitted items with their scores: all of them, or of a large catalog the best.

    Of a large catalog each source proposes its best items. Where the filter leaves too few of
    these, every permitted item is scored.
    """
    legs = {
        _leg_name(place, name): leg
        for place, folding in enumerate(foldings)
        for name, leg in folding.legs.items()
    }
    if wanted.text is not None:
        legs["text"] = wanted.text.leg
    version_id = None if version is None else version.id
    if wanted.n_pool:
        positions, ids = _proposed(session, version, foldings, wanted)
        found = queries.pool(
            session, permit, version_id=version_id, legs=legs, positions=positions, item_ids=ids
        )
        if len(found) >= wanted.least:
            return _scored(found, foldings, wanted, is_exact=False)
    found = queries.pool(session, permit, version_id=version_id, legs=legs)
    return _scored(found, foldings, wanted, is_exact=True)


def pool_size(session: Session, permit: Permit, version: Version | None) -> int:
    """Return of how many items a pool is made; 0: of every one, they are few enough."""
    limit, size = get_config().exact_items, get_config().list_pool
    if permit.candidate_ids is not None:
        return 0
    if version is not None and version.n_items > limit:
        return size
    return size if queries.has_more_items(session, permit, limit) else 0


def _proposed(
    session: Session, version: Version | None, foldings: Sequence[Folding], wanted: Wanted
) -> tuple[Integers, list[int]]:
    """Return positions and ids of the items that each source holds best."""
    most = wanted.n_pool
    ids = [*wanted.item_ids]
    summed = np.zeros(0 if version is None else version.n_items)
    for folding in foldings:
        for name, weight in folding.of_kinds(SourceKind.NEIGHBORS).items():
            source = folding.sources[name]
            if isinstance(source, NeighborSum):
                summed += folding.sign * weight / source.deviation * source.total
        ids += folding.proposed
    if wanted.text is not None:
        ids += proposals.nearest(session, wanted.text.leg, most=most // 2)
    n_proposed = min(most, int((summed > 0).sum()))
    positions = NO_POSITIONS
    if n_proposed:
        positions = np.argpartition(-summed, n_proposed - 1)[:n_proposed]
    return positions, list(dict.fromkeys(ids))


def _scored(pool: Pool, foldings: Sequence[Folding], wanted: Wanted, *, is_exact: bool) -> Scored:
    scores, profile, content, popularity = (np.zeros(len(pool)) for _ in range(4))
    for place, folding in enumerate(foldings):
        own = _own(pool, place, folding)
        of_content = folding.of_kinds(SourceKind.CONTENT)
        of_prior = folding.of_kinds(SourceKind.PRIOR)
        profile += folding.sign * blend(folding.sources, folding.of_given, own)
        content += folding.sign * blend(folding.sources, of_content, own)
        popularity += folding.sign * blend(folding.sources, of_prior, own)
        scores += folding.sign * blend(folding.sources, folding.weights, own)
    if wanted.text is not None:
        by_text = wanted.text.weight * _standardized(pool.dots["text"])
        content, scores = content + by_text, scores + by_text
    seen = np.zeros(len(pool))
    if wanted.decay is not None and len(pool):
        is_seen = np.isin(pool.ids, sorted(wanted.seen_ids))
        seen[is_seen] = -(1.0 - wanted.decay) * (scores[is_seen] - scores.min())
    return Scored(
        pool, scores + seen, content, popularity, seen, foldings, is_exact, profile=profile
    )


def parts_of(
    session: Session, scored: Scored, places: Integers, *, most: int | None = None
) -> list[Parts]:
    """Return what the scores of the items at these places are made of.

    With `most` only so many items of the history that speak most for an item are named.
    """
    shown = scored.pool.at(places)
    by_item: list[dict[int, float]] = [{} for _ in places]
    for place, folding in enumerate(scored.foldings):
        added = _by_history(session, _own(shown, place, folding), folding)
        items = np.array(folding.history.items, dtype=np.int64)
        for column, of_item in enumerate(by_item):
            rows = np.flatnonzero(added[:, column])
            if most is not None:
                rows = rows[np.argsort(-added[rows, column])[:most]]
            named = zip(items[rows].tolist(), added[rows, column].tolist(), strict=True)
            for item, score_of_item in named:
                of_item[item] = of_item.get(item, 0.0) + score_of_item
    return [
        Parts(
            history=by_item[column],
            profile=0.0 if scored.profile is None else float(scored.profile[at]),
            content=float(scored.content[at]),
            popularity=float(scored.popularity[at]),
            seen=float(scored.seen[at]),
        )
        for column, at in enumerate(places.tolist())
    ]


def _by_history(session: Session, pool: Pool, folding: Folding) -> Floats:
    """Return history × items: what each item of the history adds to the scores by behavior."""
    added = np.zeros((len(folding.history.items), len(pool)))
    pool = _with_vectors(session, pool, folding)
    behavior = folding.of_kinds(SourceKind.NEIGHBORS, SourceKind.FACTORS)
    for name, weight in behavior.items():
        if name in folding.given:
            continue
        source = folding.sources.get(name)
        if source is not None:
            parts, means = source.parts(pool)
            added += folding.sign * weight * (parts - means[:, None]) / source.deviation
    return added


def _with_vectors(session: Session, pool: Pool, folding: Folding) -> Pool:
    """Return the items with the vectors that the parts of factor sources need."""
    vectors = {}
    for name in folding.of_kinds(SourceKind.FACTORS):
        leg = folding.legs.get(name)
        if leg is not None and name not in folding.given:
            found = queries.vectors(session, leg.space, pool.ids.tolist())
            nothing = np.zeros(len(leg.vector))
            vectors[name] = np.stack(
                [found.get(item, nothing) for item in pool.ids.tolist()] or [nothing[:0]]
            )
    return replace(pool, vectors=vectors)


def _own(pool: Pool, place: int, folding: Folding) -> Pool:
    """Return the items with the inner products that belong to one folding."""
    return replace(pool, dots={n: pool.dots[_leg_name(place, n)] for n in folding.legs})


def _leg_name(place: int, source: str) -> str:
    return f"{place} {source}"


def _standardized(dots: Floats) -> Floats:
    """Return z-scores over the pool; 0 for items without a vector."""
    known = dots[~np.isnan(dots)]
    deviation = float(known.std()) if len(known) else 0.0
    if not deviation:
        return np.zeros(len(dots))
    return np.asarray(np.nan_to_num((dots - known.mean()) / deviation))
