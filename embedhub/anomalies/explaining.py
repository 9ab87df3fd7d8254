"""Why a row stands out, in records that people and programs read; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedhub.anomalies.fusion import SIGNALS, Signal, place_of
from embedhub.anomalies.surface import words_for

Floats = NDArray[np.float64]

# A signal is a reason if at most this share of the rows is as odd by it.
TOLD_SHARE = 0.05
# The fewest and the most reasons of a flag.
FEWEST, MOST = 1, 5
# Of a distance to many rows one says little; of the mean of all rows, only who asked for it hears.
UNTOLD = frozenset({Signal.CENTROID})
RARE_TOLD = 6


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one row: values and tail shares by signal, and what they were made of."""

    values: Floats
    tails: Floats
    looks: Floats
    rare_words: Sequence[str] = ()
    n_same: int = 0
    label: str | None = None
    confirmed: float = 0.0


def reasons_of(facts: Facts, *, by_centroid: float | None = None) -> list[dict[str, Any]]:
    """Return the evidence records of a row, the strongest first.

    Each holds the signal, its value, the share of rows that are at least as odd by it, that as a
    percentile, and words. `by_centroid` is the limit where a row was flagged by that alone.
    """
    found = [_record(signal, facts) for signal in SIGNALS if signal not in UNTOLD]
    known = [one for one in found if one is not None]
    known.sort(key=lambda one: one["share"])
    told = [one for one in known if one["share"] <= TOLD_SHARE][:MOST]
    told = told or known[:FEWEST]
    if facts.confirmed > 0:
        told.insert(0, _like_confirmed(facts))
    if by_centroid is not None:
        told.insert(0, _by_centroid(facts, by_centroid))
    return told


def _record(signal: Signal, facts: Facts) -> dict[str, Any] | None:
    place = place_of(signal)
    value, share = float(facts.values[place]), float(facts.tails[place])
    if not np.isfinite(value) or (signal is Signal.BURST and value <= 0):
        return None
    return {
        "signal": signal.value,
        "value": round(value, 4),
        "share": round(share, 6),
        "percentile": percentile_of(share),
        "words": f"{_words(signal, facts, value)} ({rarer_than(share)})",
    }


def percentile_of(share: float) -> float:
    """Return the percentile of a value that this share of the rows reaches."""
    return round(100.0 * (1.0 - share), 2)


def rarer_than(share: float) -> str:
    """Return in words how few rows are as odd."""
    if share >= 0.5:
        return "as most rows"
    n = round(1 / share)
    return f"more than {percentile_of(share):g} % of the rows, 1 in {n:,}"


def _words(signal: Signal, facts: Facts, value: float) -> str:
    rare = ", ".join(facts.rare_words[:RARE_TOLD])
    looks = ", ".join(words_for(facts.looks)) or "by all its features"
    own = f" than {facts.label!r}" if facts.label else ""
    return {
        Signal.NEAR: "Far from its nearest rows in meaning",
        Signal.FAR: "Far in meaning from any larger group of rows",
        Signal.WORDS: "Uses words that similar rows do not" + (f": {rare}" if rare else ""),
        Signal.LOOKS: f"Looks unusual: {looks}",
        Signal.COMPANY: "Its nearest rows look unusual too",
        Signal.LABEL: f"{value:.0%} of its nearest rows have another label{own}",
        Signal.BURST: f"One of {facts.n_same + 1} like rows that came within an hour",
        Signal.RATIO: f"{value:.1f} times as far from its nearest rows as these from theirs",
        Signal.TOPIC: "Far from every topic",
        Signal.CENTROID: "Far from the mean of all rows",
    }[signal]


def _like_confirmed(facts: Facts) -> dict[str, Any]:
    return {
        "signal": "confirmed",
        "value": round(facts.confirmed, 4),
        "share": None,
        "percentile": None,
        "words": f"Like a confirmed anomaly: {facts.confirmed:.0%} of the way to being the same",
    }


def _by_centroid(facts: Facts, limit: float) -> dict[str, Any]:
    value = float(facts.values[place_of(Signal.CENTROID)])
    share = float(facts.tails[place_of(Signal.CENTROID)])
    return {
        "signal": Signal.CENTROID.value,
        "value": round(value, 4),
        "share": round(share, 6),
        "percentile": percentile_of(share),
        "words": f"Its similarity to the mean of all rows is {1 - value:.2f}, below {limit:g}",
    }
