"""Asking a configured reranker, within its time: whatever goes wrong, a search goes on without it.

Called while no transaction is open.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from math import isfinite

from embedhub.config import get_config
from embedhub.encoders import OverTime, get_cross_encoder, start_cross_encoder
from embedhub.errors import HubError
from embedhub.search.ranking.context import Scores
from embedhub.search.ranking.endpoints import EndpointFailed, ask_endpoint
from embedhub.search.ranking.settings import Reranker

logger = logging.getLogger(__name__)

BEFORE = "the order is the one before it"


class RerankFailed(Exception):
    """A reranker gave no scores; the text says why, in words for whoever searches."""


def rerank(wanted: Reranker, query: str, passages: Mapping[int, str]) -> Scores:
    """Return the reranker's scores of these passages, or why there are none; never raises."""
    deadline = time.monotonic() + wanted.budget_ms / 1_000
    limit = get_config().reranker_chars
    texts = [text[:limit] for text in passages.values()]
    if not texts:
        return Scores()
    try:
        scores = _scores(wanted.name, query, texts, deadline)
    except OverTime:
        return _failed(wanted, f"took longer than {wanted.budget_ms} ms")
    except (RerankFailed, EndpointFailed, HubError) as error:
        return _failed(wanted, str(error))
    except Exception:  # a network raises anything, and a search does not fail over it
        logger.exception("reranker failed", extra={"reranker": wanted.name})
        return _failed(wanted, "failed; the server's log has the details")
    if not all(map(isfinite, scores)):
        return _failed(wanted, "answered with something else than numbers")
    return Scores(dict(zip(passages, scores, strict=True)))


def _failed(wanted: Reranker, reason: str) -> Scores:
    logger.warning("no reranking: %s", reason, extra={"reranker": wanted.name})
    return Scores(failure=f"the reranker {wanted.name!r} {reason}: {BEFORE}")


def _scores(name: str, query: str, texts: Sequence[str], deadline: float) -> Sequence[float]:
    reached = get_config().rerankers.get(name)
    if reached is None:
        raise RerankFailed("is not configured any more")
    if reached.kind != "cross_encoder":
        return ask_endpoint(reached, query, texts, deadline)
    if not start_cross_encoder(reached.folder, deadline):
        raise RerankFailed("is being loaded")
    return get_cross_encoder(reached.folder).score(query, texts, deadline)
