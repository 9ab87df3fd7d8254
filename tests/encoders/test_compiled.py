"""Queries computed by OpenVINO: torch's vectors, or torch."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import (
    AutoModel,
    MPNetConfig,
    PretrainedConfig,
    Qwen3Config,
    XLMRobertaConfig,
)

from embedhub.encoders import sentence
from embedhub.encoders.checkpoint import read_checkpoint
from embedhub.encoders.compiled import CompiledTransformer, compile_transformer
from embedhub.encoders.sentence import MIN_PARITY, SentenceEncoder, load_sentence_encoder

WriteBert = Callable[..., Path]
QUERIES = [
    "",
    "vector",
    "how are pending rows leased?",
    "Straße, naïve café, 東京",
    "a longer question about the very same matter, asked again: " * 12,
]
SIZES = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 80,
    "pad_token_id": 0,
}
FAMILIES: dict[str, tuple[PretrainedConfig | None, str]] = {
    "bert": (None, "cls"),
    "mpnet": (MPNetConfig(**SIZES), "mean"),
    "xlm-roberta": (XLMRobertaConfig(**SIZES), "mean"),
    "qwen3": (Qwen3Config(**SIZES, num_key_value_heads=2, head_dim=8), "lasttoken"),
}


@pytest.fixture(autouse=True)
def says_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=sentence.__name__)


def load(folder: Path, **settings: Any) -> SentenceEncoder:
    checkpoint = read_checkpoint(folder.name, folder)
    return load_sentence_encoder(checkpoint, **{"device": "cpu", "precision": "float32"} | settings)


def become(folder: Path, config: PretrainedConfig | None, pooling: str) -> None:
    """Put a random network of another family, and another pooling, into a folder."""
    if config is not None:
        torch.manual_seed(3)
        (folder / "model.safetensors").unlink()
        AutoModel.from_config(config).save_pretrained(folder)
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 32, "pooling_mode": pooling})
    )


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_every_family_gets_the_vectors_of_the_library(
    tmp_path: Path, write_tiny_bert: WriteBert, family: str, padding_side: str
) -> None:
    pytest.importorskip("openvino")
    folder = write_tiny_bert(tmp_path / family, prompts={"query": "query: "}, scale=20.0)
    become(folder, *FAMILIES[family])
    settings = folder / "tokenizer_config.json"
    settings.write_text(
        json.dumps(json.loads(settings.read_text()) | {"padding_side": padding_side})
    )
    encoder = load(folder)
    library = SentenceTransformer(str(folder), device="cpu")
    for query in QUERIES:
        expected = library.encode(query, prompt="query: ", normalize_embeddings=True)
        assert encoder.encode_query(query) @ expected > 0.99999
    assert encoder.query_runtime == "openvino"


@pytest.mark.slow
def test_what_follows_the_transformer_is_computed_too(
    tmp_path: Path, write_tiny_bert: WriteBert
) -> None:
    pytest.importorskip("openvino")
    folder = write_tiny_bert(tmp_path / "dense", prompts={"query": "query: "})
    library = SentenceTransformer(str(folder), device="cpu")
    kinds = pytest.importorskip("sentence_transformers.sentence_transformer.modules")
    library.append(kinds.Dense(32, 8))
    library.append(kinds.Normalize())
    library.save(str(tmp_path / "with-dense"))
    pooling = tmp_path / "with-dense" / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps(json.loads(pooling.read_text()) | {"include_prompt": False}))
    library = SentenceTransformer(str(tmp_path / "with-dense"), device="cpu")
    encoder = load(tmp_path / "with-dense")
    for query in QUERIES[1:]:
        expected = library.encode(query, prompt="query: ", normalize_embeddings=True)
        assert encoder.encode_query(query).shape == (8,)
        assert encoder.encode_query(query) @ expected > 0.99999
    assert encoder.query_runtime == "openvino"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_bundled_encoder_keeps_its_vectors(
    minilm: SentenceEncoder, precision: str, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("openvino")
    encoder = load_sentence_encoder(minilm.checkpoint, device="cpu", precision=precision)
    library = SentenceTransformer(str(minilm.checkpoint.folder), device="cpu")
    expected = library.encode(QUERIES, normalize_embeddings=True)
    found = np.stack([encoder.encode_query(query) for query in QUERIES])
    awaited = np.stack([encoder.encode_document(query) for query in QUERIES])
    assert encoder.query_runtime == "openvino"
    assert (found * expected).sum(axis=1).min() >= MIN_PARITY
    assert (awaited * expected).sum(axis=1).min() >= MIN_PARITY
    assert caplog.text.count("queries are encoded by OpenVINO") == 1


@pytest.mark.slow
def test_threads_get_the_vectors_of_their_own_queries(minilm: SentenceEncoder) -> None:
    pytest.importorskip("openvino")
    encoder = load_sentence_encoder(minilm.checkpoint, device="cpu", n_threads=2)
    texts = [f"question number {number} about {'search ' * (number % 40)}" for number in range(80)]
    expected = np.stack([encoder.encode_query(text) for text in texts])
    with ThreadPoolExecutor(8) as pool:
        found = np.stack(list(pool.map(encoder.encode_query, texts)))
    assert np.array_equal(found, expected)


@pytest.mark.slow
def test_a_compiled_network_serves_threads_at_once(minilm: SentenceEncoder) -> None:
    pytest.importorskip("openvino")
    network = SentenceTransformer(str(minilm.checkpoint.folder), device="cpu")[0]
    compiled = compile_transformer(network, torch.float32, 2)

    def embed(n_tokens: int) -> torch.Tensor:
        ids = torch.arange(1000, 1000 + n_tokens).reshape(1, -1)
        features = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        embeddings: torch.Tensor = compiled(features)["token_embeddings"]
        return embeddings

    lengths = [1 + number % 60 for number in range(120)]
    expected = [embed(length) for length in lengths]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(embed, lengths))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_only_one_thread_compiles_and_no_other_waits(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load(tiny_bert)
    runtimes: list[str] = []

    def compile_slowly(*_: object) -> CompiledTransformer:
        with ThreadPoolExecutor(1) as other:
            other.submit(encoder.encode_query, "vector").result(timeout=20)
        runtimes.append(encoder.query_runtime)
        raise RuntimeError("one attempt is enough")

    monkeypatch.setattr(sentence, "import_openvino", lambda: None)
    monkeypatch.setattr(sentence, "compile_transformer", compile_slowly)
    for _ in range(3):
        encoder.encode_query("vector")
    assert runtimes == ["torch"]


def expect_torch(encoder: SentenceEncoder, caplog: pytest.LogCaptureFixture, reason: str) -> None:
    library = SentenceTransformer(str(encoder.checkpoint.folder), device="cpu")
    for query in QUERIES:
        expected = library.encode(query, normalize_embeddings=True)
        assert encoder.encode_query(query) @ expected > MIN_PARITY
    assert encoder.query_runtime == "torch"
    assert caplog.text.count("queries stay with torch") == 1
    assert reason in caplog.text


def test_without_openvino_torch_goes_on(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    expect_torch(load(tiny_bert), caplog, "openvino is not installed")


def test_a_network_that_cannot_be_converted_stays_with_torch(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    openvino = pytest.importorskip("openvino")

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no rule for aten::odd\nand a page of details")

    monkeypatch.setattr(openvino, "convert_model", refuse)
    expect_torch(load(tiny_bert), caplog, "no rule for aten::odd")
    assert "a page of details" not in caplog.text


@pytest.mark.slow
def test_vectors_that_turn_too_far_stay_with_torch(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("openvino")

    def compile_another(transformer: Any, *facts: Any) -> CompiledTransformer:
        for weights in transformer.parameters():
            torch.nn.init.normal_(weights)
        return compile_transformer(transformer, *facts)

    monkeypatch.setattr(sentence, "compile_transformer", compile_another)
    expect_torch(load(tiny_bert), caplog, "turns vectors too far")


def test_a_precision_it_does_not_compute_in_stays_with_torch(
    tiny_bert: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("openvino")
    expect_torch(load(tiny_bert, precision="float16"), caplog, "not used in torch.float16")


def test_the_setting_turns_it_off(tiny_bert: Path, caplog: pytest.LogCaptureFixture) -> None:
    encoder = load(tiny_bert, query_runtime="torch")
    encoder.encode_query("vector")
    assert encoder.query_runtime == "torch"
    assert "queries" not in caplog.text


def test_documents_never_compile_anything(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence, "import_openvino", lambda: pytest.fail("compiled"))
    load(tiny_bert).encode_documents(QUERIES)


@pytest.mark.slow
def test_it_reports_to_nobody_and_warns_of_nothing(tiny_bert: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    program = """
import pathlib, socket, sys

def refuse(*arguments, **more):
    raise SystemExit("the network was tried")

socket.socket.connect = socket.getaddrinfo = refuse
from embedhub.encoders.checkpoint import read_checkpoint
from embedhub.encoders.sentence import load_sentence_encoder
encoder = load_sentence_encoder(
    read_checkpoint("quiet", pathlib.Path(sys.argv[1])), device="cpu", precision="float32"
)
print("ready", file=sys.stderr)
encoder.encode_query("vector")
print(encoder.query_runtime, any(name.startswith("openvino_telemetry.") for name in sys.modules))
"""
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program, str(tiny_bert)],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(home), "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout.split() == ["openvino", "False"]
    assert done.stderr.partition("ready\n")[2] == ""
    assert list(home.glob("intel*")) == []
