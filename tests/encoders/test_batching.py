"""Batches keep every text, waste little on padding and stay within the budget."""

from hypothesis import given
from hypothesis import strategies as st

from embedhub.encoders.batching import padded, token_budget_batches


@given(st.lists(st.integers(0, 300), max_size=200), st.integers(1, 2_000))
def test_batches_hold_every_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = token_budget_batches(lengths, budget)
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[p] for p in batch) <= budget


def test_texts_of_like_length_stand_together() -> None:
    batches = token_budget_batches([3, 200, 4, 198, 5, 199], 600)
    assert batches == [[1, 5, 3], [4, 2, 0]]


def test_padding_stands_on_the_side_the_network_wants() -> None:
    ids, mask = padded([[7, 8], [9]], pad_id=0, pad_left=False)
    assert (ids.tolist(), mask.tolist()) == ([[7, 8], [9, 0]], [[1, 1], [1, 0]])
    ids, mask = padded([[7, 8], [9]], pad_id=5, pad_left=True)
    assert (ids.tolist(), mask.tolist()) == ([[7, 8], [5, 9]], [[1, 1], [0, 1]])
