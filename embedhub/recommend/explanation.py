"""Why an item stands where it stands: its score parted into history, content and popularity; pure.

Every source is a sum over the history's items (iALS for the given history, Hu et al. 2008, section
5) or the same for everyone, and z-scores are linear in it. So the parts add up exactly. Each is
relative to the mean unseen item: an item with 0 in all is an average one.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from embedhub.recommend.blending import unseen_moments
from embedhub.recommend.interactions import Floats, Integers
from embedhub.recommend.recommender import POPULARITY, Recommender
from embedhub.recommend.sources import Source


@dataclass(frozen=True)
class Explanation:
    """The parts of one item's score.

    `by_item` is what each item of the history adds by behaviour, in the order of `history`;
    `content` what all of them add by their texts; `by_source` the same score by source.
    """

    item: int
    score: float
    history: Integers
    by_item: Floats
    content: float
    popularity: float
    by_source: dict[str, float]


def explain(
    recommender: Recommender,
    history: sparse.csr_array,
    items: Integers,
    *,
    seen: sparse.csr_array | None = None,
    content: str = "content",
) -> list[Explanation]:
    """Return the parts of the scores of `items` for one history (1 × items).

    `by_item`, `content` and `popularity` add up to `score`, and so does `by_source`.
    """
    left_out = history if seen is None else seen
    known = history.indices
    blend = recommender.weights_for(len(known))
    by_item = np.zeros((len(known), len(items)))
    by_content = np.zeros(len(items))
    prior = np.zeros(len(items))
    by_source = {}
    for name, weight in blend.items():
        if not weight:
            continue
        parts, constant = _standardized(recommender.sources[name], history, left_out, items)
        by_source[name] = weight * (parts.sum(axis=0) + constant)
        if name == POPULARITY:
            prior += by_source[name]
        elif name == content:
            by_content += by_source[name]
        else:
            by_item += weight * parts
    scores = np.sum(list(by_source.values()), axis=0)
    return [
        Explanation(
            item=int(item),
            score=float(scores[at]),
            history=known,
            by_item=by_item[:, at],
            content=float(by_content[at]),
            popularity=float(prior[at]),
            by_source={name: float(of_items[at]) for name, of_items in by_source.items()},
        )
        for at, item in enumerate(items)
    ]


def _standardized(
    source: Source,
    history: sparse.csr_array,
    seen: sparse.csr_array,
    items: Integers,
) -> tuple[Floats, Floats]:
    """Return history × items parts of a source's z-score, and what is the same for everyone."""
    scores = source.scores(history)
    _, deviations = unseen_moments(scores, seen)
    known = history.indices
    parts = source.parts(history.data, known) if len(known) else np.zeros((0, scores.shape[1]))
    unseen = np.ones(scores.shape[1], dtype=bool)
    unseen[seen.indices] = False
    n_unseen = max(int(unseen.sum()), 1)
    same = scores[0] - parts.sum(axis=0)
    parts = (parts - parts[:, unseen].sum(axis=1, keepdims=True) / n_unseen) / deviations[0]
    same = (same - same[unseen].sum() / n_unseen) / deviations[0]
    return parts[:, items], same[items]
