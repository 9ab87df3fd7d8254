"""What an endpoint is, and which addresses may be one; pure."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from embedhub.errors import InvalidInput

MAX_URL_CHARS = 2_000
MAX_NAME_CHARS = 200
MAX_KEY_CHARS = 4_000
CHAT = "/chat/completions"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how answers are put into words.

    `base_url` ends before /chat/completions; `name` is what the endpoint calls its language model.
    The key is in no repr. Times are seconds: `silence_s` is the longest wait for the next piece of
    an answer, `total_s` the longest call. `temperature` None leaves it to the endpoint.
    """

    base_url: str
    name: str
    api_key: str = field(repr=False)
    temperature: float | None
    max_tokens: int
    connect_s: float
    silence_s: float
    total_s: float
    attempts: int
    retry_base_s: float
    max_chars: int

    @property
    def chat_url(self) -> str:
        """The address that chats are posted to."""
        return self.base_url.rstrip("/") + CHAT


def check_base_url(url: str, field: str = "base_url") -> str:
    """Return the base URL without what is often pasted with it; raises InvalidInput.

    Whoever may set it is trusted with the network that the web server sees: private addresses are
    allowed, because language models often run there.
    """
    url = url.strip().rstrip("/").removesuffix(CHAT)
    if len(url) > MAX_URL_CHARS or not url.isprintable() or any(c.isspace() for c in url):
        raise InvalidInput("is not an address", field)
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise InvalidInput("is not an address", field) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidInput("must begin with http:// or https:// and name a host", field)
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("must not hold a password: give it as the key", field)
    if parts.query or parts.fragment:
        raise InvalidInput("must not hold ? or #", field)
    return url


def check_name(name: str, field: str = "name") -> str:
    """Return what the endpoint calls its language model; raises InvalidInput."""
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
        raise InvalidInput(f"must have 1 to {MAX_NAME_CHARS} printable characters", field)
    return name


def check_key(key: str, field: str = "api_key") -> str:
    """Return a key as a header can carry it; raises InvalidInput without repeating it."""
    key = key.strip()
    if len(key) > MAX_KEY_CHARS or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidInput("is not a key: letters, digits and signs without spaces", field)
    return key
