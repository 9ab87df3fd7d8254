"""SAR (simple algorithm for recommendation), the self-check of the public protocol; pure.

Microsoft Recommenders' `SARSingleNode` as its MovieLens-100k comparison runs it (b02c95e2):
Jaccard similarity of co-occurrence with the diagonal kept, affinity of rating · 2^(-days/30).
"""

import numpy as np

from embedhub.recommend.interactions import Floats, Interactions, histories

DAY_S = 86_400.0


def sar_scores(events: Interactions, *, half_life_days: float = 30.0) -> Floats:
    """Return users × items scores. Needs times, in seconds."""
    if events.times is None:
        raise ValueError("SAR needs times")
    age_days = (events.times.max() - events.times) / DAY_S
    affinity = histories(events, events.values * 2.0 ** (-age_days / half_life_days))
    seen = histories(events)
    together = (seen.T @ seen).toarray()
    alone = np.diag(together)
    either = alone[:, None] + alone[None, :] - together
    similarity = np.divide(together, either, out=np.zeros_like(together), where=either > 0)
    return np.asarray(affinity @ similarity)
