"""Cross-encoders, which read a question and a passage together, computed with torch."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from safetensors import SafetensorError
from sentence_transformers import CrossEncoder
from transformers.utils import logging as transformers_logging

from embedhub.config import usable_cores
from embedhub.encoders.batching import token_budget_batches
from embedhub.encoders.precision import choose_device
from embedhub.encoders.protocol import OverTime
from embedhub.errors import NotReady

LOAD_ERRORS = (OSError, RuntimeError, ValueError, LookupError, TypeError, SafetensorError)
# Small batches: between two of them it is seen whether there is time left.
CPU_BATCH_CHARS, GPU_BATCH_CHARS = 8_000, 400_000


class TorchCrossEncoder:
    """One sentence-transformers CrossEncoder on one device; safe to call from several threads.

    On the CPU every core computes batches of its own, as the sentence encoders do.
    """

    def __init__(self, network: CrossEncoder, n_threads: int) -> None:
        is_cpu = network.model.device.type == "cpu"
        self._network = network
        self._batch_chars = CPU_BATCH_CHARS if is_cpu else GPU_BATCH_CHARS
        self._threads = ThreadPoolExecutor(
            n_threads if is_cpu else 1,
            thread_name_prefix="cross-encoder",
            initializer=_compute_alone,
        )

    def score(self, query: str, passages: Sequence[str], deadline: float) -> list[float]:
        """Return how well each passage answers the query, 0 to 1, in the order given.

        Raises OverTime when it is not done at the deadline (of `time.monotonic`).
        """
        lengths = [len(query) + len(passage) for passage in passages]
        batches = token_budget_batches(lengths, self._batch_chars)
        scores = [0.0] * len(passages)

        def forward(batch: list[int]) -> None:
            if time.monotonic() > deadline:
                raise OverTime
            pairs = [(query, passages[position]) for position in batch]
            found = self._network.predict(
                pairs,
                batch_size=len(pairs),
                show_progress_bar=False,
                activation_fn=torch.nn.Sigmoid(),
                convert_to_numpy=True,
            )
            for position, score in zip(batch, found.tolist(), strict=True):
                scores[position] = score

        # list() raises what a batch raised.
        list(self._threads.map(forward, batches))
        if time.monotonic() > deadline:
            raise OverTime
        return scores


def _compute_alone() -> None:
    # OpenMP keeps this number for each thread: the rest of the process is not concerned.
    torch.set_num_threads(1)


def load_cross_encoder(folder: Path, *, device: str, n_threads: int) -> TorchCrossEncoder:
    """Load the weights of a folder onto the device; NotReady if they are no reranker's.

    Never asks the hub.
    """
    transformers_logging.disable_progress_bar()
    try:
        network = CrossEncoder(
            str(folder), device=str(choose_device(device)), local_files_only=True
        )
    except LOAD_ERRORS as error:
        raise NotReady(f"the weights of cross-encoder {folder.name!r} cannot be loaded") from error
    if network.num_labels != 1:
        raise NotReady(f"cross-encoder {folder.name!r} gives classes, not one score")
    network.model.eval()
    return TorchCrossEncoder(network, n_threads or usable_cores())
