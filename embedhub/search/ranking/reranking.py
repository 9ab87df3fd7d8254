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
from embedhub.search.ranking.patience import MAX_FAILURES, Patience
from embedhub.search.ranking.settings import DEFAULT_BUDGET_MS, Reranker

logger = logging.getLogger(__name__)

BEFORE = "the order is the one before it"

patience = Patience()


class RerankFailed(Exception):
    """A reranker gave no scores; the text says why, in words for whoever searches.

    `is_its_fault` is false where asking again at once may well succeed.
    """

    def __init__(self, reason: str, *, is_its_fault: bool = False) -> None:
        super().__init__(reason)
        self.is_its_fault = is_its_fault


def rerank(wanted: Reranker, query: str, passages: Mapping[int, str]) -> Scores:
    """Return the reranker's scores of these passages, or why there are none; never raises."""
    if not passages:
        return Scores()
    limit = get_config().reranker_chars
    try:
        scores = _asked(wanted, query, [text[:limit] for text in passages.values()])
    except RerankFailed as error:
        logger.warning("no reranking: %s", error, extra={"reranker": wanted.name})
        if error.is_its_fault:
            patience.note(wanted.name, has_failed=True)
        return Scores(failure=f"the reranker {wanted.name!r} {error}: {BEFORE}")
    patience.note(wanted.name, has_failed=False)
    return Scores(dict(zip(passages, scores, strict=True)))


def _asked(wanted: Reranker, query: str, texts: Sequence[str]) -> Sequence[float]:
    """Return one finite score a text; RerankFailed for whatever goes wrong."""
    if patience.is_over(wanted.name):
        raise RerankFailed(f"failed {MAX_FAILURES} times in a row and is left alone for now")
    deadline = time.monotonic() + wanted.budget_ms / 1_000
    try:
        scores = _scores(wanted.name, query, texts, deadline)
    except OverTime:
        # Who gives it less time than is usual shall not take it away from others.
        is_slow = wanted.budget_ms >= DEFAULT_BUDGET_MS
        reason = f"took longer than {wanted.budget_ms} ms"
        raise RerankFailed(reason, is_its_fault=is_slow) from None
    except EndpointFailed as error:
        raise RerankFailed(str(error), is_its_fault=True) from error
    except HubError as error:
        raise RerankFailed(str(error)) from error
    except RerankFailed:
        raise
    except Exception as error:  # a network raises anything, and a search does not fail over it
        logger.exception("reranker failed", extra={"reranker": wanted.name})
        reason = "failed; the server's log has the details"
        raise RerankFailed(reason, is_its_fault=True) from error
    if not all(map(isfinite, scores)):
        raise RerankFailed("answered with something else than numbers", is_its_fault=True)
    return scores


def _scores(name: str, query: str, texts: Sequence[str], deadline: float) -> Sequence[float]:
    reached = get_config().rerankers.get(name)
    if reached is None:
        raise RerankFailed("is not configured any more")
    if reached.kind != "cross_encoder":
        return ask_endpoint(reached, query, texts, deadline)
    if not start_cross_encoder(reached.folder, deadline):
        raise RerankFailed("is being loaded")
    return get_cross_encoder(reached.folder).score(query, texts, deadline)
