"""On a CUDA device: the same vectors as on the CPU, and much faster."""

import time
from collections.abc import Callable

import pytest
import torch

from embedhub.encoders.precision import choose_precision
from embedhub.encoders.sentence import MIN_PARITY, SentenceEncoder, load_sentence_encoder

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

TEXTS = [
    f"Text {number}: " + "the worker leases a batch " * (number % 50) for number in range(2_000)
]


@pytest.fixture(scope="module")
def on_gpu(minilm: SentenceEncoder) -> SentenceEncoder:
    return load_sentence_encoder(minilm.checkpoint, device="cuda")


@pytest.fixture(scope="module")
def on_cpu(minilm: SentenceEncoder) -> SentenceEncoder:
    return load_sentence_encoder(minilm.checkpoint, device="cpu", precision="float32")


def test_auto_chooses_the_device_and_16_bits(minilm: SentenceEncoder) -> None:
    encoder = load_sentence_encoder(minilm.checkpoint, device="auto")
    assert encoder.device.type == "cuda"
    assert encoder.precision is choose_precision("auto", encoder.device) is not torch.float32


def test_vectors_are_those_of_the_cpu(on_gpu: SentenceEncoder, on_cpu: SentenceEncoder) -> None:
    sample = TEXTS[:150]
    parity = (on_gpu.encode_documents(sample) * on_cpu.encode_documents(sample)).sum(axis=1)
    assert parity.min() >= MIN_PARITY


def test_it_is_at_least_five_times_as_fast(
    on_gpu: SentenceEncoder, on_cpu: SentenceEncoder
) -> None:
    on_gpu.encode_documents(TEXTS)

    def texts_per_second(encode: Callable[[list[str]], object], texts: list[str]) -> float:
        began = time.perf_counter()
        encode(texts)
        return len(texts) / (time.perf_counter() - began)

    fast = texts_per_second(on_gpu.encode_documents, TEXTS)
    slow = texts_per_second(on_cpu.encode_documents, TEXTS[:200])
    assert fast >= 5 * slow
