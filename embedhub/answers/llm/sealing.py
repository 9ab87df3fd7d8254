"""Keys of endpoints as they lie in the database."""

from embedhub import sealing
from embedhub.sealing import Unreadable

__all__ = ["Unreadable", "seal", "unseal"]

PURPOSE = "keys of language models"


def seal(key: str) -> bytes:
    """Return a key as it may be stored; raises NotReady if the installation has no secret."""
    return sealing.seal(key, PURPOSE)


def unseal(sealed: bytes) -> str:
    """Return the key that was sealed; raises Unreadable if the secret has changed since."""
    return sealing.unseal(sealed, PURPOSE)
