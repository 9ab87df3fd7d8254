"""Encoders whose weights are a sentence-transformers folder, computed with torch."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers.utils import logging as transformers_logging

from embedhub.config import usable_cores
from embedhub.encoders.batching import padded, token_budget_batches
from embedhub.encoders.checkpoint import Checkpoint, read_tokenizer
from embedhub.encoders.compiled import PRECISION_HINTS, compile_transformer, import_openvino
from embedhub.encoders.precision import choose_device, choose_precision
from embedhub.encoders.protocol import EncoderDescription
from embedhub.errors import NotReady

logger = logging.getLogger(__name__)

# Maps ids and mask to the same with token embeddings.
Transformer = Callable[[dict[str, Any]], dict[str, Any]]

# 16-bit weights and compiled networks are used only if no probe's vector turns away further.
MIN_PARITY = 0.9995
# Measured on two cores with AMX that other programs used as well (SciFact, bfloat16, medians):
# 256 tokens a batch 78 texts/s, 512 112, 1,024 108, 2,048 74; on idle cores 99, 118, 126, 127.
CPU_BATCH_TOKENS = 1_024
GPU_BATCH_TOKENS = 65_536
MIN_BATCH_TOKENS = 256
# A compiled network makes itself ready for each shape that it has not just computed: queries of
# 5 to 50 tokens took 5.0 ms of it as they are, 3.5 in multiples of 16, 2.8 in multiples of 32.
COMPILED_STEP = 32
LOAD_ERRORS = (OSError, RuntimeError, ValueError, LookupError, TypeError, SafetensorError)
PARITY_PROBES = (
    "pgvector",
    "How do I rotate an API key without downtime?",
    "Straße, naïve café, 東京タワー, Привет мир; x = {'a': [1, 2.5e-3]}",
    "A statin lowers the concentration of low-density lipoprotein in the blood of adults. " * 5,
    "The index is built in its own job, outside any transaction, and is checked before use. " * 20,
)


class SentenceEncoder:
    """One sentence-transformers network on one device.

    On the CPU every core computes batches of its own. One batch spread over all cores makes them
    wait for each other many times a layer: with other programs busy on the machine it was measured
    two to ten times slower. On another device one thread feeds it.

    The first query on the CPU compiles the network for queries and single texts that somebody
    waits for, where OpenVINO can; meanwhile those of other threads are computed by torch.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        network: SentenceTransformer,
        n_threads: int,
        query_runtime: str = "auto",
    ) -> None:
        self.checkpoint = checkpoint
        self.description: EncoderDescription = checkpoint.description
        self.device: torch.device = network.device
        self.precision: torch.dtype = torch.float32
        self._transformer, *self._layers = list(network)
        self._tokenizer: Tokenizer = network.tokenizer.backend_tokenizer
        self._tokenizer.enable_truncation(self.description.max_tokens)
        self._tokenizer.no_padding()
        self._pad_id: int = network.tokenizer.pad_token_id or 0
        self._pad_left: bool = network.tokenizer.padding_side == "left"
        is_cpu = self.device.type == "cpu"
        self._batch_tokens = CPU_BATCH_TOKENS if is_cpu else GPU_BATCH_TOKENS
        self._n_threads = n_threads if is_cpu else 1
        self._threads = ThreadPoolExecutor(
            self._n_threads, thread_name_prefix="encoder", initializer=_compute_alone
        )
        self._query_transformer: Transformer = self._transformer
        self._may_compile = is_cpu and query_runtime != "torch"
        self._compiling = Lock()

    @property
    def query_runtime(self) -> str:
        """What computes queries now: torch or openvino."""
        return "torch" if self._query_transformer is self._transformer else "openvino"

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, in the order given: shape (n, dimension)."""
        return self._encode(texts, self.checkpoint.document_prefix, self._transformer)

    def encode_document(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of one text that somebody waits for: shape (dimension,)."""
        self._compile_unless_others_do()
        prefix = self.checkpoint.document_prefix
        vector: NDArray[np.float32] = self._encode([text], prefix, self._query_transformer)[0]
        return vector

    def encode_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of one question: shape (dimension,)."""
        vector: NDArray[np.float32] = self.encode_queries([text])[0]
        return vector

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a question, in the order given: shape (n, dimension)."""
        self._compile_unless_others_do()
        return self._encode(texts, self.checkpoint.query_prefix, self._query_transformer)

    def tokenizer(self) -> Tokenizer:
        """Return the shared tokenizer that counts tokens, without truncation."""
        return read_tokenizer(self.checkpoint.folder)

    def use_precision(self, precision: torch.dtype) -> None:
        """Compute the transformer in this format; pooling and what follows stay in float32."""
        self._transformer.to(precision)
        self.precision = precision

    def _compile_unless_others_do(self) -> None:
        # Never waits: what is asked while another thread compiles is computed by torch.
        if self._may_compile and self._compiling.acquire(blocking=False):
            try:
                self._compile_for_queries()
            finally:
                self._compiling.release()

    def _compile_for_queries(self) -> None:
        if not self._may_compile:  # another thread has just been here
            return
        facts = {"encoder": self.description.key, "precision": str(self.precision)}
        try:
            self._query_transformer = self._compiled()
            logger.info("queries are encoded by OpenVINO", extra=facts)
        except ImportError:
            logger.info("queries stay with torch: openvino is not installed", extra=facts)
        except Exception as error:  # converters raise anything, and torch computes all the same
            logger.warning("queries stay with torch: %s", _first_line(error), extra=facts)
        self._may_compile = False

    def _compiled(self) -> Transformer:
        """Return the compiled transformer if its query vectors are those of float32."""
        import_openvino()
        if self.precision not in PRECISION_HINTS:
            raise ValueError(f"OpenVINO is not used in {self.precision}")
        exact = _load(self.checkpoint, self.device, self._n_threads, "torch")
        # Before its conversion, which may change it.
        expected = [exact.encode_query(probe) for probe in PARITY_PROBES]
        compiled = compile_transformer(exact._transformer, self.precision, self._n_threads)
        found = [self._encode_query(probe, compiled) for probe in PARITY_PROBES]
        parity = min(float(one @ other) for one, other in zip(expected, found, strict=True))
        if parity < MIN_PARITY:
            raise ArithmeticError(f"OpenVINO turns vectors too far: a cosine of {parity:.5f}")
        return compiled

    def _encode_query(self, text: str, transformer: Transformer) -> NDArray[np.float32]:
        prefix = self.checkpoint.query_prefix
        vector: NDArray[np.float32] = self._encode([text], prefix, transformer)[0]
        return vector

    def _encode(
        self, texts: Sequence[str], prefix: str, transformer: Transformer
    ) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.description.dimension), dtype=np.float32)
        encodings = self._tokenizer.encode_batch_fast([prefix + text for text in texts])
        rows: list[list[int]] = [encoding.ids for encoding in encodings]
        lengths = [len(row) for row in rows]
        share = max(sum(lengths) // self._n_threads, MIN_BATCH_TOKENS)
        batches = token_budget_batches(lengths, min(self._batch_tokens, share))

        def forward(batch: list[int]) -> None:
            chosen = [rows[position] for position in batch]
            vectors[batch] = self._forward(chosen, prefix, transformer)

        # list() raises what a batch raised.
        list(self._threads.map(forward, batches))
        return vectors

    def _forward(
        self, rows: Sequence[Sequence[int]], prefix: str, transformer: Transformer
    ) -> NDArray[np.float32]:
        ids, mask = padded(
            rows,
            pad_id=self._pad_id,
            pad_left=self._pad_left,
            # On the left it would move the positions of what follows.
            step=1 if self._pad_left or transformer is self._transformer else COMPILED_STEP,
            at_most=self.description.max_tokens,
        )
        with torch.inference_mode():
            features: dict[str, Any] = {
                "input_ids": torch.from_numpy(ids).to(self.device),
                "attention_mask": torch.from_numpy(mask).to(self.device),
            }
            if prefix:  # some families leave the prefix out of the mean
                features["prompt_length"] = self._prefix_tokens(prefix)
            features = transformer(features)
            features["token_embeddings"] = features["token_embeddings"].float()
            for layer in self._layers:
                features = layer(features)
            vectors: NDArray[np.float32] = features["sentence_embedding"].float().cpu().numpy()
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or not (norms > 0).all():
            raise ArithmeticError("the encoder returned a vector without a direction")
        unit: NDArray[np.float32] = vectors / norms
        return unit

    def _prefix_tokens(self, prefix: str) -> int:
        encoding = self._tokenizer.encode(prefix)
        # The closing special token stands behind the text, not behind the prefix.
        return len(encoding.ids) - int(bool(encoding.special_tokens_mask[-1]))


def _first_line(error: Exception) -> str:
    """Return what is wrong without the page of details that converters add."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _compute_alone() -> None:
    # OpenMP keeps this number for each thread: the rest of the process is not concerned.
    torch.set_num_threads(1)


def load_sentence_encoder(
    checkpoint: Checkpoint,
    *,
    device: str = "auto",
    precision: str = "auto",
    n_threads: int = 0,
    query_runtime: str = "auto",
) -> SentenceEncoder:
    """Load weights onto the device, in 16 bits where that is fast and changes nothing.

    `n_threads` is for the CPU, 0 means one a core this process may use. With `query_runtime` torch
    OpenVINO is not tried. Never asks the hub: the checkpoint is a folder. NotReady if it cannot be
    loaded.
    """
    transformers_logging.disable_progress_bar()
    place = choose_device(device)
    n_threads = n_threads or usable_cores()
    number_format = choose_precision(precision, place)
    encoder = _load(checkpoint, place, n_threads, query_runtime)
    if number_format is torch.float32:
        return encoder
    exact = encoder.encode_documents(PARITY_PROBES)
    encoder.use_precision(number_format)
    parity = float((exact * encoder.encode_documents(PARITY_PROBES)).sum(axis=1).min())
    facts = {"encoder": checkpoint.description.key, "device": str(place), "parity": parity}
    if parity >= MIN_PARITY:
        logger.info("encoder loaded in %s", number_format, extra=facts)
        return encoder
    logger.warning("%s turns vectors too far, staying with float32", number_format, extra=facts)
    return _load(checkpoint, place, n_threads, query_runtime)


def _load(
    checkpoint: Checkpoint, device: torch.device, n_threads: int, query_runtime: str
) -> SentenceEncoder:
    try:
        network = SentenceTransformer(
            str(checkpoint.folder),
            device=str(device),
            local_files_only=True,
        )
    except LOAD_ERRORS as error:
        name = checkpoint.description.name
        raise NotReady(f"the weights of encoder {name!r} cannot be loaded: {error}") from error
    network.eval().float()  # some folders hold 16-bit weights
    return SentenceEncoder(checkpoint, network, n_threads, query_runtime)
