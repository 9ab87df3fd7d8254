"""Maximal marginal relevance over a scored list, and how alike a list's items are; pure.

Carbonell and Goldstein 1998, "The use of MMR, diversity-based reranking".
"""

import numpy as np

from embedhub.recommend.interactions import Floats, Integers

# Share of relevance against likeness: at 0.9 nothing measurable is lost, at 0.5 up to 9 %.
RELEVANCE = 0.85


def diversify(
    items: Integers, scores: Floats, vectors: Floats, k: int, relevance: float = RELEVANCE
) -> Integers:
    """Return k of `items` chosen one by one by relevance · score - (1 - relevance) · likeness.

    `items` are best first with their `scores`, which are scaled to 0..1 over the list; likeness is
    the largest cosine to an item chosen before. `vectors` are those of all items, of any length.
    """
    k = min(k, len(items))
    low, high = (scores.min(), scores.max()) if len(items) else (0.0, 0.0)
    scaled = (scores - low) / (high - low) if high > low else np.ones(len(items))
    of_items = _unit(vectors[items])
    likeness = np.zeros(len(items))
    chosen: list[int] = []
    left = np.ones(len(items), dtype=bool)
    for _ in range(k):
        marginal = relevance * scaled - (1.0 - relevance) * likeness
        best = int(np.argmax(np.where(left, marginal, -np.inf)))
        chosen.append(best)
        left[best] = False
        likeness = np.maximum(likeness, of_items @ of_items[best])
    return items[chosen]


def dissimilarity(lists: Integers, vectors: Floats) -> float:
    """Return the mean over lists of 1 - cosine between their pairs of items (-1 is no item)."""
    means = []
    for items in lists:
        of_items = _unit(vectors[items[items >= 0]])
        n = len(of_items)
        if n > 1:
            alike = (float((of_items @ of_items.T).sum()) - n) / (n * (n - 1))
            means.append(1.0 - alike)
    return float(np.mean(means)) if means else 0.0


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))
