"""Encoders by name: cheap to describe, loaded once, clear about what is missing."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from embedhub.encoders import (
    SUPPLIED,
    available_encoders,
    describe_encoder,
    get_encoder,
    is_loaded,
    load_tokenizer,
)
from embedhub.encoders.sentence import SentenceEncoder
from embedhub.errors import InvalidInput, NotReady

Configure = Callable[[str, object], None]


def test_the_bundled_encoder_is_what_it_is_known_to_be(minilm: SentenceEncoder) -> None:
    description = describe_encoder("all-MiniLM-L6-v2")
    assert (description.dimension, description.max_tokens, description.metric) == (
        384,
        256,
        "cosine",
    )
    assert description == minilm.description
    assert description in available_encoders()


def test_describing_and_counting_tokens_import_neither_torch_nor_transformers(
    minilm: SentenceEncoder,
) -> None:
    program = (
        "import sys\n"
        "from embedhub.encoders import available_encoders, describe_encoder, load_tokenizer\n"
        "describe_encoder('all-MiniLM-L6-v2'), available_encoders()\n"
        "assert len(load_tokenizer('all-MiniLM-L6-v2').encode('a ' * 400).ids) == 402\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_supplied_vectors_have_no_encoder() -> None:
    with pytest.raises(InvalidInput, match="dimension") as refused:
        describe_encoder(SUPPLIED)
    assert refused.value.field == "encoder"


@pytest.mark.parametrize("name", ["", "gpt", "../../etc", "hub/some-weights", "all-MiniLM-L6-v2 "])
def test_a_name_that_is_not_configured_is_refused(name: str) -> None:
    for ask in (describe_encoder, get_encoder, load_tokenizer, is_loaded):
        with pytest.raises(InvalidInput):
            ask(name)


def test_missing_weights_are_said_plainly_and_never_fetched(configure: Configure) -> None:
    configure("encoder_folders", {"mine": "nobody/never-downloaded", "two": "a/b/c/d"})
    for name in ("mine", "two"):
        with pytest.raises(NotReady, match="EMBEDHUB_ENCODER_DOWNLOADS"):
            get_encoder(name)
    assert "mine" not in {description.name for description in available_encoders()}


def test_a_folder_of_something_else_is_not_ready(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text("{")
    configure("encoder_folders", {"broken": str(tmp_path)})
    with pytest.raises(NotReady):
        describe_encoder("broken")


def test_weights_cut_short_are_not_ready(configure: Configure, tiny_bert: Path) -> None:
    weights = tiny_bert / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1_000])
    configure("encoder_folders", {"short": str(tiny_bert)})
    with pytest.raises(NotReady, match="short"):
        get_encoder("short")
    assert not is_loaded("short")


def test_threads_that_ask_at_once_share_one_encoder(configure: Configure, tiny_bert: Path) -> None:
    configure("encoder_folders", {"shared": str(tiny_bert)})
    assert not is_loaded("shared")
    at_once = Barrier(4)

    def ask(_: int) -> object:
        at_once.wait()
        return get_encoder("shared")

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(4)))) == 1
    assert is_loaded("shared")
