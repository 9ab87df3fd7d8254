"""Scoring some rows, or a text that is not stored, by a profile that was fitted before; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedhub.anomalies import lexical, nearness, surface
from embedhub.anomalies.fitting import LABEL_ROWS
from embedhub.anomalies.fusion import COMPANY_ROWS, SIGNALS, Signal, fuse, place_of
from embedhub.anomalies.lexical import Bags
from embedhub.anomalies.profile import Landmarks, Profile

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of the stored rows near those that are judged, by their ids.

    `distances` are their mean distances to their own neighbors; `elsewhere` is the share of all
    rows that came at other times than those that are judged.
    """

    looks_tails: Mapping[int, float]
    labels: Mapping[int, str]
    arrived_s: Mapping[int, float]
    distances: Mapping[int, float]
    elsewhere: float = 1.0


@dataclass(frozen=True, slots=True)
class Given:
    """Rows to judge: texts, languages, labels, arrivals; vectors and neighbors if they have any.

    `neighbor_ids` and `similarities` are (n, k), -1 for none; `own_ids` -1 of texts not stored.
    """

    texts: Sequence[str]
    languages: Sequence[str]
    labels: Sequence[str | None]
    arrived_s: Sequence[float]
    own_ids: Sequence[int]
    vectors: NDArray[np.float32] | None
    neighbor_ids: NDArray[np.int64]
    similarities: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows with their signals' values and tail shares, normal scores of features, and scores."""

    values: Floats
    tails: Floats
    looks: Floats
    scores: Floats
    bags: Bags
    n_same: NDArray[np.int64]


def judge(profile: Profile, given: Given, around: Around) -> Judged:
    """Return how much of what is usual rows are."""
    words = [lexical.words_of(text) for text in given.texts]
    bags = lexical.bags_of(words)
    pairs = zip(given.texts, words, strict=True)
    own = np.array([surface.features(*pair) for pair in pairs]).reshape(-1, surface.N_OWN)
    features = profile.all_features(own, bags, given.languages)
    values = np.full((len(given.texts), len(SIGNALS)), np.nan)
    looks = profile.looks.scores(features)
    values[:, place_of(Signal.LOOKS)] = profile.looks.lengths(looks)
    values[:, place_of(Signal.WORDS)] = _word_values(profile, bags, given.own_ids)
    n_same = np.zeros(len(given.texts), dtype=np.int64)
    if given.vectors is not None and profile.landmarks is not None:
        n_same = _by_vectors(values, given.vectors, profile.landmarks, given, around)
    tails = profile.tails(values)
    return Judged(values, tails, looks, fuse(tails), bags, n_same)


def _word_values(profile: Profile, bags: Bags, own_ids: Sequence[int]) -> Floats:
    weights = profile.vocabulary.weights(bags)
    found = np.empty((len(bags), profile.words.n_rows))
    for row, (start, stop) in enumerate(
        zip(bags.starts[:-1].tolist(), bags.starts[1:].tolist(), strict=True)
    ):
        found[row] = profile.words.similarities(bags.buckets[start:stop], weights[start:stop])
        found[row, profile.sample_ids == own_ids[row]] = -1.0
    return lexical.mean_distances(found, lexical.K)


def _by_vectors(
    values: Floats,
    vectors: NDArray[np.float32],
    landmarks: Landmarks,
    given: Given,
    around: Around,
) -> NDArray[np.int64]:
    known = given.neighbor_ids >= 0
    similar = vectors @ landmarks.sample.T
    similar[np.array(given.own_ids)[:, None] == landmarks.ids[None, :]] = -2.0
    near = nearness.near_distances(given.similarities, known)
    # A vector of zeros stands for a text without anything to encode.
    is_there = np.linalg.norm(vectors, axis=1) > 0.5
    n_same = np.zeros(len(values), dtype=np.int64)
    columns = {
        Signal.NEAR: near,
        Signal.FAR: nearness.ranked_distances(similar),
        Signal.TOPIC: nearness.topic_distances(vectors, landmarks.topics),
        Signal.CENTROID: 1.0 - vectors @ landmarks.mean,
        Signal.COMPANY: np.full(len(values), np.nan),
        Signal.LABEL: np.full(len(values), np.nan),
        Signal.RATIO: np.full(len(values), np.nan),
        Signal.BURST: np.zeros(len(values)),
    }
    for row, ids in enumerate(given.neighbor_ids.tolist()):
        near_ids = [one for one in ids if one >= 0]
        columns[Signal.COMPANY][row] = _company(near_ids, around)
        columns[Signal.LABEL][row] = _disagreement(given.labels[row], near_ids, around)
        columns[Signal.RATIO][row] = _ratio(float(near[row]), near_ids, around)
        n_same[row] = _same(given, row, around)
        columns[Signal.BURST][row] = n_same[row] * around.elsewhere
    for signal, column in columns.items():
        values[:, place_of(signal)] = np.where(is_there, column, np.nan)
    return n_same


def _company(near_ids: Sequence[int], around: Around) -> float:
    known = around.looks_tails
    tails = [known[one] for one in near_ids[:COMPANY_ROWS] if one in known]
    return float(-np.log(tails).mean()) if tails else float("nan")


def _disagreement(label: str | None, near_ids: Sequence[int], around: Around) -> float:
    found = [around.labels[one] for one in near_ids[:LABEL_ROWS] if one in around.labels]
    if label is None or not found:
        return float("nan")
    return sum(one != label for one in found) / len(found)


def _ratio(distance: float, near_ids: Sequence[int], around: Around) -> float:
    found = [around.distances[one] for one in near_ids if one in around.distances]
    return distance / max(float(np.mean(found)), 0.01) if found else float("nan")


def _same(given: Given, row: int, around: Around) -> int:
    """Return how many neighbors say the same and came within an hour of a row."""
    moment = given.arrived_s[row]
    return sum(
        similarity >= nearness.SAME
        and abs(around.arrived_s.get(one, -np.inf) - moment) <= nearness.BURST_S
        for one, similarity in zip(
            given.neighbor_ids[row].tolist(), given.similarities[row].tolist(), strict=True
        )
        if one >= 0
    )
