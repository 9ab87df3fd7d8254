"""Evidence of two records with fields: what the product compares, field by field, and rare words.

A line of a set is `COL name VAL words ...` TAB the other record TAB 1 for a match, else 0.
"""

import lzma
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedhub.duplicates.comparing import cosine_of
from embedhub.duplicates.evidence import compare
from embedhub.duplicates.scoring import SIGNALS, values_of
from embedhub.duplicates.traits import Traits, traits_of

FIELD = re.compile(r"COL (\w+) VAL")
# Models and part numbers: four characters and more with a digit, hyphens left out.
CODE = re.compile(r"(?=[a-z0-9/-]*\d)[a-z0-9][a-z0-9/-]{2,}[a-z0-9]")
FEWEST_CODE_CHARS, MOST_CODE_CHARS = 4, 10
FIELD_SIGNALS = ("words", "letters", "containment", "numbers")

Floats = NDArray[np.float64]
Match = tuple[str, str, bool]


def read_matches(folder: Path, split: str) -> list[Match]:
    """Return the pairs of a split with whether they match."""
    path = folder / f"{split}.txt"
    if path.is_file():
        text = path.read_text("utf-8")
    else:
        text = lzma.decompress((folder / f"{split}.txt.xz").read_bytes()).decode()
    rows = [line.split("\t") for line in text.split("\n") if line]
    return [(left, right, label == "1") for left, right, label in rows]


def fields_of(record: str) -> dict[str, str]:
    """Return the fields of a record by name."""
    parts = FIELD.split(record)[1:]
    return {name: words.strip() for name, words in zip(parts[::2], parts[1::2], strict=True)}


def whole(record: str) -> str:
    """Return all words of a record."""
    return " ".join(part.strip() for part in FIELD.split(record)[2::2]).strip()


@dataclass(frozen=True)
class Weighed:
    """Texts as vectors of rare words or letters, weighed by how rare they are in training."""

    rows: Any
    places: Mapping[str, int]

    def likeness(self, left: str, right: str) -> float:
        """Return the cosine of two of them."""
        one, other = self.rows[self.places[left]], self.rows[self.places[right]]
        return float(one.multiply(other).sum())


class Matcher:
    """The evidence of pairs of records; rarity is learned from the training records alone."""

    def __init__(
        self, records: Sequence[str], training: Sequence[str], vectors: NDArray[np.float32]
    ) -> None:
        self.first = next(iter(fields_of(records[0])))
        self.names = list(fields_of(records[0]))
        self.vectors = dict(zip(records, vectors, strict=True))
        self.traits = {one: traits_of(whole(one)) for one in records}
        self.fields = {one: self._traits_of_fields(one) for one in records}
        self.weighed = [
            weigh(records, training, whole, analyzer="word", token_pattern=r"\w+"),
            weigh(records, training, whole, analyzer="char_wb", ngram_range=(3, 4)),
            weigh(records, training, self._name, analyzer="char_wb", ngram_range=(2, 4)),
        ]

    def evidence(self, left: str, right: str) -> list[float]:
        """Return all signals of a pair of records, as many for each pair."""
        cosine = cosine_of(self.vectors[left], self.vectors[right])
        values = values_of(compare(self.traits[left], self.traits[right], cosine=cosine))
        found = [values.get(name, 0.0) for name in SIGNALS]
        found += [one.likeness(left, right) for one in self.weighed]
        for name in self.names:
            found += self._of_field(left, right, name)
        return [*found, *self._of_codes(left, right), *self._of_prices(left, right)]

    def _name(self, record: str) -> str:
        return fields_of(record).get(self.first, "")

    def _traits_of_fields(self, record: str) -> dict[str, Traits]:
        return {name: traits_of(words) for name, words in fields_of(record).items()}

    def _of_field(self, left: str, right: str, name: str) -> list[float]:
        one, other = self.fields[left].get(name), self.fields[right].get(name)
        if one is None or other is None or one.hash is None or other.hash is None:
            return [0.0] * (len(FIELD_SIGNALS) + 1)
        values = values_of(compare(one, other))
        return [*(values[signal] for signal in FIELD_SIGNALS), 1.0]

    def _of_codes(self, left: str, right: str) -> list[float]:
        ours, theirs = codes_of(self._name(left)), codes_of(self._name(right))
        mine, other = squashed(whole(left)), squashed(whole(right))
        shared = [one for one in ours if one in other] + [one for one in theirs if one in mine]
        longest = min(max(map(len, shared), default=0), MOST_CODE_CHARS)
        return [
            longest / MOST_CODE_CHARS,
            float(bool(shared)),
            float(bool(ours) and bool(theirs) and not shared),
            float(bool(ours)),
            float(bool(theirs)),
        ]

    def _of_prices(self, left: str, right: str) -> list[float]:
        found = [
            re.findall(r"\d+(?:\.\d+)?", fields_of(one).get("price", "")) for one in (left, right)
        ]
        if not all(found):
            return [0.0, 0.0]
        low, high = sorted(float(prices[0]) for prices in found)
        return [1.0, low / high if high else 1.0]


def codes_of(text: str) -> set[str]:
    """Return the models and part numbers in a text, without hyphens."""
    found = {one.replace("-", "").replace("/", "") for one in CODE.findall(text.lower())}
    return {one for one in found if len(one) >= FEWEST_CODE_CHARS}


def squashed(text: str) -> str:
    """Return the letters and digits of a text in one run."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def weigh(records: Sequence[str], training: Sequence[str], text_of: Any, **how: Any) -> Weighed:
    """Return records as TF-IDF vectors; what is rare is learned from the training records."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    fitted = TfidfVectorizer(sublinear_tf=True, **how).fit([text_of(one) for one in training])
    rows = fitted.transform([text_of(one) for one in records])
    return Weighed(rows, {one: place for place, one in enumerate(records)})


def f1_of(labels: NDArray[np.bool_], taken: NDArray[np.bool_]) -> float:
    """Return the harmonic mean of precision and recall."""
    return float(2 * (labels & taken).sum() / max(int(labels.sum() + taken.sum()), 1))
