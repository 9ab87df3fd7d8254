"""Every source scores as its paper says, and its parts add up to its score."""

import numpy as np
import pytest
from scipy import sparse

from embedhub.recommend.ease import EaseSetting, fit_ease
from embedhub.recommend.ials import IalsSetting, fit_ials
from embedhub.recommend.interactions import Interactions, histories, recency_weights
from embedhub.recommend.neighbors import fit_conditional, fit_cosine, strongest
from embedhub.recommend.popularity import popularity
from embedhub.recommend.sources import Content, Factors, Neighbors, Prior, Source
from tests.recommend.taste import GROUP_ITEMS, tastes

EVENTS = tastes()
SEEN = histories(EVENTS)


def test_ease_is_the_least_squares_solution_without_a_diagonal() -> None:
    weights = fit_ease(SEEN, EaseSetting(5.0, 0.0, 0.0)).astype(float)

    matrix = SEEN.toarray()
    gradient = matrix.T @ (matrix @ weights - matrix) + 5.0 * weights
    off_diagonal = gradient - np.diag(np.diag(gradient))
    assert np.abs(off_diagonal).max() < 1e-3
    assert not np.diag(weights).any()


def test_ease_without_a_penalty_on_items_nobody_has_is_refused() -> None:
    with pytest.raises(ValueError, match="penalty must be above 0"):
        fit_ease(sparse.csr_array((3, 3)), EaseSetting(0.0))


def test_a_folded_in_user_is_where_the_loss_of_ials_is_least() -> None:
    setting = IalsSetting(penalty=0.02, unseen=0.2, factors=6, sweeps=4)
    fitted = fit_ials(SEEN, setting)
    history = histories(EVENTS, recency_weights(EVENTS, 5.0))[[4]]
    weights, items = history.data, history.indices

    user = fitted.fold_in(history)[0]

    def loss(at: np.ndarray) -> float:
        scores = fitted.items @ at
        penalty = setting.penalty * (weights.sum() + setting.unseen * len(scores))
        observed = (weights * (1 - scores[items]) ** 2).sum()
        return float(observed + setting.unseen * (scores**2).sum() + penalty * (at @ at))

    nudges = np.random.default_rng(1).normal(0, 1e-2, (20, 6))
    assert all(loss(user) < loss(user + nudge) for nudge in nudges)


def test_ials_is_the_same_for_the_same_seed_and_knows_the_groups() -> None:
    setting = IalsSetting(0.02, 0.2, factors=6, sweeps=6)
    one, other = fit_ials(SEEN, setting), fit_ials(SEEN, setting)

    assert np.array_equal(one.items, other.items)
    of_first_group = Factors(one).scores(SEEN)[0]
    assert of_first_group[:GROUP_ITEMS].mean() > of_first_group[GROUP_ITEMS:].mean()


def test_neighbours_are_counted_users_of_both() -> None:
    seen = sparse.csr_array(np.array([[1.0, 1, 0], [1, 1, 0], [1, 0, 1], [0, 0, 0]]))

    assert fit_cosine(seen).toarray()[0, 1] == pytest.approx(2 / np.sqrt(3 * 2))
    assert fit_conditional(seen, shrinkage=1.0).toarray()[0, 1] == pytest.approx(2 / (3 + 1))
    assert not fit_cosine(seen).toarray().diagonal().any()


def test_the_strongest_weights_are_kept_with_their_signs() -> None:
    weights = np.array([[0.1, -0.9, 0.5], [0.0, 0.0, 0.2], [0.3, 0.2, 0.1]])

    for given in (weights, sparse.csr_array(weights)):
        kept = strongest(given, 2).toarray()
        assert np.allclose(kept, [[0, -0.9, 0.5], [0, 0, 0.2], [0.3, 0.2, 0]])


def test_popularity_halves_with_its_half_life() -> None:
    events = Interactions(
        np.array([0, 1, 2]), np.array([0, 1, 1]), np.ones(3), np.array([0.0, 0, 86_400]), 3, 3
    )

    assert popularity(events).tolist() == [1, 2, 0]
    assert popularity(events, half_life_days=1.0).tolist() == [0.5, 1.5, 0]


def content() -> np.ndarray:
    vectors = np.random.default_rng(2).normal(size=(EVENTS.n_items, 8))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@pytest.mark.parametrize(
    "source",
    [
        Neighbors(strongest(fit_ease(SEEN, EaseSetting(5.0)), 20)),
        Neighbors(strongest(fit_cosine(SEEN), 20)),
        Factors(fit_ials(SEEN, IalsSetting(0.02, 0.2, factors=6, sweeps=3))),
        Content(content()),
    ],
    ids=["ease", "cosine", "ials", "content"],
)
def test_what_items_of_a_history_add_sums_to_the_score(source: Source) -> None:
    history = histories(EVENTS, recency_weights(EVENTS, 5.0))[[7]]

    parts = source.parts(history.data, history.indices)

    assert np.allclose(parts.sum(axis=0), source.scores(history)[0], atol=1e-6)


def test_a_prior_is_the_same_for_everyone_and_no_part_of_any_history() -> None:
    prior = Prior(np.array([1.0, 2.0]))

    assert prior.scores(sparse.csr_array((2, 2))).tolist() == [[1, 2], [1, 2]]
    assert not prior.parts(np.ones(1), np.array([0])).any()
