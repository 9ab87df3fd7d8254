"""How well passages answer a question, from 0 to 1: what decides between an answer and none; pure.

One passage has to bear it all: it holds the question's words (rare ones weigh more), some of them
near each other, and a sentence near the question in words and in meaning. Words here and a near
sentence there, each of another passage, are what every collection has about its own subject.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Passages that may hold the answer.
N_READ = 5
# Words of a pair this many words apart still say something together.
NEAR_WORDS = 4


@dataclass(frozen=True, slots=True)
class PassageTraits:
    """What one passage has of an answer, each about 0 to 1.

    `words` is the share of the question's words that it holds, other forms of them counting a
    little less, `near` that of the question's neighbouring words which stand near each other in it.
    `sentence_words` and `sentence_cosine` are those of the sentence where both together are most;
    the cosine is None without an encoder.
    """

    words: float
    near: float
    sentence_words: float
    sentence_cosine: float | None


@dataclass(frozen=True, slots=True)
class Traits:
    """What evidence is made of: the best passages, and how many different words the question has.

    Long questions need more: it serves manuals and paragraphs with one threshold.
    """

    passages: tuple[PassageTraits, ...]
    n_words: int


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic scale: evidence is 0.5 at the threshold."""

    words: float
    near: float
    sentence_words: float
    sentence_cosine: float
    log_words: float
    threshold: float


# Chosen on half of the judged questions and on other texts (docs/decisions/evidence.md).
BY_MEANING = Weights(
    words=1.1,
    near=0.1,
    sentence_words=0.65,
    sentence_cosine=0.85,
    log_words=-0.25,
    threshold=0.62,
)
BY_WORDS = Weights(
    words=1.3,
    near=0.15,
    sentence_words=0.9,
    sentence_cosine=0.0,
    log_words=-0.2,
    threshold=0.435,
)
SCALE = 5.0


def evidence(traits: Traits) -> float:
    """Return the evidence for an answer, 0 to 1; 0 where nothing was read."""
    if not traits.passages:
        return 0.0
    has_meaning = any(one.sentence_cosine is not None for one in traits.passages)
    weights = BY_MEANING if has_meaning else BY_WORDS
    total = max(borne(one, weights) for one in traits.passages)
    total += weights.log_words * math.log1p(traits.n_words)
    return 1 / (1 + math.exp(-SCALE * (total - weights.threshold)))


def borne(one: PassageTraits, weights: Weights) -> float:
    """Return what a passage bears of an answer."""
    return (
        weights.words * one.words
        + weights.near * one.near
        + weights.sentence_words * one.sentence_words
        + weights.sentence_cosine * (one.sentence_cosine or 0.0)
    )


def coverage(wanted: Mapping[str, float], held: frozenset[str]) -> float:
    """Return the share of the wanted words that a text holds, by their weights; 0 of none."""
    total = sum(wanted.values())
    return sum(weight for word, weight in wanted.items() if word in held) / total if total else 0.0


def nearness(asked: Sequence[str], told: Sequence[str]) -> float:
    """Return the share of the neighbouring words of a question that stand near in a text."""
    pairs = {(left, right) for left, right in itertools.pairwise(asked) if left != right}
    if not pairs:
        return 0.0
    places: dict[str, list[int]] = {}
    for place, word in enumerate(told):
        places.setdefault(word, []).append(place)
    near = sum(
        any(abs(i - j) <= NEAR_WORDS for i in places.get(left, ()) for j in places.get(right, ()))
        for left, right in pairs
    )
    return near / len(pairs)
