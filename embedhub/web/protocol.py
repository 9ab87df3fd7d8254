"""Errors as OpenAI's clients read them: beside the problem, in the member they look for."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

PATHS = ("/v1/embeddings", "/v1/chat/completions", "/v1/models")
TYPES = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}


def speaks_openai(path: str) -> bool:
    """Say whether a path is one of OpenAI's protocol."""
    return path.rstrip("/") in PATHS or path.startswith("/v1/models/")


def openai_error(problem: Mapping[str, Any]) -> dict[str, Any]:
    """Return a problem as the object that OpenAI's clients show."""
    status = problem["status"]
    usual = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    return {
        "message": problem["detail"],
        "type": TYPES.get(status, usual),
        "param": problem.get("field"),
        "code": problem["code"],
    }
