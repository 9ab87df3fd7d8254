"""What a classifier sees of a row: its vector, and if wanted the words of its text; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

# Unit vectors of related texts differ by little; times this, one regularisation suits both blocks.
WORD_WEIGHT = 1.0
MAX_TERMS = 20_000
# Coefficients of words, terms × labels: fitting one takes about 160 bytes, storing it 2.
MAX_COEFFICIENTS = 2_000_000
FEWEST_TERMS = 500
NGRAMS = (1, 2)


@dataclass(frozen=True)
class Features:
    """Rows of unit vectors, and of TF-IDF weights of words or None; as many rows each."""

    vectors: Floats
    words: sparse.csr_array | None = None

    def __len__(self) -> int:
        return len(self.vectors)

    def rows(self, at: Any) -> "Features":
        """Return these rows alone."""
        return Features(self.vectors[at], None if self.words is None else self.words[at])

    @property
    def blocks(self) -> tuple[Any, ...]:
        """Return the blocks of columns from left to right."""
        return (self.vectors,) if self.words is None else (self.vectors, self.words)

    @property
    def width(self) -> int:
        """Return how many columns there are together."""
        return sum(block.shape[1] for block in self.blocks)

    def times(self, coefficients: Floats) -> Floats:
        """Return the product with a matrix of `width` rows."""
        found = np.zeros((len(self), coefficients.shape[1]), np.float32)
        for block, part in self._parts(coefficients):
            found += block @ part
        return found

    def transposed_times(self, rows: Floats) -> Floats:
        """Return the product of the transposed columns with a matrix of as many rows."""
        parts = [np.asarray(block.T @ rows, np.float32) for block in self.blocks]
        return np.concatenate(parts)

    def _parts(self, coefficients: Floats) -> Iterator[tuple[Any, Floats]]:
        start = 0
        for block in self.blocks:
            yield block, coefficients[start : start + block.shape[1]]
            start += block.shape[1]


@dataclass(frozen=True)
class Words:
    """The words and pairs of words that a classifier knows, and how rare each is."""

    terms: tuple[str, ...]
    idf: Floats

    def weigh(self, texts: Sequence[str]) -> sparse.csr_array:
        """Return TF-IDF rows of unit length (times `WORD_WEIGHT`); 0 where no word is known."""
        if not self.terms:
            return sparse.csr_array((len(texts), 0), dtype=np.float32)
        vectorizer = _vectorizer(vocabulary=list(self.terms))
        vectorizer.idf_ = self.idf.astype(np.float64)
        return _weighted(vectorizer.transform(texts))


def learn_words(texts: Sequence[str], n_labels: int) -> Words:
    """Return the words and pairs that at least two of the texts hold, the most frequent first."""
    most = max(FEWEST_TERMS, min(MAX_TERMS, MAX_COEFFICIENTS // max(n_labels, 1)))
    vectorizer = _vectorizer(max_features=most, min_df=min(2, max(len(texts), 1)))
    try:
        vectorizer.fit(texts)
    except ValueError:
        # Texts without a single word that two of them share.
        return Words((), np.empty(0, np.float32))
    terms = tuple(str(term) for term in vectorizer.get_feature_names_out())
    return Words(terms, vectorizer.idf_.astype(np.float32))


def _vectorizer(**wanted: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        ngram_range=NGRAMS,
        sublinear_tf=True,
        strip_accents="unicode",
        token_pattern=r"(?u)\b\w+\b",  # noqa: S106 - a pattern of words
        dtype=np.float32,
        **wanted,
    )


def _weighted(rows: Any) -> sparse.csr_array:
    return sparse.csr_array(rows, dtype=np.float32) * np.float32(WORD_WEIGHT)
