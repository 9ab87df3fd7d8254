"""Rerankers of other servers: the OpenAI-compatible endpoint (as vLLM, Jina, Voyage and LiteLLM
speak it) and Cohere's.

Both take {"model", "query", "documents", "top_n"} and answer {"results": [{"index",
"relevance_score"}]}; they differ in their path.
"""

import json
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import httpx

from embedhub.config import get_config
from embedhub.config_ranking import RerankerSettings
from embedhub.encoders import OverTime
from embedhub.search.attributes import is_number

PATHS = {"openai": "/rerank", "cohere": "/v2/rerank"}
MAX_ANSWER_BYTES = 4 * 2**20
# Worth another attempt: too many requests, and servers that are overloaded or starting.
RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 529})


class EndpointFailed(Exception):
    """The endpoint gave no scores; the text says why, without anything secret."""


class _TryAgain(Exception):
    """This attempt failed in a way that the next may not."""


def ask_endpoint(
    reached: RerankerSettings, query: str, texts: Sequence[str], deadline: float
) -> list[float]:
    """Return one score a text, large is good.

    Refused and broken attempts are repeated while there is time. Raises EndpointFailed, and
    OverTime at the deadline (of `time.monotonic`).
    """
    config = get_config()
    body = {
        "model": reached.name,
        "query": query,
        "documents": list(texts),
        "top_n": len(texts),
    }
    reason = ""
    for attempt in range(config.reranker_attempts):
        if attempt:
            wait = config.reranker_retry_base_s * 2 ** (attempt - 1)
            if time.monotonic() + wait >= deadline:
                break
            time.sleep(wait)
        try:
            return scores_of(_post(reached, body, deadline), len(texts))
        except _TryAgain as error:
            reason = str(error)
    raise EndpointFailed(reason)


def scores_of(answer: Any, n_texts: int) -> list[float]:
    """Return the scores in the order of the texts; EndpointFailed unless each has exactly one."""
    found: dict[int, float] = {}
    results = answer.get("results") if isinstance(answer, dict) else None
    for result in results if isinstance(results, list) else ():
        index = result.get("index") if isinstance(result, dict) else None
        score = result.get("relevance_score") if isinstance(result, dict) else None
        if isinstance(index, int) and is_number(score) and index not in found:
            found[index] = float(score)
    if found.keys() != set(range(n_texts)):
        raise EndpointFailed("answered without a score for every passage")
    return [found[index] for index in range(n_texts)]


def _post(reached: RerankerSettings, body: dict[str, Any], deadline: float) -> Any:
    left = deadline - time.monotonic()
    if left <= 0:
        raise OverTime
    key = reached.api_key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = reached.url.rstrip("/") + PATHS[reached.kind]
    try:
        with _client().stream("POST", url, json=body, headers=headers, timeout=left) as answer:
            content = _content(answer, deadline)
            status = answer.status_code
    except httpx.TimeoutException:
        raise OverTime from None
    except httpx.HTTPError as error:
        raise _TryAgain(f"cannot be reached ({type(error).__name__})") from error
    if status in RETRIED:
        raise _TryAgain(f"answered with status {status}")
    if status != httpx.codes.OK:
        raise EndpointFailed(f"answered with status {status}")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise EndpointFailed("answered with something else than JSON") from None


def _content(answer: httpx.Response, deadline: float) -> bytes:
    # The client's own time limits are for each read: a server that drips bytes never meets them.
    content = bytearray()
    for part in answer.iter_bytes():
        content += part
        if time.monotonic() > deadline:
            raise OverTime
        if len(content) > MAX_ANSWER_BYTES:
            raise EndpointFailed("answered with too much")
    return bytes(content)


@lru_cache(maxsize=1)
def _client() -> httpx.Client:
    # One for the process: connections stay open from one search to the next.
    return httpx.Client(follow_redirects=False)
