"""How large a request body may be; imports nothing of Django, so that the server may ask too."""

from embedhub.config import get_config

IMPORT_SUFFIX = "/documents/import"


def is_import(path: str) -> bool:
    """Say whether bodies sent to this path are imports."""
    return path.rstrip("/").endswith(IMPORT_SUFFIX)


def body_limit(path: str) -> int:
    """Return how many bytes a body sent to this path may have."""
    config = get_config()
    return config.max_import_bytes if is_import(path) else config.max_body_bytes
