"""Transformers compiled by OpenVINO for this machine's CPU: the same network, a query sooner."""

import sys
import threading
import warnings
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

# The precisions in which the compiled network computes what torch computes in them.
PRECISION_HINTS = {torch.float32: "f32", torch.bfloat16: "bf16"}


class CompiledTransformer:
    """Token ids and attention mask to token embeddings; safe to call from several threads."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self._of_thread = threading.local()

    def __call__(self, features: dict[str, Any]) -> dict[str, Any]:
        """Return the features with `token_embeddings`, float32: (texts, tokens, width)."""
        inputs = {name: features[name].numpy() for name in ("input_ids", "attention_mask")}
        embeddings = self._request().infer(inputs, share_inputs=True)[0]
        return {**features, "token_embeddings": torch.from_numpy(embeddings)}

    def _request(self) -> Any:
        # A request holds the buffers of one computation: threads must not share it.
        if not hasattr(self._of_thread, "request"):
            self._of_thread.request = self._network.create_infer_request()
        return self._of_thread.request


def import_openvino() -> Any:
    """Return the module openvino, unable to report to its makers; ImportError if not installed."""
    # It would send an event over the network at its import, unless this package cannot be imported.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


def compile_transformer(
    transformer: torch.nn.Module, precision: torch.dtype, n_threads: int
) -> CompiledTransformer:
    """Return the transformer, held in float32, compiled for texts of any length.

    One thread computes a text, and `n_threads` texts are computed at once. Raises whatever the
    conversion of a network it does not understand raises.
    """
    openvino = import_openvino()
    example = torch.ones(2, 8, dtype=torch.int64)
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        # Tracing warns of every branch it takes for constant: the caller compares the vectors.
        with warnings.catch_warnings(action="ignore"), torch.no_grad():
            model = openvino.convert_model(
                _TokenEmbeddings(transformer),
                example_input={"input_ids": example, "attention_mask": example},
            )
    finally:
        transformers_logging.set_verbosity(verbosity)
    settings = {
        "INFERENCE_PRECISION_HINT": PRECISION_HINTS[precision],
        "INFERENCE_NUM_THREADS": n_threads,
        "NUM_STREAMS": n_threads,
        # Two processes bound to the same core would wait for each other with the next one idle.
        "ENABLE_CPU_PINNING": False,
    }
    return CompiledTransformer(openvino.Core().compile_model(model, "CPU", settings))


class _TokenEmbeddings(torch.nn.Module):
    """A sentence-transformers transformer as a function of tensors, which tracing wants."""

    def __init__(self, transformer: torch.nn.Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        features = {"input_ids": input_ids, "attention_mask": attention_mask}
        embeddings: torch.Tensor = self.transformer(features)["token_embeddings"]
        return embeddings
