"""What a new classifier has to be as good as before it predicts; pure."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a classifier may predict, and why (not), in words for people."""

    is_better: bool
    reason: str


def verdict(accuracy: float, baseline: float, n_checked: int, live: float | None) -> Verdict:
    """Return whether a classifier of this accuracy may predict in place of what there is.

    All are judged on the same rows, which none of them has seen. It has to beat the most frequent
    label. Against the live one, whose settings were chosen by chance too, a standard error is
    forgiven: what is as good knows newer labels.
    """
    error = float(np.sqrt(max(accuracy * (1 - accuracy), 0) / max(n_checked, 1)))
    words = f"{accuracy:.1%} right, against {baseline:.1%} by always saying the most frequent label"
    if live is not None:
        words += f" and {live:.1%} ± {error:.1%} by the live classifier"
    if accuracy <= baseline:
        return Verdict(is_better=False, reason=f"not better than the most frequent label: {words}")
    if live is not None and accuracy < live - error:
        return Verdict(is_better=False, reason=f"not as good as the live classifier: {words}")
    return Verdict(is_better=True, reason=words)
