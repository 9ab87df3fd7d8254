"""Where and in which number format an encoder computes."""

import torch

from embedhub.errors import NotReady

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

BFLOAT16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "sve_bf16", "arm_bf16")


def choose_device(wanted: str) -> torch.device:
    """Return the configured device; auto is the first of cuda, mps and cpu that works."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise NotReady("EMBEDHUB_DEVICE is cuda, but torch finds no CUDA device")
    if wanted == "mps" and not torch.backends.mps.is_available():
        raise NotReady("EMBEDHUB_DEVICE is mps, but torch finds no Metal device")
    if wanted != "auto":
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """Return the configured format; auto is a 16-bit one where the hardware computes in it."""
    if wanted != "auto":
        return PRECISIONS[wanted]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16
    if device.type == "cpu" and _cpu_computes_bfloat16():
        return torch.bfloat16
    return torch.float32


def _cpu_computes_bfloat16() -> bool:
    # Without these instructions bfloat16 is emulated and slower than float32.
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    if capabilities:
        return any(capabilities.get(name) for name in BFLOAT16_INSTRUCTIONS)
    return bool(torch.cpu._is_avx512_bf16_supported())
