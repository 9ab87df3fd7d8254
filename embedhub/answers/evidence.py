"""How well passages answer a question, from 0 to 1: what decides between an answer and none; pure.

One passage has to bear it all: it holds the question's words (rare ones weigh more), some of them
near each other, a sentence with many of them, and sentences near the question in meaning. Words
here and a near sentence there, each of another passage, are what every collection has about its own
subject.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Passages that may hold the answer.
N_READ = 5
# Words of a pair this many words apart still say something together.
NEAR_WORDS = 4
# Sentences that say it together.
N_TOGETHER = 3


@dataclass(frozen=True, slots=True)
class PassageTraits:
    """What one passage has of an answer, each about 0 to 1.

    `plain` is what it bears at first sight (`borne`), about 0 to 2.6: the passage with most of it
    is judged. The others leave menus out and take words in another form for like: `words` is the
    share of the question's words that it holds, `near` that of the question's neighbouring words
    which stand near each other in it, `sentence_words` the share held by its best sentence.
    `meaning` is what its nearest sentences hold together of the question; None without an encoder.
    """

    plain: float
    words: float
    near: float
    sentence_words: float
    meaning: float | None


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
    meaning: float
    log_words: float
    threshold: float


# Chosen on half of the judged questions and on other texts (docs/decisions/evidence.md).
BY_MEANING = Weights(
    words=1.0,
    near=0.2,
    sentence_words=0.75,
    meaning=0.8,
    log_words=-0.08,
    threshold=0.975,
)
BY_WORDS = Weights(
    words=1.0,
    near=0.35,
    sentence_words=0.9,
    meaning=0.0,
    log_words=-0.05,
    threshold=0.66,
)
# What a passage bears at first sight: its words, those of its best sentence, and that one's cosine.
PLAIN_WORDS, PLAIN_SENTENCE_WORDS, PLAIN_COSINE = 1.1, 0.65, 0.85
SCALE = 5.0


def evidence(traits: Traits) -> float:
    """Return the evidence for an answer, 0 to 1; 0 where nothing was read."""
    if not traits.passages:
        return 0.0
    best = max(traits.passages, key=lambda one: one.plain)
    weights = BY_WORDS if best.meaning is None else BY_MEANING
    total = (
        weights.words * best.words
        + weights.near * best.near
        + weights.sentence_words * best.sentence_words
        + weights.meaning * (best.meaning or 0.0)
        + weights.log_words * math.log1p(traits.n_words)
    )
    return 1 / (1 + math.exp(-SCALE * (total - weights.threshold)))


def borne(words: float, sentence_words: float, cosine: float | None) -> float:
    """Return what a passage bears of an answer at first sight: its words and its best sentence."""
    by_meaning = PLAIN_COSINE * (cosine or 0.0)
    return PLAIN_WORDS * words + PLAIN_SENTENCE_WORDS * sentence_words + by_meaning


def meaning_held(cosines: Sequence[float], vectors: NDArray[np.float32]) -> float:
    """Return what the sentences nearest to a question hold of its meaning together, 0 to 1.

    `cosines` (n,) are theirs to the question, `vectors` (n, d) of unit length: the length of the
    question's vector in the plane of the `N_TOGETHER` nearest ones.
    """
    nearest = np.argsort(-np.asarray(cosines))[:N_TOGETHER]
    along = np.asarray(cosines, dtype=np.float64)[nearest]
    told = np.asarray(vectors, dtype=np.float64)[nearest]
    return math.sqrt(max(0.0, float(along @ np.linalg.pinv(told @ told.T) @ along)))


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
