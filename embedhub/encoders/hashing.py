"""A deterministic encoder without weights, for tests that are not about meaning."""

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel

from embedhub.encoders.protocol import EncoderDescription

NAME_PATTERN = re.compile(r"hashing(?:-([1-9][0-9]{0,4}))?")
DEFAULT_DIMENSION = 384
MIN_DIMENSION, MAX_DIMENSION = 8, 16_000
MAX_TOKENS = 256
REVISION = "1"


def describe_hashing(name: str) -> EncoderDescription | None:
    """Return what `hashing` or `hashing-64` means, None when the name is no hashing encoder's."""
    match = NAME_PATTERN.fullmatch(name)
    if match is None:
        return None
    dimension = int(match[1] or DEFAULT_DIMENSION)
    if not MIN_DIMENSION <= dimension <= MAX_DIMENSION:
        return None
    return EncoderDescription(name, REVISION, dimension, MAX_TOKENS, "cosine")


@lru_cache(maxsize=1)
def whitespace_tokenizer() -> Tokenizer:
    """Return a tokenizer whose tokens are the words between white space."""
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106 - a token, no secret
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


class HashingEncoder:
    """Bags of hashed words: the same text gives the same vector on every machine, in every run."""

    def __init__(self, description: EncoderDescription) -> None:
        self.description = description

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text: shape (n, dimension); texts sharing words are close."""
        vectors = np.zeros((len(texts), self.description.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self.encode_query(text)
        return vectors

    def encode_document(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of one text, as `encode_query` does: shape (dimension,)."""
        return self.encode_query(text)

    def encode_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of one text: shape (dimension,)."""
        vector = np.zeros(self.description.dimension, dtype=np.float32)
        # A text without words still needs a direction: a zero vector has no cosine.
        for word in text.lower().split()[:MAX_TOKENS] or [""]:
            digest = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")
            vector[(digest >> 1) % vector.size] += 1.0 if digest & 1 else -1.0
        norm = float(np.linalg.norm(vector))
        if norm == 0.0:  # two words that cancel each other
            vector[0] = norm = 1.0
        return vector / np.float32(norm)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, questions being texts like others."""
        return self.encode_documents(texts)

    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer that counts words."""
        return whitespace_tokenizer()
