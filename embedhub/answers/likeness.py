"""Words of a question that a text holds in another form; pure.

Stemming leaves forms apart ("paleoclimatology", "paleoclimatologist"), and people mistype.
"""

import itertools
from collections.abc import Mapping
from functools import lru_cache

from embedhub.search.spelling import distance

# With the same beginning, and this much of the longer word.
MIN_STEM, MIN_STEM_SHARE = 5, 0.6
# With one error, and with two.
MIN_LETTERS, MIN_LETTERS_FOR_TWO = 5, 8
LIKE_BY_STEM, LIKE_BY_SPELLING = 0.7, 0.8
# Pairs that are remembered: the words of a collection's subject come again and again.
REMEMBERED = 65_536


def likeness(wanted: str, held: str) -> float:
    """Return how much of a word another one stands for: 1 the same, 0 another."""
    if wanted == held:
        return 1.0
    return _likeness(*sorted((wanted, held))) if wanted[:1] == held[:1] else 0.0


def held_share(wanted: Mapping[str, float], held: frozenset[str]) -> float:
    """Return the share of the wanted words that a text holds, in whatever form, by their weights.

    0 of none.
    """
    total = sum(wanted.values())
    found = sum(
        weight * (1.0 if word in held else max((likeness(word, one) for one in held), default=0.0))
        for word, weight in wanted.items()
    )
    return found / total if total else 0.0


@lru_cache(REMEMBERED)
def _likeness(one: str, other: str) -> float:
    short, long = sorted((len(one), len(other)))
    if short < MIN_LETTERS - 1 or not (one.isalpha() and other.isalpha()):
        return 0.0
    n_errors = 2 if long >= MIN_LETTERS_FOR_TWO else int(long >= MIN_LETTERS)
    if n_errors and long - short <= n_errors and distance(one, other) <= n_errors:
        return LIKE_BY_SPELLING
    pairs = zip(one, other, strict=False)
    n_same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return LIKE_BY_STEM if n_same >= max(MIN_STEM, MIN_STEM_SHARE * long) else 0.0
