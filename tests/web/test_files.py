"""Forms with files: all of them are taken, or none."""

import pytest

from embedhub.access.caller import Caller
from embedhub.config import override_config
from tests.factories import make_collection
from tests.web.conftest import ApiClient, Form

FILES = "/collections/papers/files"


@pytest.fixture(autouse=True)
def _needs_a_collection(caller: Caller) -> None:
    make_collection(caller)


def test_two_files_of_one_name_are_not_taken_for_one(api: ApiClient) -> None:
    """What sends them tells no folders: one would silently replace the other."""
    answer = api.post(FILES, Form.of(("README.md", b"first"), ("README.md", b"second")))
    assert answer.status_code == 422
    assert answer.json()["field"] == "files.1.external_id"
    assert api.get(FILES).json()["items"] == []
    named = {"external_id": ["a/README.md", "b/README.md"]}
    sent = api.post(FILES, Form.of(("README.md", b"first"), ("README.md", b"second"), **named))
    assert [item["outcome"] for item in sent.json()["items"]] == ["created", "created"]


def test_of_files_with_one_too_large_none_is_taken(api: ApiClient) -> None:
    override_config(max_file_bytes=100)
    try:
        answer = api.post(FILES, Form.of(("a.txt", b"words"), ("b.txt", b"x" * 101)))
    finally:
        override_config(max_file_bytes=512 * 2**20)
    assert (answer.status_code, answer.json()["field"]) == (413, "files.1")
    assert api.get(FILES).json()["items"] == []
