"""The page on chats shows requests that work."""

import json
import re
from pathlib import Path

import pytest

from embedhub.access.caller import Caller
from tests.factories import encode_everything, make_collection, send
from tests.web.conftest import ApiClient

PAGE = (Path(__file__).parents[2] / "docs" / "chat.md").read_text()
SHOWN = re.findall(r"```\nPOST /v1(\S+)\n```\n```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("path", "body"), SHOWN, ids=[path for path, _ in SHOWN])
def test_a_shown_request_works(api: ApiClient, caller: Caller, path: str, body: str) -> None:
    make_collection(caller)
    text = "Blue whales feed on krill. They breathe air."
    send(caller, {"external_id": "whales", "text": text})
    encode_everything()
    response = api.post(path, json.loads(body))
    assert response.status_code == 200, response.content
    content = b"".join(response) if response.streaming else response.content
    if "embeddings" in path:
        assert len(json.loads(content)["data"]) == 2
    else:
        assert b"krill" in content or b"breathe" in content


def test_every_kind_of_request_is_shown() -> None:
    assert {path for path, _ in SHOWN} == {
        "/collections/papers/answers",
        "/chat/completions",
        "/embeddings",
    }
