"""Cross-encoders of a folder: as the library scores, within their time, loaded once."""

import threading
import time
from pathlib import Path

import pytest

from embedhub.config import override_config
from embedhub.encoders import OverTime, cross_registry, get_cross_encoder, start_cross_encoder
from embedhub.encoders.cross_encoder import load_cross_encoder
from embedhub.errors import NotReady
from embedhub.search.ranking.reranking import rerank
from embedhub.search.ranking.settings import Reranker

QUERY = "how are keys rotated"
PASSAGES = ["keys are rotated daily", "cats sleep", "a much longer passage on keys " * 20, ""]


def write_tiny(folder: Path, n_labels: int = 1) -> Path:
    """Write a randomly initialised BERT of 32 dimensions that scores pairs."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    signs = "abcdefghijklmnopqrstuvwxyz"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *signs, *(f"##{s}" for s in signs)]
    folder.mkdir(parents=True)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(words))
    torch.manual_seed(1)
    network = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(words),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=64,
            num_labels=n_labels,
            # Large weights: scores of a network as small as this differ little else.
            initializer_range=0.5,
        )
    )
    network.save_pretrained(folder)
    BertTokenizer(str(vocabulary), model_max_length=64).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("reranker") / "tiny")


def test_scores_are_those_of_the_library_in_the_order_given(tiny: Path) -> None:
    import torch
    from sentence_transformers import CrossEncoder

    library = CrossEncoder(str(tiny), device="cpu", local_files_only=True)
    expected = library.predict(
        [(QUERY, passage) for passage in PASSAGES], activation_fn=torch.nn.Sigmoid()
    )
    ours = load_cross_encoder(tiny, device="cpu", n_threads=2)
    found = ours.score(QUERY, PASSAGES, time.monotonic() + 60)
    assert found == pytest.approx(expected.tolist(), abs=1e-4)
    assert len({round(score, 3) for score in found}) > 1
    assert all(0 <= score <= 1 for score in found)
    assert ours.score(QUERY, PASSAGES[::-1], time.monotonic() + 60) == pytest.approx(
        found[::-1], abs=1e-4
    )
    assert ours.score(QUERY, [], time.monotonic() + 60) == []


def test_time_that_is_over_ends_it(tiny: Path) -> None:
    ours = load_cross_encoder(tiny, device="cpu", n_threads=1)
    with pytest.raises(OverTime):
        ours.score(QUERY, PASSAGES, time.monotonic() - 1)
    started = time.monotonic()
    with pytest.raises(OverTime):
        ours.score(QUERY, PASSAGES * 5_000, started + 0.05)
    assert time.monotonic() - started < 3


def test_threads_share_one_that_is_loaded_once(tiny: Path) -> None:
    deadline = time.monotonic() + 60
    assert start_cross_encoder(str(tiny), deadline)
    shared = get_cross_encoder(str(tiny))
    found: list[list[float]] = []

    def ask() -> None:
        assert start_cross_encoder(str(tiny), deadline)
        assert get_cross_encoder(str(tiny)) is shared
        found.append(list(shared.score(QUERY, PASSAGES, deadline)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(scores == pytest.approx(found[0], abs=1e-5) for scores in found)


def test_a_search_that_cannot_wait_is_told_that_it_is_being_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(cross_registry, "_load", lambda folder: gate.wait(10))
    folder = str(tmp_path / "slow")
    assert not start_cross_encoder(folder, time.monotonic() + 0.01)
    gate.set()


@pytest.mark.parametrize("content", [None, b"{}", b"not json"])
def test_a_folder_without_weights_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_bytes(content)
    for _ in range(2):
        with pytest.raises(NotReady):
            start_cross_encoder(str(tmp_path), time.monotonic() + 60)


def test_classes_are_no_scores(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="classes"):
        load_cross_encoder(write_tiny(tmp_path / "classes", 3), device="cpu", n_threads=1)


def test_a_configured_folder_reranks(tiny: Path) -> None:
    override_config(rerankers=f'{{"local": {{"kind": "cross_encoder", "folder": "{tiny}"}}}}')
    try:
        wanted = Reranker("local", budget_ms=10_000)
        found = rerank(wanted, QUERY, dict(enumerate(PASSAGES)))
        assert found.failure is None
        assert found.by_chunk.keys() == {0, 1, 2, 3}
        many = dict(enumerate(PASSAGES * 5_000))
        late = rerank(Reranker("local", budget_ms=50), QUERY, many)
        assert late.by_chunk == {}
        assert "50 ms" in (late.failure or "")
    finally:
        override_config(rerankers="{}")
