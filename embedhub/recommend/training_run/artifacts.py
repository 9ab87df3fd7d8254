"""What a trained recommender is stored as: settings, sums that stand for all items, rows; pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from embedhub.recommend.content_map import fit_map
from embedhub.recommend.ials import ItemFactors
from embedhub.recommend.interactions import Floats, Interactions
from embedhub.recommend.recommender import Recommender
from embedhub.recommend.sources import Content, Factors, Neighbors, Prior
from embedhub.recommend.training import CONTENT
from embedhub.recommend.versions import FoldIn, SourceKind

# The array that leads from texts' vectors to factors: where new items belong.
MAP = "content.map"

NeighborRow = tuple[int, NDArray[np.int32], NDArray[np.float32]]


@dataclass(frozen=True)
class Artifacts:
    """What is stored of a recommender; positions number the items that it was trained on.

    `neighbors` are items × items by source, `factors` are items × dimensions of the one source that
    has a space of its own, `popularity` and `n_events` are of each item.
    """

    settings: dict[str, Any]
    arrays: Mapping[str, NDArray[np.float32]]
    neighbors: Mapping[str, sparse.csr_array]
    factors: NDArray[np.float32] | None
    popularity: Floats
    n_events: NDArray[np.int64]


def artifacts_of(
    recommender: Recommender, events: Interactions, *, facts: Mapping[str, Any] | None = None
) -> Artifacts:
    """Return what is stored of a recommender that was trained on these events.

    `facts` join its settings. Vectors that are stored already, which others supplied, leave their
    moments. Raises TypeError for a source that nothing is decided about.
    """
    sources: dict[str, dict[str, Any]] = {}
    arrays: dict[str, NDArray[np.float32]] = {}
    neighbors: dict[str, sparse.csr_array] = {}
    factors: NDArray[np.float32] | None = None
    placed: Floats | None = None
    popularity = np.zeros(events.n_items)
    for name, source in recommender.sources.items():
        match source:
            case Neighbors(weights=weights):
                sources[name] = {"kind": SourceKind.NEIGHBORS.value}
                neighbors[name] = weights
            case Factors(fitted=fitted):
                sources[name] = fold_in_by_solving(fitted)
                arrays |= factor_arrays(name, fitted.items)
                placed = fitted.items
                factors = placed.astype(np.float32)
            case Content(vectors=vectors) if name != CONTENT:
                sources[name] = fold_in_by_mean()
                arrays |= moments_of(name, vectors)
                placed = vectors
            case Content(vectors=vectors):
                sources[name] = {"kind": SourceKind.CONTENT.value}
                arrays |= moments_of("content", vectors)
            case Prior(items=prior):
                sources[name] = prior_facts(prior)
                popularity = prior
            case _:
                raise TypeError(f"nothing is decided about how {source!r} is stored")
    settings = {**blend_settings(recommender, sources), **(facts or {})}
    n_events = np.bincount(events.items, minlength=events.n_items)
    texts = recommender.sources.get(CONTENT)
    if placed is not None and isinstance(texts, Content):
        mapping = fit_map(texts.vectors, placed, n_events)
        arrays[MAP] = mapping.astype(np.float32)
    return Artifacts(settings, arrays, neighbors, factors, popularity, n_events)


def blend_settings(
    recommender: Recommender, sources: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what a reader needs to blend, as JSON."""
    return {
        "half_life": recommender.half_life,
        "weights": {
            str(bucket): {name: float(weight) for name, weight in weights.items() if weight}
            for bucket, weights in recommender.weights.items()
        },
        "sources": {name: dict(facts) for name, facts in sources.items()},
    }


def fold_in_by_solving(fitted: ItemFactors) -> dict[str, Any]:
    """Return what `versions.FoldIn.SOLVE` needs beside the arrays."""
    return {
        "kind": SourceKind.FACTORS.value,
        "fold_in": FoldIn.SOLVE.value,
        "penalty": fitted.setting.penalty,
        "unseen": fitted.setting.unseen,
    }


def fold_in_by_mean() -> dict[str, Any]:
    """Return what `versions.FoldIn.MEAN` needs beside the moments."""
    return {"kind": SourceKind.FACTORS.value, "fold_in": FoldIn.MEAN.value}


def prior_facts(prior: Floats) -> dict[str, Any]:
    """Return what a reader needs of what is the same for everyone."""
    return {
        "kind": SourceKind.PRIOR.value,
        "mean": float(prior.mean()) if len(prior) else 0.0,
        "variance": float(prior.var()) if len(prior) else 0.0,
    }


def factor_arrays(name: str, items: Floats) -> dict[str, NDArray[np.float32]]:
    """Return the moments of items' vectors and the sum of their outer products."""
    return {**moments_of(name, items), f"{name}.gram": (items.T @ items).astype(np.float32)}


def moments_of(name: str, items: Floats) -> dict[str, NDArray[np.float32]]:
    """Return mean and covariance (of the population) of items' vectors."""
    mean = items.mean(axis=0)
    centred = items - mean
    covariance = centred.T @ centred / max(len(items), 1)
    return {
        f"{name}.mean": mean.astype(np.float32),
        f"{name}.covariance": covariance.astype(np.float32),
    }


def neighbor_rows(weights: sparse.csr_array) -> Iterator[NeighborRow]:
    """Yield (position, positions, weights) of rows that are not empty, the strongest first."""
    for row in np.flatnonzero(np.diff(weights.indptr)):
        span = slice(weights.indptr[row], weights.indptr[row + 1])
        amounts = weights.data[span]
        order = np.argsort(-np.abs(amounts), kind="stable")
        positions = weights.indices[span][order].astype("<i4")
        yield int(row), positions, amounts[order].astype("<f4")


def neighbors_from(rows: Sequence[NeighborRow], n_items: int) -> sparse.csr_array:
    """Return the matrix of stored rows: the inverse of `neighbor_rows`."""
    at = np.repeat([row for row, _, _ in rows], [len(positions) for _, positions, _ in rows])
    columns = np.concatenate([positions for _, positions, _ in rows]) if rows else np.empty(0)
    amounts = np.concatenate([weights for _, _, weights in rows]) if rows else np.empty(0)
    return sparse.csr_array(
        (amounts, (at.astype(np.int64), columns.astype(np.int64))), shape=(n_items, n_items)
    )
