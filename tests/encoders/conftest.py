"""Encoders that are dear to load, once a session; and settings that a test may change."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from embedhub.config import get_config
from embedhub.encoders import describe_encoder, get_encoder
from embedhub.encoders.checkpoint import BUNDLED_NAME
from embedhub.encoders.sentence import SentenceEncoder
from embedhub.errors import NotReady


@pytest.fixture(scope="session")
def minilm() -> SentenceEncoder:
    """Return the bundled encoder; skips if its weights are not installed."""
    try:
        describe_encoder(BUNDLED_NAME)
    except NotReady as error:
        pytest.skip(str(error))
    encoder = get_encoder(BUNDLED_NAME)
    assert isinstance(encoder, SentenceEncoder)
    return encoder


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, object], None]]:
    """Return a function that changes one setting for the test, through the environment."""

    def change(name: str, value: object) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        monkeypatch.setenv(f"EMBEDHUB_{name.upper()}", text)
        get_config.cache_clear()

    yield change
    monkeypatch.undo()
    get_config.cache_clear()


@pytest.fixture
def tiny_bert(tmp_path: Path) -> Path:
    """Return a folder of weights of the test's own."""
    return _write_tiny_bert(tmp_path / "tiny", prompts={})


@pytest.fixture
def write_tiny_bert() -> Callable[..., Path]:
    """Return a function that writes more such folders, with prompts and a seed of their own."""
    return _write_tiny_bert


def _write_tiny_bert(
    folder: Path, *, prompts: dict[str, str], seed: int = 1, scale: float = 1.0
) -> Path:
    """Write a randomly initialised BERT of 32 dimensions as a sentence-transformers folder."""
    import torch
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import BertConfig, BertModel, BertTokenizer

    signs = "abcdefghijklmnopqrstuvwxyz0123456789:.,?"
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*specials, *signs, *(f"##{sign}" for sign in signs), "query", "passage", "vector"]
    vocabulary = {word: number for number, word in enumerate(words)}
    torch.manual_seed(seed)
    network = BertModel(
        BertConfig(
            vocab_size=len(words),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=64,
        )
    )
    with torch.no_grad():
        for layer in network.encoder.layer:
            for part in ("query", "key", "value"):
                getattr(layer.attention.self, part).weight.mul_(scale)
    network.save_pretrained(folder)
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    BertTokenizer(
        tokenizer_object=tokenizer, vocab=vocabulary, model_max_length=48
    ).save_pretrained(folder)
    modules = [("Transformer", ""), ("Pooling", "1_Pooling")]
    (folder / "modules.json").write_text(
        json.dumps(
            [
                {
                    "idx": index,
                    "name": str(index),
                    "path": path,
                    "type": f"sentence_transformers.models.{kind}",
                }
                for index, (kind, path) in enumerate(modules)
            ]
        )
    )
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True})
    )
    (folder / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": prompts, "default_prompt_name": None})
    )
    return folder
