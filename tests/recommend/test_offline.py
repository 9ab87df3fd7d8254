"""Offline evaluation: every user with something to find is judged once, over all items."""

import numpy as np
import pytest

from embedhub.recommend import offline
from embedhub.recommend.holdout import Order
from embedhub.recommend.protocols import Split, random_per_user
from embedhub.recommend.training import Plan, Trained, train
from tests.recommend.taste import GROUP_ITEMS, tastes

EVENTS = tastes(n_users=60)
SMALL = Plan(ease=Plan().ease[:1], ials=Plan().ials[:1], judged_users=60, holdouts=1)


@pytest.fixture(scope="module")
def split() -> Split:
    return random_per_user(EVENTS)


@pytest.fixture(scope="module")
def trained(split: Split) -> Trained:
    return train(split.train, order=Order.RANDOM, plan=SMALL)


def test_each_source_and_the_blend_are_measured(trained: Trained, split: Split) -> None:
    rows = offline.measure_sources(trained, split, k=5)
    assert [row.name for row in rows] == [*trained.recommender.sources, "default pipeline"]
    by_name = {row.name: row for row in rows}
    assert by_name["default pipeline"].metrics.ndcg > by_name["popularity"].metrics.ndcg
    for row in rows:
        assert row.metrics.users == 60
        assert row.diversity is not None
        assert 0 < row.metrics.coverage <= 1
    # One list for all but what each has seen: unlike ones are shown to nobody in particular.
    assert by_name["popularity"].metrics.coverage < by_name["default pipeline"].metrics.coverage


def test_lengths_part_the_users(trained: Trained, split: Split) -> None:
    rows = offline.measure_lengths(trained, split)
    assert sum(row.metrics.users for row in rows) == 60
    whole = offline.measure_sources(trained, split)[-1]
    mean = sum(row.metrics.ndcg * row.metrics.users for row in rows) / 60
    assert mean == pytest.approx(whole.metrics.ndcg)


def test_new_items_are_found_by_texts_that_tell_groups_apart(
    trained: Trained, split: Split
) -> None:
    rng = np.random.default_rng(4)
    texts = np.repeat(np.eye(2), GROUP_ITEMS, axis=0)
    content = np.hstack((texts, rng.normal(0, 0.05, (len(texts), 4))))
    content /= np.linalg.norm(content, axis=1, keepdims=True)
    cosine, mapped = offline.measure_new_items(split, content, trained.chosen)
    assert cosine.metrics.users == mapped.metrics.users > 0
    shuffled = offline.measure_new_items(split, rng.permutation(content), trained.chosen)[1]
    assert mapped.metrics.ndcg > shuffled.metrics.ndcg


def test_the_self_check_tells_another_protocol_apart(split: Split) -> None:
    timed = tastes(n_users=20, with_times=True)
    checked = offline.measure_self_check(random_per_user(timed))
    assert not offline.is_published(checked)
    with pytest.raises(ValueError, match="times"):
        offline.measure_self_check(split)
