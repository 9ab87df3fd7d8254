"""What a text looks like, whatever it is about: lengths, characters, words; pure.

A text is judged by all its features together: their distance from what is usual, with regard to
which of them go together (Mahalanobis over normal scores; the scores, unlike the values, are not
at the mercy of a few wild rows).
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from embedhub.anomalies.calibration import normal_scores, quantile_grid

Floats = NDArray[np.float64]

# What follows says nothing new about how a text looks.
MAX_CHARS = 20_000
# A long text repeats more of its words: so many are looked at.
WORDS_OF_RATIO = 100
# Added to the correlations' diagonal: features of which one follows from others are no miracle.
RIDGE = 0.05
URL = re.compile(
    r"(?:https?://|www\.)\S+|\S+@\S+\.\w+|\b[a-z0-9-]+\.(?:com|net|org|co|info|biz|io)\b",
    re.IGNORECASE,
)
# name, and what a high and a low value of it are called
FEATURES = (
    ("length", "long", "short"),
    ("digits", "full of digits", "without digits"),
    ("capitals", "full of capitals", "without capitals"),
    ("punctuation", "full of signs", "without signs"),
    ("foreign_letters", "in letters that are rare here", "in plain letters"),
    ("spaces", "full of spaces", "without spaces"),
    ("different_words", "hardly repeating a word", "repeating its words"),
    ("word_length", "of long words", "of short words"),
    ("addresses", "full of web or mail addresses", "without addresses"),
    ("entropy", "of many different characters", "of few different characters"),
    ("longest_word", "with a very long word", "without a long word"),
    ("common_words", "mostly of this collection's commonest words",
     "without this collection's commonest words"),
    ("language", "in a language that is rare here", "in the usual language"),
)  # fmt: skip
NAMES = tuple(name for name, _, _ in FEATURES)
# The last two are known only beside the other rows.
N_OWN = len(NAMES) - 2
# Words that the most rows have, which tell the language of a collection without knowing it.
N_COMMON = 100
# Of a hundred rows two are as high or as low.
REMARKABLE = 2.0
SMALL, CAPITAL, DIGIT, SPACE, SIGN, FOREIGN = range(6)


def features(text: str, words: Sequence[str]) -> Floats:
    """Return those features that a text has by itself, in the order of NAMES.

    `words` are its words in small letters.
    """
    seen = text[:MAX_CHARS]
    n_chars = max(len(seen), 1)
    codes = np.frombuffer(seen.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    classes = np.bincount(character_classes()[np.minimum(codes, 0xFFFF)], minlength=6)
    n_letters = int(classes[SMALL] + classes[CAPITAL] + classes[FOREIGN])
    first = words[:WORDS_OF_RATIO]
    found = [
        math.log1p(len(text)),
        classes[DIGIT] / n_chars,
        classes[CAPITAL] / max(n_letters, 1),
        classes[SIGN] / n_chars,
        classes[FOREIGN] / n_chars,
        classes[SPACE] / n_chars,
        len(set(first)) / max(len(first), 1),
        sum(map(len, words)) / max(len(words), 1),
        sum(len(one[0]) for one in URL.finditer(seen)) / n_chars,
        entropy(codes),
        max(map(len, words), default=0),
    ]
    return np.array(found, dtype=np.float64)


def entropy(codes: NDArray[np.uint32]) -> float:
    """Return the entropy of a text's characters in bits; 0 of an empty one."""
    if not len(codes):
        return 0.0
    counts = np.unique(codes, return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


@lru_cache(maxsize=1)
def character_classes() -> NDArray[np.uint8]:
    """Return the class of every character of the basic plane; others count as its last one."""
    return np.array([_class_of(chr(code)) for code in range(0x10000)], dtype=np.uint8)


def _class_of(character: str) -> int:
    if character.isspace():
        return SPACE
    if character.isdigit():
        return DIGIT
    if not character.isalpha() and not unicodedata.category(character).startswith("M"):
        return SIGN
    if ord(character) > 0x7F:
        return FOREIGN
    return CAPITAL if character.isupper() else SMALL


@dataclass(frozen=True, slots=True)
class Looks:
    """What rows usually look like: quantiles of each feature, and which of them go together."""

    grids: Floats
    precision: Floats

    def scores(self, found: Floats) -> Floats:
        """Return the normal score of each feature: by how many deviations it is high or low."""
        columns = [normal_scores(grid, found[:, i]) for i, grid in enumerate(self.grids)]
        return np.column_stack(columns)

    def distances(self, found: Floats) -> Floats:
        """Return how far each row is from what is usual, of features (n, features)."""
        return self.lengths(self.scores(found))

    def lengths(self, scores: Floats) -> Floats:
        """Return the same of rows whose normal scores are known already."""
        squares = np.einsum("ij,jk,ik->i", scores, self.precision, scores)
        distances: Floats = np.sqrt(np.maximum(squares, 0.0))
        return distances


def usual_looks(found: Floats) -> Looks:
    """Return what is usual among the features of all rows, at least one."""
    grids = np.array([quantile_grid(found[:, i]) for i in range(found.shape[1])])
    plain = Looks(grids, np.eye(len(grids)))
    scores = plain.scores(found)
    covariance = (scores.T @ scores) / len(scores) + RIDGE * np.eye(len(grids))
    return Looks(grids, np.asarray(np.linalg.inv(covariance), dtype=np.float64))


def words_for(scores: Floats) -> list[str]:
    """Return what stands out most of one row's normal scores, in words."""
    order = np.argsort(-np.abs(scores), kind="stable")
    return [
        FEATURES[i][1] if scores[i] > 0 else FEATURES[i][2]
        for i in order[:3].tolist()
        if abs(scores[i]) >= REMARKABLE
    ]
