"""Orders that depend on the other candidates: near-duplicates, diversity, a reranker; pure."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from embedhub.search.fusion import Ranked


def collapsed(
    ranked: Sequence[Ranked],
    likeness: NDArray[np.float32],
    threshold: float,
    *,
    n_shown: int = 0,
) -> list[Ranked]:
    """Return the candidates without those nearly the same as a better one, which is told of them.

    The first `n_shown` stand on an earlier list: they fold others but stay out of this one.
    `likeness` compares the first so many candidates, (n, n); those behind stay as they are.
    """
    leaders: list[int] = []
    folded: dict[int, list[Ranked]] = {}
    for at in range(len(likeness)):
        alike = likeness[at, leaders] if leaders else np.zeros(0, np.float32)
        if at >= n_shown and alike.size and float(alike.max()) >= threshold:
            folded.setdefault(leaders[int(alike.argmax())], []).append(ranked[at])
        else:
            leaders.append(at)
    kept = [*leaders, *range(len(likeness), len(ranked))]
    return [
        ranked[at]._replace(folded=tuple(folded[at])) if at in folded else ranked[at]
        for at in kept
        if at >= n_shown
    ]


def diversified(
    ranked: Sequence[Ranked], likeness: NDArray[np.float32], diversity: float, best: float
) -> list[Ranked]:
    """Return the candidates by maximal marginal relevance (Carbonell and Goldstein, 1998).

    One by one the candidate is taken whose score, less `diversity` times its likeness to the most
    alike one taken before, in best scores, is the largest: so the new scores fall.
    """
    left = list(range(len(ranked)))
    scores = np.array([one.score for one in ranked], dtype=np.float64)
    alike = np.zeros(len(ranked), dtype=np.float64)
    taken: list[Ranked] = []
    while left:
        marginal = scores[left] - diversity * best * alike[left]
        chosen = left.pop(int(marginal.argmax()))
        loss = diversity * best * float(alike[chosen])
        one = ranked[chosen]
        if loss:
            detail = f"{alike[chosen]:.2f} alike to a hit before it"
            one = one.adjusted("diversity", one.score - loss, detail)
        taken.append(one)
        alike = np.maximum(alike, likeness[chosen])
    return taken


def reranked(
    window: Sequence[Ranked], scores: Mapping[int, float], weight: float, name: str
) -> list[Ranked]:
    """Return the window by the reranker's scores, blended with the order before by `weight`.

    What came before is counted in parts of the window's best score. Chunks without a score, which
    came into the window while the reranker worked, count as not fitting at all.
    """
    best = max((abs(one.score) for one in window), default=0.0) or 1.0
    blended = []
    for one in window:
        found = scores.get(one.chunk_id)
        score = weight * (found or 0.0) + (1 - weight) * one.score / best
        shown = "no score" if found is None else f"{found:.4f}"
        blended.append(one.adjusted("rerank", score, f"{name}: {shown}, weight {weight:g}"))
    return sorted(blended, key=lambda one: (-one.score, one.chunk_id))


def behind(rest: Sequence[Ranked]) -> list[Ranked]:
    """Return candidates that a reranker did not read, in their order, with scores of at most 0."""
    highest = max((one.score for one in rest), default=0.0)
    if highest <= 0:
        return list(rest)
    detail = "beyond the candidates that the reranker reads"
    return [one.adjusted("not_reranked", one.score - highest, detail) for one in rest]


def pinned(pins: Sequence[Ranked], rest: Sequence[Ranked]) -> list[Ranked]:
    """Return the pinned candidates, in their order, before the rest; they score as the best."""
    highest = max((one.score for one in rest), default=0.0)
    on_top = [
        one.adjusted("pinned", max(one.score, highest), f"pinned, no. {number}")
        for number, one in enumerate(pins, start=1)
    ]
    return [*on_top, *rest]
