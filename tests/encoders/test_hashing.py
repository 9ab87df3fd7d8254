"""The hashing encoder is the same everywhere and knows shared words."""

import numpy as np
import pytest

from embedhub.encoders import describe_encoder, get_encoder, load_tokenizer
from embedhub.errors import InvalidInput


@pytest.mark.parametrize(("name", "dimension"), [("hashing", 384), ("hashing-64", 64)])
def test_the_name_sets_the_dimension(name: str, dimension: int) -> None:
    encoder = get_encoder(name)
    assert describe_encoder(name).dimension == dimension
    assert encoder.encode_documents(["a", "b c"]).shape == (2, dimension)
    assert encoder.encode_documents([]).shape == (0, dimension)
    assert encoder.encode_query("a").shape == (dimension,)


@pytest.mark.parametrize(
    "name", ["hashing-", "hashing-0", "hashing-7", "hashing-99999", "hashing-x"]
)
def test_a_dimension_out_of_range_is_no_encoder(name: str) -> None:
    with pytest.raises(InvalidInput):
        describe_encoder(name)


def test_vectors_are_known_in_advance_on_every_machine() -> None:
    # Frozen: "to" and "be" occur twice; another outcome would outdate every stored vector.
    expected = np.array([2, 0, 0, 0, 0, 2, 1, 1], dtype=np.float32) / np.sqrt(np.float32(10))
    encoder = get_encoder("hashing-8")
    assert np.allclose(encoder.encode_query("to be or not to be"), expected)
    assert np.allclose(encoder.encode_documents(["To  BE or\nnot to be"])[0], expected)


def test_every_text_has_unit_length_and_a_direction() -> None:
    texts = ["", "   ", "word", "a b c d e f g h", "日本語", "x " * 5_000]
    lengths = np.linalg.norm(get_encoder("hashing-64").encode_documents(texts), axis=1)
    assert np.allclose(lengths, 1, atol=1e-6)


def test_texts_that_share_words_are_closer() -> None:
    encoder = get_encoder("hashing")
    query = encoder.encode_query("red wool socks")
    near, far = encoder.encode_documents(["warm red socks", "a treatise on tax law"])
    assert query @ near > 0.5 > query @ far


def test_its_tokens_are_words() -> None:
    assert len(load_tokenizer("hashing-64").encode(" one two\nthree ").ids) == 3
