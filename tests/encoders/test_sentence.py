"""Vectors of sentence-transformers folders: as the library computes them, only faster."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from embedhub.encoders import describe_encoder, get_encoder
from embedhub.encoders.precision import choose_precision
from embedhub.encoders.sentence import MIN_PARITY, SentenceEncoder

Configure = Callable[[str, object], None]
WriteBert = Callable[..., Path]
TEXTS = [
    "",
    "vector",
    "Straße, naïve café, 東京",
    "how are pending rows leased?",
    "A long text about the very same matter, told again. " * 40,
    "two words",
    "👨\u200d👩\u200d👧 \x00 \u202e",
]


def load(configure: Configure, folder: Path, precision: str = "float32") -> SentenceEncoder:
    name = f"{folder.parent.name}-{folder.name}-{precision}"
    configure("encoder_folders", {name: str(folder)})
    configure("encoder_precision", precision)
    encoder = get_encoder(name)
    assert isinstance(encoder, SentenceEncoder)
    return encoder


def test_vectors_agree_with_the_library_in_float32(minilm: SentenceEncoder) -> None:
    library = SentenceTransformer(str(minilm.checkpoint.folder), device="cpu")
    expected = library.encode(TEXTS, batch_size=32, normalize_embeddings=True)
    found = minilm.encode_documents(TEXTS)
    assert found.dtype == np.float32
    assert (found * expected).sum(axis=1).min() >= MIN_PARITY
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_the_order_and_the_company_of_texts_do_not_matter(minilm: SentenceEncoder) -> None:
    together = minilm.encode_documents(TEXTS * 9)
    for index, text in enumerate(TEXTS):
        alone = minilm.encode_query(text)
        assert together[index] @ alone > 0.9995
        assert together[index + len(TEXTS) * 8] @ alone > 0.9995


def test_no_texts_make_no_vectors(minilm: SentenceEncoder) -> None:
    assert minilm.encode_documents([]).shape == (0, 384)


def test_meaning_is_near_meaning(minilm: SentenceEncoder) -> None:
    query = minilm.encode_query("How can I speed up my queries?")
    near, far = minilm.encode_documents(["Making database search faster", "Cats sleep all day"])
    assert query @ near > query @ far + 0.2


def test_all_of_the_first_256_tokens_count_and_no_more(minilm: SentenceEncoder) -> None:
    beginning = "word " * 254
    first, second, third = minilm.encode_documents(
        [beginning, beginning + "something else", "something else " + beginning]
    )
    assert np.array_equal(first, second)
    assert first @ third < 0.999
    changed = "word " * 200 + "otherwise " + "word " * 53
    assert first @ minilm.encode_documents([changed])[0] < 0.9999


def test_a_text_that_cannot_be_encoded_fails_its_batch_and_no_other(
    minilm: SentenceEncoder,
) -> None:
    with pytest.raises((UnicodeEncodeError, TypeError)):
        minilm.encode_documents(["fine", "broken \ud800 surrogate"])
    assert minilm.encode_documents(["fine"]).shape == (1, 384)


def test_threads_get_the_vectors_of_their_own_queries(minilm: SentenceEncoder) -> None:
    texts = [f"question number {number} about {'search ' * (number % 9)}" for number in range(60)]
    expected = np.stack([minilm.encode_query(text) for text in texts])
    with ThreadPoolExecutor(8) as pool:
        found = np.stack(list(pool.map(minilm.encode_query, texts)))
    assert np.array_equal(found, expected)


def test_prefixes_stand_before_queries_and_documents(
    configure: Configure, tmp_path: Path, write_tiny_bert: WriteBert
) -> None:
    folder = write_tiny_bert(
        tmp_path / "e5", prompts={"query": "query: ", "document": "", "passage": "passage: "}
    )
    encoder = load(configure, folder)
    library = SentenceTransformer(str(folder), device="cpu")

    def expected(text: str, prompt: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        return np.asarray(library.encode(text, prompt=prompt, normalize_embeddings=True))

    assert encoder.encode_query("vector") @ expected("vector", "query: ") > 0.99999
    assert encoder.encode_documents(["vector"])[0] @ expected("vector", "passage: ") > 0.99999
    assert encoder.encode_document("vector") @ expected("vector", "passage: ") > 0.99999
    assert encoder.encode_query("vector") @ expected("vector", "passage: ") < 0.9999


def test_a_prefix_left_out_of_the_pooling_is_left_out_here_too(
    configure: Configure, tmp_path: Path, write_tiny_bert: WriteBert
) -> None:
    folder = write_tiny_bert(tmp_path / "instructor", prompts={"query": "query: "})
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text(pooling.read_text().replace("{", '{"include_prompt": false, ', 1))
    library = SentenceTransformer(str(folder), device="cpu")
    expected = library.encode("vector", prompt="query: ", normalize_embeddings=True)
    assert load(configure, folder).encode_query("vector") @ expected > 0.99999


def test_what_changes_vectors_changes_the_revision(
    configure: Configure, tmp_path: Path, write_tiny_bert: WriteBert
) -> None:
    prompts = {"query": "query: "}
    folders = {
        "first": write_tiny_bert(tmp_path / "first", prompts=prompts),
        "same": write_tiny_bert(tmp_path / "same", prompts=prompts),
        "prefix": write_tiny_bert(tmp_path / "prefix", prompts={"query": "question: "}),
        "weights": write_tiny_bert(tmp_path / "weights", prompts=prompts, seed=2),
    }
    (folders["same"] / "README.md").write_text("Words that change nothing.")
    configure("encoder_folders", {name: str(folder) for name, folder in folders.items()})
    revisions = {name: describe_encoder(name).revision for name in folders}
    assert revisions["first"] == revisions["same"]
    assert len(set(revisions.values())) == 3


def test_a_folder_describes_its_own_limits(configure: Configure, tiny_bert: Path) -> None:
    configure("encoder_folders", {"limits": str(tiny_bert)})
    description = describe_encoder("limits")
    assert (description.dimension, description.max_tokens) == (32, 48)
    encoder = get_encoder("limits")
    assert encoder.encode_documents(["a " * 500]).shape == (1, 32)


def test_16_bits_that_turn_vectors_are_given_up(
    configure: Configure,
    tmp_path: Path,
    write_tiny_bert: WriteBert,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = write_tiny_bert(tmp_path / "wild", prompts={}, scale=500.0)
    encoder = load(configure, folder, "bfloat16")
    assert encoder.precision is torch.float32
    assert "staying with float32" in caplog.text
    library = SentenceTransformer(str(folder), device="cpu")
    expected = library.encode("vector", normalize_embeddings=True)
    assert encoder.encode_query("vector") @ expected > 0.99999


def test_a_vector_without_a_direction_is_an_error(
    configure: Configure, tmp_path: Path, write_tiny_bert: WriteBert
) -> None:
    folder = write_tiny_bert(tmp_path / "overflow", prompts={}, scale=float("nan"))
    encoder = load(configure, folder)
    with pytest.raises(ArithmeticError):
        encoder.encode_documents(["vector"])


def test_the_precision_can_be_forced_and_is_chosen_by_the_hardware() -> None:
    cpu = torch.device("cpu")
    assert choose_precision("float32", cpu) is torch.float32
    assert choose_precision("bfloat16", cpu) is torch.bfloat16
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    if "amx_bf16" in flags or "avx512_bf16" in flags:
        assert choose_precision("auto", cpu) is torch.bfloat16
    elif "sse2" in flags:
        assert choose_precision("auto", cpu) is torch.float32
