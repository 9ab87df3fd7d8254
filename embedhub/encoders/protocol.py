"""What every encoder offers and how it describes its vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class EncoderDescription:
    """What an encoder's vectors are; two equal keys mean vectors that may be compared.

    `max_tokens` counts everything the encoder reads of one text: special tokens, prefix and title
    included. `metric` is cosine: every encoder returns vectors of unit length.
    """

    name: str
    revision: str
    dimension: int
    max_tokens: int
    metric: str

    @property
    def key(self) -> str:
        """Changes whenever the same text would get a vector of another meaning."""
        return f"{self.name}@{self.revision}"


class Encoder(Protocol):
    """Maps text to vectors; safe to call from several threads.

    The methods raise whatever the provider raises on a text it cannot encode; nothing is returned
    for the rest of that batch.
    """

    @property
    def description(self) -> EncoderDescription: ...

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, in the order given: (n, dimension), (0, d) of none."""
        ...

    def encode_document(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of one text that somebody waits for: shape (dimension,).

        The soonest way may round other than `encode_documents` does: compare, do not store.
        """
        ...

    def encode_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of one question: shape (dimension,)."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a question, in the order given: shape (n, dimension)."""
        ...

    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer that counts this encoder's tokens, without truncation or padding."""
        ...


class OverTime(Exception):
    """The time a caller gave has passed."""


class PairScorer(Protocol):
    """Scores passages by how well they answer a question; safe to call from several threads."""

    def score(self, query: str, passages: Sequence[str], deadline: float) -> Sequence[float]:
        """Return one score a passage, large is good; raises OverTime at the deadline.

        The deadline is a time of `time.monotonic`.
        """
        ...
