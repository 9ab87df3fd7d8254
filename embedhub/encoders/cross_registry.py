"""Cross-encoders by their folder, each loaded at most once a process, by a thread of its own."""

import logging
import threading
import time
from pathlib import Path

from embedhub.config import get_config
from embedhub.encoders.protocol import PairScorer
from embedhub.errors import HubError, NotReady

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_loaded: dict[str, PairScorer] = {}
_failed: dict[str, HubError] = {}
_loading: dict[str, threading.Thread] = {}


def start_cross_encoder(folder: str, deadline: float) -> bool:
    """Return whether the weights of a folder are there at the deadline; they go on being loaded.

    Raises NotReady when loading them failed.
    """
    if folder in _loaded:
        return True
    with _lock:
        if folder in _failed:
            raise _failed[folder]
        thread = _loading.get(folder)
        if thread is None:
            thread = threading.Thread(target=_load, args=(folder,), name="reranker", daemon=True)
            _loading[folder] = thread
            thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    if folder in _failed:
        raise _failed[folder]
    return folder in _loaded


def get_cross_encoder(folder: str) -> PairScorer:
    """Return what `start_cross_encoder` said is loaded."""
    return _loaded[folder]


def _load(folder: str) -> None:
    try:
        place = Path(folder).expanduser()
        if not (place / "config.json").is_file():
            raise NotReady("has no weights on this machine: its folder holds no config.json")
        # Importing torch takes seconds: only whoever reranks pays.
        from embedhub.encoders.cross_encoder import load_cross_encoder

        config = get_config()
        loaded = load_cross_encoder(place, device=config.device, n_threads=config.encoder_threads)
        # The first call prepares much: this thread's time, not a search's.
        loaded.score("warm up", ["warm up"], float("inf"))
        _loaded[folder] = loaded
    except HubError as error:
        logger.warning("cross-encoder not loaded: %s", error)
        _failed[folder] = error
