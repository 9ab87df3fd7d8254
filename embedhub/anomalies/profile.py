"""What is usual among the rows of a collection or catalog, fitted once and stored; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedhub.anomalies.calibration import LEVELS, tail_shares
from embedhub.anomalies.fusion import SIGNALS, Budget, Signal, place_of
from embedhub.anomalies.lexical import Bags, Sample, Vocabulary
from embedhub.anomalies.surface import Looks

Floats = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Vectors that others are compared with: of a sample of rows (`ids`), of topics, the mean."""

    ids: NDArray[np.int64]
    sample: NDArray[np.float32]
    topics: NDArray[np.float32]
    mean: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Profile:
    """Quantiles of every signal and what its values are made with.

    `landmarks` is None where rows have no vectors; `sample_ids` are the rows of `words`.
    `usual_similarity` is that of the median row with its nearest one, by vectors, and
    `usual_overlap` by words. A score has to exceed `fence` to stand out.
    """

    n_rows: int
    grids: Floats
    score_grid: Floats
    fence: float
    rows_per_day: float
    looks: Looks
    vocabulary: Vocabulary
    common: NDArray[np.int32]
    languages: Mapping[str, float]
    words: Sample
    sample_ids: NDArray[np.int64]
    landmarks: Landmarks | None
    usual_similarity: float
    usual_overlap: float

    def tails(self, values: Floats) -> Floats:
        """Return the tail shares of signals' values, both (n, signals)."""
        columns = [
            tail_shares(self.grids[i], values[:, i], self.n_rows) for i in range(len(SIGNALS))
        ]
        return np.column_stack(columns)

    def share_of(self, scores: Floats) -> Floats:
        """Return the share of rows whose score is at least as high."""
        return tail_shares(self.score_grid, scores, self.n_rows)

    def all_features(self, own: Floats, bags: Bags, languages: Sequence[str]) -> Floats:
        """Return rows' features with those that are known only beside the other rows."""
        return all_features(own, bags, languages, self.common, self.languages)

    def limit(self, share: float) -> float:
        """Return what a score has to exceed: of so large a share at most, if it stands out."""
        return _limit(self.fence, self.score_grid, share)

    def looks_tails(self, distances: Floats) -> Floats:
        """Return the tail shares of rows' looks."""
        return tail_shares(self.grids[place_of(Signal.LOOKS)], distances, self.n_rows)


def all_features(
    own: Floats,
    bags: Bags,
    languages: Sequence[str],
    common: NDArray[np.int32],
    shares: Mapping[str, float],
) -> Floats:
    """Return features with the share of common words and how rare the language is."""
    rarity = np.array([1.0 - shares.get(language, 0.0) for language in languages])
    return np.column_stack([own, bags.shares_of(common), rarity])


def to_stored(profile: Profile) -> tuple[dict[str, Any], Arrays]:
    """Return a profile as JSON and arrays."""
    facts = {
        "n_rows": profile.n_rows,
        "fence": profile.fence,
        "rows_per_day": profile.rows_per_day,
        "languages": dict(profile.languages),
        "usual_similarity": profile.usual_similarity,
        "usual_overlap": profile.usual_overlap,
        "signals": [signal.value for signal in SIGNALS],
        "with_vectors": profile.landmarks is not None,
        "score_grid": profile.score_grid.tolist(),
    }
    arrays: Arrays = {
        "grids": profile.grids,
        "looks.grids": profile.looks.grids,
        "looks.precision": profile.looks.precision,
        "frequencies": profile.vocabulary.frequencies,
        "common": profile.common,
        "sample_ids": profile.sample_ids,
        "words.starts": profile.words.starts,
        "words.rows": profile.words.rows,
        "words.weights": profile.words.weights,
    }
    if profile.landmarks is not None:
        # Half the size; cosines differ by less than a thousandth.
        arrays["landmarks.sample"] = profile.landmarks.sample.astype(np.float16)
        arrays["landmarks.ids"] = profile.landmarks.ids
        arrays["landmarks.topics"] = profile.landmarks.topics
        arrays["landmarks.mean"] = profile.landmarks.mean
    return facts | {"n_sample": profile.words.n_rows}, arrays


def limit_of(facts: Mapping[str, Any], budget: Budget) -> float:
    """Return what a score has to exceed by a stored profile and a budget."""
    share = budget.share_of(float(facts["rows_per_day"]))
    grid = np.array(facts["score_grid"], dtype=np.float64)
    return _limit(float(facts["fence"]), grid, share)


def _limit(fence: float, score_grid: Floats, share: float) -> float:
    return max(fence, float(np.interp(1.0 - share, LEVELS, score_grid)))


def from_stored(facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Profile:
    """Return a profile that was stored by `to_stored`."""
    landmarks = None
    if "landmarks.sample" in arrays:
        landmarks = Landmarks(
            arrays["landmarks.ids"],
            arrays["landmarks.sample"].astype(np.float32),
            arrays["landmarks.topics"],
            arrays["landmarks.mean"],
        )
    return Profile(
        n_rows=int(facts["n_rows"]),
        grids=arrays["grids"],
        score_grid=np.array(facts["score_grid"], dtype=np.float64),
        fence=float(facts["fence"]),
        rows_per_day=float(facts["rows_per_day"]),
        looks=Looks(arrays["looks.grids"], arrays["looks.precision"]),
        vocabulary=Vocabulary(arrays["frequencies"], int(facts["n_rows"])),
        common=arrays["common"],
        languages=dict(facts["languages"]),
        words=Sample(
            arrays["words.starts"],
            arrays["words.rows"],
            arrays["words.weights"],
            int(facts["n_sample"]),
        ),
        sample_ids=arrays["sample_ids"],
        landmarks=landmarks,
        usual_similarity=float(facts["usual_similarity"]),
        usual_overlap=float(facts["usual_overlap"]),
    )
