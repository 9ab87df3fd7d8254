"""How many pairs a threshold would take, and how many of them rightly; pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BINS = 20
# So many decisions weigh as much as what the score itself says of its pairs.
PRIOR = 4.0
Z = 1.96


@dataclass(frozen=True, slots=True)
class Band:
    """Pairs of about one score: from `least` to below `most`.

    `n_flagged` of them differ in a fact. `precision` is the share of duplicates among them, by
    decisions as far as there are any and by the score where there are none; `low` and `high` are
    its 95 % bounds by decisions alone, None without any.
    """

    least: float
    most: float
    n_pairs: int
    n_open: int
    n_automatic: int
    n_flagged: int
    n_confirmed: int
    n_dismissed: int
    precision: float
    low: float | None
    high: float | None


def bands_of(
    pairs: Sequence[tuple[int, str, bool, bool, int]],
    decided: Sequence[tuple[int, bool, int]],
    *,
    n_bins: int = BINS,
) -> list[Band]:
    """Return the bands of stored pairs, the lowest scores first.

    `pairs` are (bin, status, automatic, contradicted, n), `decided` (bin, were duplicates, n).
    """
    said: dict[tuple[int, bool], int] = {(place, yes): n for place, yes, n in decided}
    return [
        _band(
            place,
            n_bins,
            [row[1:] for row in pairs if row[0] == place],
            said.get((place, True), 0),
            said.get((place, False), 0),
        )
        for place in range(n_bins)
    ]


def _band(
    place: int,
    n_bins: int,
    pairs: Sequence[tuple[str, bool, bool, int]],
    n_confirmed: int,
    n_dismissed: int,
) -> Band:
    middle = (place + 0.5) / n_bins
    n_decided = n_confirmed + n_dismissed
    bounds = wilson(n_confirmed, n_decided)
    return Band(
        least=place / n_bins,
        most=(place + 1) / n_bins,
        n_pairs=sum(n for *_, n in pairs),
        n_open=sum(n for status, _, _, n in pairs if status == "open"),
        n_automatic=sum(n for _, is_automatic, _, n in pairs if is_automatic),
        n_flagged=sum(n for _, _, is_flagged, n in pairs if is_flagged),
        n_confirmed=n_confirmed,
        n_dismissed=n_dismissed,
        precision=(n_confirmed + PRIOR * middle) / (n_decided + PRIOR),
        low=None if bounds is None else bounds[0],
        high=None if bounds is None else bounds[1],
    )


def precision_above(bands: Sequence[Band], threshold: float) -> float | None:
    """Return the share of duplicates among pairs of at least this score, None of none.

    Pairs that differ in a fact are left out: none is taken without being asked about.
    """
    taken = [
        (band, (band.n_pairs - band.n_flagged) * _share_above(band, threshold)) for band in bands
    ]
    n_taken = sum(n for _, n in taken)
    return sum(band.precision * n for band, n in taken) / n_taken if n_taken else None


def _share_above(band: Band, threshold: float) -> float:
    """Return which share of a band's pairs is above a threshold, as if they were spread evenly."""
    share = (band.most - threshold) / (band.most - band.least)
    return max(0.0, min(1.0, share))


def wilson(n_yes: int, n: int) -> tuple[float, float] | None:
    """Return the 95 % bounds of a share by Wilson's score interval; None of none."""
    if not n:
        return None
    share, z2 = n_yes / n, Z * Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def threshold_for(bands: Sequence[Band], wished: float) -> float | None:
    """Return the lowest edge of a band above which so large a share are duplicates."""
    for band in bands:
        found = precision_above(bands, band.least)
        if found is not None and found >= wished:
            return band.least
    return None


def n_by_status(bands: Sequence[Band]) -> Mapping[str, int]:
    """Return how many pairs were decided, and how."""
    return {
        "confirmed": sum(band.n_confirmed for band in bands),
        "dismissed": sum(band.n_dismissed for band in bands),
    }
