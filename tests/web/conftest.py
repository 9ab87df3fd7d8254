"""Clients of the API, with keys, and a real server where sockets matter."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from embedhub.access import recent
from embedhub.access.caller import Caller
from embedhub.access.service import create_key


class Form(bytes):
    """A form with files, as its body; `of` makes one."""

    content_type: str

    @classmethod
    def of(cls, *files: tuple[str, bytes], **fields: object) -> "Form":
        """Return a form of these files (name, content) and fields; a list is repeated."""
        parts = {"file": [SimpleUploadedFile(*file) for file in files], **fields}
        form = cls(encode_multipart(BOUNDARY, parts))
        form.content_type = MULTIPART_CONTENT
        return form


class ApiClient:
    """A client with a key: JSON in, status and JSON out."""

    def __init__(self, token: str | None, key_id: int | None = None) -> None:
        self.key_id = key_id
        self.client = Client(raise_request_exception=False, SERVER_NAME="localhost")
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Send a request below /v1 and return Django's response; bytes go as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        content_type = body.content_type if isinstance(body, Form) else "application/json"
        return self.client.generic(
            method,
            f"/v1{path}",
            b"" if body is None else content,
            content_type=content_type,
            headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}},
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: object, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: object, **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, **headers)


ClientFor = Callable[..., ApiClient]


@pytest.fixture(autouse=True)
def fresh_keys() -> Iterator[None]:
    """Truncated tables hand out the same key ids again."""
    recent.forget_all()
    yield
    recent.forget_all()


@pytest.fixture
def client_for(clean: str) -> ClientFor:
    """Makes a client with a new key of a workspace."""

    def make(workspace_id: int, *scopes: str, **bounds: Any) -> ApiClient:
        wanted = scopes or ("read", "write", "admin")
        key, token = create_key(workspace_id, name="a test", scopes=wanted, **bounds)
        return ApiClient(token, key.id)

    return make


@pytest.fixture
def api(caller: Caller, client_for: ClientFor) -> ApiClient:
    """A client that may do everything in our workspace."""
    return client_for(caller.workspace_id)


@pytest.fixture
def stranger_api(stranger: Caller, client_for: ClientFor) -> ApiClient:
    """A client that may do everything in another workspace."""
    return client_for(stranger.workspace_id)
