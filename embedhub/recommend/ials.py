"""iALS: implicit matrix factorisation by alternating least squares, with fold-in; pure.

Hu, Koren, Volinsky 2008, "Collaborative filtering for implicit feedback datasets", with the loss
and the frequency-scaled penalty of Rendle et al. 2021, "Revisiting the performance of iALS"
(arXiv:2110.14037): sum of w(1 - s)² over what was seen, `unseen` times s² over all pairs, and
penalty · (weight of the history + unseen · items) · |x|². Why not a library: see
docs/decisions/recommend-training.md.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from embedhub.recommend.interactions import Floats


@dataclass(frozen=True)
class IalsSetting:
    """`unseen` is alpha0, the weight of a pair without an interaction.

    With `values` what an event is worth is its weight in training, as in Hu et al.'s confidence.
    """

    penalty: float
    unseen: float
    values: bool = False
    factors: int = 48
    sweeps: int = 8
    seed: int = 7


@dataclass(frozen=True)
class ItemFactors:
    """items × factors, and what folding a history in needs."""

    items: Floats
    setting: IalsSetting

    def fold_in(self, history: sparse.csr_array) -> Floats:
        """Return users × factors for histories that may never have been trained on."""
        return _solve(history, self.items, self.setting)

    def system(self, weights: Floats, items: Floats) -> Floats:
        """Return the matrix A with A x = sum of weight · item, for one history."""
        everyone = self.setting.unseen * (self.items.T @ self.items)
        return _system(weights, items, everyone, len(self.items), self.setting)


def fit_ials(seen: sparse.csr_array, setting: IalsSetting) -> ItemFactors:
    """Return item factors after `sweeps` passes over users and items; repeatable by the seed."""
    rng = np.random.default_rng(setting.seed)
    by_item = sparse.csr_array(seen.T)
    deviation = 0.1 / np.sqrt(setting.factors)
    items = rng.normal(0.0, deviation, (seen.shape[1], setting.factors))
    for _ in range(setting.sweeps):
        users = _solve(seen, items, setting)
        items = _solve(by_item, users, setting)
    return ItemFactors(items, setting)


def _solve(rows: sparse.csr_array, fixed: Floats, setting: IalsSetting) -> Floats:
    everyone = setting.unseen * (fixed.T @ fixed)
    solved = np.zeros((rows.shape[0], setting.factors))
    for row in np.flatnonzero(np.diff(rows.indptr)):
        span = slice(rows.indptr[row], rows.indptr[row + 1])
        weights, known = rows.data[span], fixed[rows.indices[span]]
        system = _system(weights, known, everyone, len(fixed), setting)
        # Symmetric, so that its transpose is it in the order that LAPACK works on in place.
        _, solved[row], _ = linalg.lapack.dposv(system.T, weights @ known, overwrite_a=1)
    return solved


def _system(
    weights: Floats, known: Floats, everyone: Floats, n_fixed: int, setting: IalsSetting
) -> Floats:
    if (weights == weights[0]).all():
        # The product of a matrix with itself takes half as long.
        system = known.T @ known
        system *= weights[0]
    else:
        system = known.T @ (known * weights[:, None])
    system += everyone
    diagonal = system.reshape(-1)[:: len(system) + 1]
    diagonal += setting.penalty * (weights.sum() + setting.unseen * n_fixed)
    return np.asarray(system)
