"""Fitting what is usual to all rows, and scoring them by it; pure.

While it computes nothing is read or written: rows and their neighbors come as arrays.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedhub.anomalies import nearness
from embedhub.anomalies.calibration import quantile_grid, tail_shares
from embedhub.anomalies.fusion import (
    SIGNALS,
    Signal,
    company_of,
    fence_of,
    fuse,
    place_of,
    rows_per_day,
)
from embedhub.anomalies.lexical import Bags, Sample, Vocabulary, sample_of, word_distances
from embedhub.anomalies.profile import Landmarks, Profile, all_features
from embedhub.anomalies.surface import N_COMMON, Looks, usual_looks

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Vectors = NDArray[np.float32]
Tell = Callable[[int, int], None]

# Up to so many rows each is compared with all others; of more, with a sample. A larger sample
# takes as much longer, and as much more memory in every process that scores.
ALL_ROWS, SAMPLE_ROWS = 10_000, 4_000
N_TOPICS = 8
# Nearest rows whose labels are asked.
LABEL_ROWS = 10
SEED = 7
# Where nearly all rows have a copy, being a copy still is not the measure of resembling.
MOST_USUAL = 0.9


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows, by id: features of their texts, words, languages, times of arrival, labels.

    `ids` are theirs. Labels are numbers, -1 for none. Rows that are not usual are confirmed
    anomalies: they are scored, but make nothing usual.
    """

    ids: Places
    features: Floats
    bags: Bags
    languages: list[str]
    arrived_s: Floats
    labels: Places
    is_usual: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, slots=True)
class Neighborhood:
    """Neighbors of all rows by their places, -1 for none, and what vectors say of each row."""

    neighbors: Places
    similarities: NDArray[np.float32]
    far: Floats
    topic: Floats
    centroid: Floats
    landmarks: Landmarks


@dataclass(frozen=True, slots=True)
class Fitted:
    """A profile with the tail shares and the score of every row it was fitted to.

    `values` are those of the signals; `n_same` says how many near rows said the same at that time.
    """

    profile: Profile
    values: Floats
    tails: Floats
    scores: Floats
    n_same: Places


def sample_places(is_usual: NDArray[np.bool_]) -> Places:
    """Return the places of the rows that others are compared with, in order."""
    usual = np.flatnonzero(is_usual)
    if len(usual) <= ALL_ROWS:
        return usual
    chosen = np.random.default_rng(SEED).choice(usual, SAMPLE_ROWS, replace=False)
    return np.sort(chosen)


def own_places(n_rows: int, sample: Places) -> Places:
    """Return each row's place in a sample, -1 for none."""
    own = np.full(n_rows, -1, dtype=np.int64)
    own[sample] = np.arange(len(sample))
    return own


def landmarks_of(ids: Places, sample: Vectors) -> Landmarks:
    """Return the landmarks of the unit vectors of a sample of rows."""
    mean = sample.mean(axis=0) if len(sample) else np.zeros(sample.shape[1], np.float32)
    return Landmarks(ids, sample, _topics_of(sample), _unit(mean[None, :])[0])


def _topics_of(sample: Vectors) -> Vectors:
    if len(sample) < 2 * N_TOPICS:
        return sample[:0]
    # It takes seconds to load: only who fits pays.
    from sklearn.cluster import MiniBatchKMeans

    found = MiniBatchKMeans(N_TOPICS, n_init=3, random_state=SEED, batch_size=2_048).fit(sample)
    return _unit(found.cluster_centers_.astype(np.float32))


def _unit(rows: Vectors) -> Vectors:
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return np.asarray(rows / lengths, dtype=np.float32)


def measure(
    n_rows: int,
    blocks: Iterable[tuple[Places, Vectors]],
    landmarks: Landmarks,
    own: Places,
) -> tuple[Floats, Floats, Floats]:
    """Return far, topic and centroid distances of rows whose vectors come in blocks of places."""
    far, topic, centroid = (np.full(n_rows, np.nan) for _ in range(3))
    for places, vectors in blocks:
        parts = list(nearness.far_distances(vectors, landmarks.sample, own[places]))
        far[places] = np.concatenate(parts) if parts else []
        topic[places] = nearness.topic_distances(vectors, landmarks.topics)
        centroid[places] = 1.0 - (vectors @ landmarks.mean)
    return far, topic, centroid


def fit(rows: Rows, near: Neighborhood | None, *, now_s: float, tell: Tell) -> Fitted:
    """Return what is usual among rows, at least one, and how much of it each row is.

    `tell` is called with how many rows were compared by words, of how many.
    """
    shares = _language_shares(rows)
    vocabulary = Vocabulary(rows.bags.document_frequencies(), len(rows))
    common = vocabulary.common(N_COMMON)
    features = all_features(rows.features, rows.bags, rows.languages, common, shares)
    usual = rows.is_usual if rows.is_usual.any() else np.ones(len(rows), dtype=bool)
    looks = usual_looks(features[usual])
    words, word_values, overlap = _words(rows, vocabulary, tell)
    values = np.full((len(rows), len(SIGNALS)), np.nan)
    values[:, place_of(Signal.WORDS)] = word_values
    values[:, place_of(Signal.LOOKS)] = looks.distances(features)
    n_same = np.zeros(len(rows), dtype=np.int64)
    if near is not None:
        n_same = _by_vectors(values, rows, near, usual)
    sample_ids = rows.ids[sample_places(rows.is_usual)]
    fixed = _Fixed(looks, vocabulary, common, shares, words, sample_ids, overlap)
    rate = rows_per_day(rows.arrived_s, now_s)
    return _calibrated(values, usual, n_same, fixed=fixed, near=near, rate=rate)


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What was found before any value was compared."""

    looks: Looks
    vocabulary: Vocabulary
    common: NDArray[np.int32]
    languages: dict[str, float]
    words: Sample
    sample_ids: Places
    overlap: float


def _calibrated(
    values: Floats,
    usual: NDArray[np.bool_],
    n_same: Places,
    *,
    fixed: _Fixed,
    near: Neighborhood | None,
    rate: float,
) -> Fitted:
    n_usual = int(usual.sum())
    grids = np.array([quantile_grid(values[usual, i]) for i in range(len(SIGNALS))])
    tails = np.column_stack(
        [tail_shares(grids[i], values[:, i], n_usual) for i in range(len(SIGNALS))]
    )
    scores = fuse(tails)
    profile = Profile(
        n_rows=n_usual,
        grids=grids,
        score_grid=quantile_grid(scores[usual]),
        fence=fence_of(scores[usual]),
        rows_per_day=rate,
        looks=fixed.looks,
        vocabulary=fixed.vocabulary,
        common=fixed.common,
        languages=fixed.languages,
        words=fixed.words,
        sample_ids=fixed.sample_ids,
        landmarks=None if near is None else near.landmarks,
        usual_similarity=_usual_similarity(near),
        usual_overlap=fixed.overlap,
    )
    return Fitted(profile, values, tails, scores, n_same)


def _by_vectors(values: Floats, rows: Rows, near: Neighborhood, usual: NDArray[np.bool_]) -> Places:
    """Fill in the values that neighbors and landmarks give; return how many say the same."""
    neighbors = near.neighbors
    counts = (neighbors >= 0) & usual[neighbors]
    distances = nearness.near_distances(near.similarities, counts)
    bursts, n_same = nearness.bursts(neighbors, near.similarities, rows.arrived_s)
    looks = values[:, place_of(Signal.LOOKS)]
    looks_tails = tail_shares(quantile_grid(looks[usual]), looks, int(usual.sum()))
    found = {
        Signal.NEAR: distances,
        Signal.FAR: near.far,
        Signal.COMPANY: company_of(looks_tails, neighbors),
        Signal.LABEL: nearness.label_disagreement(rows.labels, neighbors[:, :LABEL_ROWS]),
        Signal.BURST: bursts,
        Signal.RATIO: nearness.local_ratios(distances, neighbors),
        Signal.TOPIC: near.topic,
        Signal.CENTROID: near.centroid,
    }
    for signal, column in found.items():
        values[:, place_of(signal)] = column
    return n_same


def _words(rows: Rows, vocabulary: Vocabulary, tell: Tell) -> tuple[Sample, Floats, float]:
    """Return a sample's words, each row's distance to it, and how much rows usually share."""
    weights = vocabulary.weights(rows.bags)
    chosen = sample_places(rows.is_usual)
    bags = rows.bags.rows(chosen)
    sample = sample_of(bags, vocabulary.weights(bags))
    own = own_places(len(rows), chosen)
    parts: list[Floats] = []
    done = 0
    for part in word_distances(rows.bags, weights, sample, own):
        parts.append(part)
        done += len(part)
        tell(done, len(rows))
    distances = np.concatenate(parts)
    known = distances[np.isfinite(distances)]
    overlap = float(np.clip(1.0 - np.median(known), 0.0, MOST_USUAL)) if len(known) else 0.0
    return sample, distances, overlap


def _usual_similarity(near: Neighborhood | None) -> float:
    if near is None or not near.similarities.size:
        return 0.0
    first = near.similarities[:, 0]
    known = first[np.isfinite(first)]
    return float(np.clip(np.median(known), 0.0, MOST_USUAL)) if len(known) else 0.0


def _language_shares(rows: Rows) -> dict[str, float]:
    counts = Counter(rows.languages)
    return {language: n / len(rows) for language, n in counts.most_common()}
