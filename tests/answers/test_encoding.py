"""Sentences as vectors: encoded once, in the order asked for."""

import numpy as np
import pytest

from embedhub.answers import encoding
from embedhub.answers.encoding import text_vectors
from embedhub.encoders import get_encoder

ENCODER = "hashing-64"


def test_a_sentence_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = get_encoder(ENCODER)
    encoded: list[list[str]] = []

    def encode(texts: list[str]) -> object:
        encoded.append(list(texts))
        return type(encoder).encode_documents(encoder, texts)

    monkeypatch.setattr(encoding, "ensure_loaded", lambda name: True)
    monkeypatch.setattr(encoder, "encode_documents", encode)
    first = text_vectors(ENCODER, ["krill of the sea", "a cat", "krill of the sea"])
    second = text_vectors(ENCODER, ["a cat", "a new barn"])
    assert first is not None
    assert second is not None
    assert encoded == [["krill of the sea", "a cat"], ["a new barn"]]
    assert np.array_equal(first[0], first[2])
    assert np.array_equal(first[1], second[0])
    assert text_vectors(None, ["a cat"]) is None
