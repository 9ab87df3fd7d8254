"""How well passages answer a question, from 0 to 1: what decides between an answer and none; pure.

Read are the words of the question that passages hold (rare ones weigh more), how near to each other
they stand, and how near passages and sentences lie to it in meaning; each beside what the passages
further down the list reach, because in a collection about one thing every passage is near.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Passages that may hold the answer, and those after them, which show what is usual here.
N_READ, N_USUAL = 5, 25
# Sentences whose words and cosines are averaged.
N_BEST = 3
# Words of a pair this many words apart still say something together.
NEAR_WORDS = 4


@dataclass(frozen=True, slots=True)
class Traits:
    """What evidence is made of, each about 0 to 1.

    `sentence_cosine`, `sentence_words` and `passage_words` are those of the best sentence and
    passage, `best_sentences` the mean of words and cosine together of the best three, `near` the
    share of the question's neighbouring words found near each other. `usual_cosine` and
    `usual_words` are what the list further down reaches. `n_words` counts the question's different
    words. Without an encoder `sentence_cosine` is None and the other cosines are 0.
    """

    sentence_cosine: float | None
    sentence_words: float
    passage_words: float
    best_sentences: float
    near: float
    usual_cosine: float
    usual_words: float
    n_words: int


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic scale: evidence is 0.5 at the threshold."""

    sentence_cosine: float
    sentence_words: float
    passage_words: float
    best_sentences: float
    near: float
    usual_cosine: float
    usual_words: float
    log_words: float
    threshold: float


# Chosen on half of the judged questions (docs/decisions/evidence.md).
BY_MEANING = Weights(
    sentence_cosine=1.45,
    sentence_words=2.2,
    passage_words=1.5,
    best_sentences=1.35,
    near=0.65,
    usual_cosine=-1.55,
    usual_words=-0.85,
    log_words=-0.2,
    threshold=2.43,
)
BY_WORDS = Weights(
    sentence_cosine=0.0,
    sentence_words=2.65,
    passage_words=1.35,
    best_sentences=1.95,
    near=1.0,
    usual_cosine=0.0,
    usual_words=-0.8,
    log_words=0.0,
    threshold=2.15,
)
SCALE = 2.0


def evidence(traits: Traits) -> float:
    """Return the evidence for an answer, 0 to 1."""
    weights = BY_WORDS if traits.sentence_cosine is None else BY_MEANING
    total = (
        weights.sentence_cosine * (traits.sentence_cosine or 0.0)
        + weights.sentence_words * traits.sentence_words
        + weights.passage_words * traits.passage_words
        + weights.best_sentences * traits.best_sentences
        + weights.near * traits.near
        + weights.usual_cosine * traits.usual_cosine
        + weights.usual_words * traits.usual_words
        + weights.log_words * math.log1p(traits.n_words)
    )
    return 1 / (1 + math.exp(-SCALE * (total - weights.threshold)))


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


def median(values: Sequence[float]) -> float:
    """Return the middle value, 0 of none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
