"""API tokens: how they are made, and the only form in which they are stored."""

import hashlib
import secrets
import string

# Letters and digits only, so that a double click selects a whole token.
ALPHABET = string.ascii_letters + string.digits
PREFIX_CHARS = 8
# 62^40 is about 2^238.
SECRET_CHARS = 40
# A longer header is not one of ours: refused before it is hashed.
MAX_TOKEN_CHARS = 128


def make_token() -> tuple[str, str]:
    """Return a new token and its prefix: `eh_<prefix>_<secret>`, the prefix being safe to show."""
    prefix = "eh_" + _random(PREFIX_CHARS)
    return f"{prefix}_{_random(SECRET_CHARS)}", prefix


def hash_token(token: str) -> bytes:
    """Return the SHA-256 of a whole token.

    A plain hash is enough: the secret is random, so there is no dictionary to try. Looking the
    hash up by an index is safe too: its timing tells of the hash, which nobody can steer.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _random(n_chars: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(n_chars))
