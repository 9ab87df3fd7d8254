"""The words of a text against those of a sample of rows: TF-IDF neighbors, rare words; pure.

Words are hashed into buckets, so nothing has to keep a dictionary; two words that share one count
as the same.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedhub.search.analysis import prepare

Floats = NDArray[np.float64]

N_BUCKETS = 1 << 18
# Neighbors whose words are looked at.
K = 32
# Rows compared with the sample at once.
BLOCK = 512
# What a long text says after so many words is left out.
MAX_WORDS = 5_000
WORD = re.compile(r"[^\W_]+")
# A word is rare that fewer than this share of the rows have, or no more than two of them.
RARE_SHARE = 0.001
RARE_ROWS = 2
SHOWN_WORDS = 12


def words_of(text: str) -> list[str]:
    """Return the words of a text in small letters; of scripts without spaces, their n-grams."""
    plain = text if text.isascii() else prepare(text)
    return WORD.findall(plain.lower())[:MAX_WORDS]


def bucket(word: str) -> int:
    """Return the bucket of a word."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass")) % N_BUCKETS


@dataclass(frozen=True, slots=True)
class Bags:
    """The words of rows: of row i the buckets and counts from starts[i] on to starts[i + 1]."""

    starts: NDArray[np.int64]
    buckets: NDArray[np.int32]
    counts: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def rows(self, places: NDArray[np.int64]) -> "Bags":
        """Return some rows, in the order asked."""
        lengths = np.diff(self.starts)[places]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        inside = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
        taken = np.repeat(self.starts[places], lengths) + inside
        return Bags(starts, self.buckets[taken], self.counts[taken])

    def shares_of(self, buckets: NDArray[np.int32]) -> Floats:
        """Return which share of each row's words is in these buckets; 0 of a row without words."""
        owners = np.repeat(np.arange(len(self)), np.diff(self.starts))
        totals = np.bincount(owners, weights=self.counts, minlength=len(self))
        is_in = np.isin(self.buckets, buckets)
        found = np.bincount(owners[is_in], weights=self.counts[is_in], minlength=len(self))
        return np.asarray(found / np.maximum(totals, 1.0), dtype=np.float64)

    def document_frequencies(self) -> NDArray[np.int32]:
        """Return of each bucket how many rows have a word in it."""
        return np.bincount(self.buckets, minlength=N_BUCKETS).astype(np.int32)


def bags_of(rows: Iterable[Sequence[str]]) -> Bags:
    """Return the bags of rows' words."""
    starts, buckets, counts = [0], [], []
    for words in rows:
        found = Counter(bucket(word) for word in words)
        buckets.append(np.fromiter(found.keys(), dtype=np.int32, count=len(found)))
        counts.append(np.fromiter(found.values(), dtype=np.float32, count=len(found)))
        starts.append(starts[-1] + len(found))
    none: list[Any] = [np.empty(0, dtype=np.int32)]
    return Bags(
        np.array(starts, dtype=np.int64),
        np.concatenate(buckets or none),
        np.concatenate(counts or none).astype(np.float32),
    )


def join_bags(parts: Sequence[Bags]) -> Bags:
    """Return the rows of several bags, one after the other."""
    if not parts:
        return bags_of([])
    lengths = np.concatenate([np.diff(part.starts) for part in parts])
    return Bags(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.concatenate([part.buckets for part in parts]),
        np.concatenate([part.counts for part in parts]),
    )


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How many rows have a word of each bucket, of so many rows."""

    frequencies: NDArray[np.int32]
    n_rows: int

    def weights(self, bags: Bags) -> NDArray[np.float32]:
        """Return the TF-IDF weights of rows, (1 + log count) x idf, each row of unit length."""
        idf = 1.0 + np.log((1.0 + self.n_rows) / (1.0 + self.frequencies[bags.buckets]))
        weights = (1.0 + np.log(bags.counts)) * idf
        lengths = np.diff(bags.starts)
        owners = np.repeat(np.arange(len(bags)), lengths)
        squares = np.bincount(owners, weights=weights**2, minlength=len(bags))
        norms = np.sqrt(np.maximum(squares, 1e-12))
        scaled: NDArray[np.float32] = (weights / np.repeat(norms, lengths)).astype(np.float32)
        return scaled

    def common(self, n: int) -> NDArray[np.int32]:
        """Return the buckets of the n words that the most rows have."""
        order = np.argsort(-self.frequencies, kind="stable")[:n]
        return np.sort(order[self.frequencies[order] > 0]).astype(np.int32)

    def rare_words(self, text: str) -> list[str]:
        """Return the rare words of a text as it writes them, the rarest first."""
        limit = max(RARE_ROWS, RARE_SHARE * self.n_rows)
        written: dict[str, str] = {}
        for found in WORD.finditer(text):
            word = found[0].lower()
            if len(word) > 1 and word not in written and len(written) < MAX_WORDS:
                written[word] = found[0]
        counted = [(int(self.frequencies[bucket(word)]), word) for word in written]
        rare = sorted((n, place, word) for place, (n, word) in enumerate(counted) if n <= limit)
        return [written[word] for _, _, word in rare[:SHOWN_WORDS]]


@dataclass(frozen=True, slots=True)
class Sample:
    """TF-IDF weights of some rows by bucket: bucket b has rows and weights from starts[b] on."""

    starts: NDArray[np.int32]
    rows: NDArray[np.int32]
    weights: NDArray[np.float32]
    n_rows: int

    def similarities(self, buckets: NDArray[np.int32], weights: NDArray[np.float32]) -> Floats:
        """Return the cosine of one row's words with every row of the sample."""
        found = np.zeros(self.n_rows)
        for place, weight in zip(buckets.tolist(), weights.tolist(), strict=True):
            part = slice(self.starts[place], self.starts[place + 1])
            # Within a bucket every row of the sample stands once.
            found[self.rows[part]] += weight * self.weights[part]
        return found


def sample_of(bags: Bags, weights: NDArray[np.float32]) -> Sample:
    """Return rows' weights by bucket."""
    order = np.argsort(bags.buckets, kind="stable")
    owners = np.repeat(np.arange(len(bags), dtype=np.int32), np.diff(bags.starts))
    counts = np.bincount(bags.buckets, minlength=N_BUCKETS)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return Sample(starts, owners[order], weights[order], len(bags))


def word_distances(
    bags: Bags, weights: NDArray[np.float32], sample: Sample, own: NDArray[np.int64]
) -> Iterable[Floats]:
    """Yield, block by block, each row's mean distance to its K nearest rows of the sample.

    `own` is each row's place in the sample, -1 for none: no row is its own neighbor.
    """
    # Loading it takes a moment, and only scans need it.
    from scipy import sparse

    shape = (N_BUCKETS, sample.n_rows)
    by_bucket = sparse.csr_array((sample.weights, sample.rows, sample.starts), shape=shape)
    for start in range(0, len(bags), BLOCK):
        stop = min(start + BLOCK, len(bags))
        part = slice(int(bags.starts[start]), int(bags.starts[stop]))
        rows = sparse.csr_array(
            (weights[part], bags.buckets[part], bags.starts[start : stop + 1] - part.start),
            shape=(stop - start, N_BUCKETS),
        )
        found = np.asarray((rows @ by_bucket).todense(), dtype=np.float64)
        inside = own[start:stop]
        places = np.flatnonzero(inside >= 0)
        found[places, inside[places]] = -1.0
        yield mean_distances(found, K)


def mean_distances(similarities: Floats, k: int) -> Floats:
    """Return 1 - the mean of the k highest similarities of each row; below 0 none is meant.

    Fewer than k there are all; NaN where there is none at all.
    """
    n = similarities.shape[1]
    if n > k:
        similarities = np.partition(similarities, n - k, axis=1)[:, n - k :]
    known = similarities >= 0
    counts = known.sum(axis=1)
    sums = np.where(known, similarities, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts > 0, 1.0 - sums / counts, np.nan)
