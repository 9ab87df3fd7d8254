"""What can go wrong with an endpoint, in words for whoever asked, and what is worth repeating."""

import math
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from embedhub.answers.generator import GenerationFailed
from embedhub.answers.llm.connection import TookTooLong
from embedhub.answers.llm.endpoint import Endpoint
from embedhub.answers.llm.pieces import BrokenOff, Garbled, RefusedInStream

# Too many requests, a conflict or a pause of the endpoint: passes by itself.
REPEATED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
# An endpoint that asks for a longer wait is not waited for: the caller hears of it at once.
MAX_WAIT_S = 20.0
# It was waited for long enough already, or the next attempt ends alike.
USELESS = (httpx.ReadTimeout, httpx.UnsupportedProtocol)


class Refusal(Exception):
    """An endpoint's answer that is no completion; `words` are the endpoint's own."""

    def __init__(self, status: int, words: str, retry_after_s: float | None) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.words = words
        self.retry_after_s = retry_after_s


class TooLong(Exception):
    """The answer has more characters than one may have."""


class Empty(Exception):
    """The endpoint answered without a word."""


FAULTS = (
    httpx.HTTPError,
    httpx.InvalidURL,
    Refusal,
    RefusedInStream,
    Garbled,
    BrokenOff,
    TookTooLong,
    TooLong,
    Empty,
)

BROKE_OFF = "the language model's answer broke off"
UNREACHABLE = "the language model's endpoint cannot be reached"
NO_ADDRESS = "the address of the language model's endpoint is none"
# The first that fits.
WORDS: tuple[tuple[type[Exception], str], ...] = (
    (TookTooLong, "the language model had not finished after {endpoint.total_s:g} seconds"),
    (httpx.ReadTimeout, "the language model said nothing for {endpoint.silence_s:g} seconds"),
    (httpx.ConnectError, UNREACHABLE),
    (httpx.ConnectTimeout, UNREACHABLE),
    (httpx.ProxyError, UNREACHABLE),
    (httpx.InvalidURL, NO_ADDRESS),
    (httpx.UnsupportedProtocol, NO_ADDRESS),
    (Garbled, "the language model's endpoint does not speak OpenAI's protocol: {error}"),
    (RefusedInStream, "the language model's endpoint reported an error instead of an answer"),
    (TooLong, "the language model's answer has more than {endpoint.max_chars:,} characters"),
    (Empty, "the language model gave an empty answer"),
)
_REFUSED_KEY = "the language model's endpoint refuses the key it was given"
_UNKNOWN = "the language model's endpoint knows no such address or language model"
WORDS_OF_STATUSES = {
    HTTPStatus.UNAUTHORIZED: _REFUSED_KEY,
    HTTPStatus.FORBIDDEN: _REFUSED_KEY,
    HTTPStatus.NOT_FOUND: _UNKNOWN,
    HTTPStatus.METHOD_NOT_ALLOWED: _UNKNOWN,
    HTTPStatus.TOO_MANY_REQUESTS: (
        "the language model's endpoint has too many requests; try again later"
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "the language model's endpoint takes no question with so much text"
    ),
}


def wait_before(error: Exception, attempt: int, base_s: float) -> float | None:
    """Return how many seconds to wait before the next attempt (from 0); None if it is no use.

    Doubles with each attempt, spread by half so that callers do not come back together; what the
    endpoint itself asks for comes first.
    """
    if isinstance(error, Refusal):
        if error.status not in REPEATED:
            return None
        if error.retry_after_s is not None:
            return error.retry_after_s if error.retry_after_s <= MAX_WAIT_S else None
    elif not isinstance(error, httpx.HTTPError | BrokenOff) or isinstance(error, USELESS):
        return None
    spread = random.uniform(0.75, 1.25)  # noqa: S311 - nothing secret about it
    return min(base_s * 2.0**attempt * spread, MAX_WAIT_S)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for; None if it asks for none."""
    if value is None:
        return None
    try:
        asked = float(value)
        return max(0.0, asked) if math.isfinite(asked) else None
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())


def failure(error: Exception, endpoint: Endpoint) -> GenerationFailed:
    """Return what whoever asked is told: why, and when to come back; no key, no address."""
    asked = error.retry_after_s if isinstance(error, Refusal) else None
    return GenerationFailed(words_of(error, endpoint), retry_after_s=asked)


def words_of(error: Exception, endpoint: Endpoint) -> str:
    """Return a fault in plain words."""
    if isinstance(error, Refusal):
        return _words_of_status(error.status)
    words = next((words for kind, words in WORDS if isinstance(error, kind)), BROKE_OFF)
    return words.format(error=error, endpoint=endpoint)


def _words_of_status(status: int) -> str:
    if status in WORDS_OF_STATUSES:
        return WORDS_OF_STATUSES[HTTPStatus(status)]
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return "the language model's endpoint is elsewhere: it answers with a redirect"
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"the language model's endpoint refused the request (status {status})"
    return f"the language model's endpoint failed (status {status})"
