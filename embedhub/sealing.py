"""Secrets that have to be read again: sealed in the database with the installation's own secret."""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from embedhub.config import get_config
from embedhub.errors import NotReady


class Unreadable(Exception):
    """Something was sealed with another secret than this installation has."""


def seal(text: str, purpose: str) -> bytes:
    """Return a text as it may be stored; raises NotReady if the installation has no secret.

    `purpose` names what is sealed, in words: what is sealed for one use is read for no other.
    """
    return _fernet(_secret(purpose), purpose).encrypt(text.encode())


def unseal(sealed: bytes, purpose: str) -> str:
    """Return the text that was sealed; raises Unreadable if the secret has changed since."""
    try:
        return _fernet(_secret(purpose), purpose).decrypt(sealed).decode()
    except InvalidToken:
        raise Unreadable from None


def _secret(purpose: str) -> str:
    secret = get_config().secret_key.get_secret_value()
    if not secret:
        raise NotReady(f"set EMBEDHUB_SECRET_KEY: {purpose} are sealed with it")
    return secret


@lru_cache(maxsize=8)
def _fernet(secret: str, purpose: str) -> Fernet:
    # The secret is long and random, so it needs no slow derivation.
    info = f"embedhub: {purpose}".encode()
    derived = HKDF(SHA256(), 32, salt=None, info=info).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
