"""The steps of a fit that only compute: grouping with its figures, aligning maps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedhub.topics import grouping, quality
from embedhub.topics.grouping import NONE, Method
from embedhub.topics.layout import align
from embedhub.topics.matching import Match
from embedhub.topics.material import Material
from embedhub.topics.neighborhood import Floats, Integers
from embedhub.topics.setting import FitSetting

# None: maps are laid out by all threads, and differ a little from each other. Tests set one.
SEED: int | None = None
# Density is looked for along so many directions: in more of them everything is far from all else.
# Chosen on labels that nobody's figures are told of (see docs/decisions/topics.md).
DENSE_DIRECTIONS = 10
# A grouping of so many rows again says how much of it is chance.
STABILITY_ROWS = 20_000


@dataclass(frozen=True)
class Grouped:
    """Labels of all rows, what was softly joined, and what was chosen where nothing was asked."""

    labels: Integers
    is_soft: NDArray[np.bool_]
    n_left_over: int
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """All that is stored of a fit: rows with their labels, the labels' numbers, the map."""

    material: Material
    labels: Integers
    is_soft: NDArray[np.bool_]
    numbers: Mapping[int, Match]
    places: Floats


def seed() -> int | None:
    """Return what makes chance repeatable; None in production."""
    return SEED


def group(material: Material, setting: FitSetting) -> Grouped:
    """Return the groups of rows: k-means over smoothed vectors, HDBSCAN over fewer directions."""
    labels, facts = labels_of(material.reduced, setting)
    n_left = int((labels == NONE).sum())
    if setting.method is Method.KMEANS or not n_left:
        return Grouped(labels, np.zeros(len(labels), bool), n_left, facts)
    joined = grouping.join_nearest(labels, material.reduced)
    return Grouped(joined.labels, joined.is_soft, n_left, facts)


def labels_of(reduced: Floats, setting: FitSetting) -> tuple[Integers, dict[str, Any]]:
    """Return labels, -1 for what density leaves over, and what was chosen."""
    if not len(reduced):
        return np.empty(0, np.int64), {}
    if setting.method is Method.KMEANS:
        k = setting.k or grouping.choose_k(reduced, seed=seed())
        return grouping.by_means(reduced, k, seed=seed()), {"k": k}
    min_size = grouping.smallest_group(len(reduced), setting.min_size)
    return grouping.by_density(reduced[:, :DENSE_DIRECTIONS], min_size=min_size), {
        "min_size": min_size
    }


def aligned(places: Floats, old: Floats) -> Floats:
    """Return a map turned, moved and scaled onto the last one; `old` is NaN for new rows."""
    both = np.isfinite(old[:, 0])
    return align(places, np.nan_to_num(old), both) if both.any() else places


def figures(
    material: Material, places: Floats, grouped: Grouped, setting: FitSetting
) -> dict[str, Any]:
    """Return what says how good a fit is, as shares of all rows; None where that is not known."""
    n = max(len(material), 1)
    labels = grouped.labels
    sizes = np.bincount(labels[labels != NONE]) if (labels != NONE).any() else np.zeros(1)
    return {
        "n_topics": int(labels.max(initial=NONE)) + 1,
        "noise_share": grouped.n_left_over / n,
        "soft_share": float(grouped.is_soft.sum()) / n,
        "unsorted_share": float((labels == NONE).sum()) / n,
        "largest_share": float(sizes.max()) / n,
        "silhouette": quality.silhouette(material.reduced, labels),
        "stability": stability(material, grouped, setting),
        "kept_neighbors": quality.kept_neighbors(places, material.around),
    }


def stability(material: Material, grouped: Grouped, setting: FitSetting) -> float | None:
    """Return how far a grouping of half of the rows agrees with that of all (adjusted Rand)."""
    n = len(material)
    if n < 2 * grouping.FEWEST:
        return None
    random = np.random.default_rng(0)
    some = np.sort(random.choice(n, min(n // 2, STABILITY_ROWS), replace=False))
    asked = setting
    if setting.method is Method.KMEANS:
        asked = FitSetting(Method.KMEANS, k=max(int(grouped.labels.max(initial=NONE)) + 1, 2))
    elif (size := grouped.facts.get("min_size")) is not None:
        # A half has groups of half the size.
        asked = FitSetting(Method.HDBSCAN, min_size=max(int(size * len(some) / n), 2))
    labels, _ = labels_of(material.reduced[some], asked)
    return quality.agreement(grouped.labels[some], labels)
