"""How large a request body may be; imports nothing of Django, so that the server may ask too."""

from embedhub.config import get_config

IMPORT_SUFFIXES = (
    "/documents/import",
    "/items/import",
    "/users/import",
    "/interactions/import",
)
UPLOAD_SUFFIX = "/files"
# The admin's page that takes files.
STAFF_UPLOAD = "/admin/console/collection/files"
# What a form holds beside its files.
FORM_BYTES = 1 << 20


def is_import(path: str) -> bool:
    """Say whether bodies sent to this path are imports."""
    return path.rstrip("/").endswith(IMPORT_SUFFIXES)


def is_upload(path: str) -> bool:
    """Say whether bodies sent to this path are forms with files."""
    return path.rstrip("/").endswith(UPLOAD_SUFFIX)


def is_staff_upload(path: str) -> bool:
    """Say whether bodies sent to this path are forms with files, sent by staff."""
    return path.rstrip("/") == STAFF_UPLOAD


def body_limit(path: str) -> int:
    """Return how many bytes a body sent to this path may have."""
    config = get_config()
    if is_import(path):
        return config.max_import_bytes
    if is_upload(path):
        return max(config.max_file_bytes, config.max_body_bytes) + FORM_BYTES
    return config.max_body_bytes
