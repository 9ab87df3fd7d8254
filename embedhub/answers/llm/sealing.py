"""Keys of endpoints as they lie in the database: sealed with the installation's own secret."""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from embedhub.config import get_config
from embedhub.errors import NotReady

# Other uses of the same secret get other keys.
PURPOSE = b"embedhub: keys of language models"


class Unreadable(Exception):
    """A key was sealed with another secret than this installation has."""


def seal(key: str) -> bytes:
    """Return a key as it may be stored; raises NotReady if the installation has no secret."""
    return _fernet(_secret()).encrypt(key.encode())


def unseal(sealed: bytes) -> str:
    """Return the key that was sealed; raises Unreadable if the secret has changed since."""
    try:
        return _fernet(_secret()).decrypt(sealed).decode()
    except InvalidToken:
        raise Unreadable from None


def _secret() -> str:
    secret = get_config().secret_key.get_secret_value()
    if not secret:
        raise NotReady("set EMBEDHUB_SECRET_KEY: keys of language models are sealed with it")
    return secret


@lru_cache(maxsize=1)
def _fernet(secret: str) -> Fernet:
    # The secret is long and random, so it needs no slow derivation.
    derived = HKDF(SHA256(), 32, salt=None, info=PURPOSE).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
