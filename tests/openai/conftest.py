"""The official client of OpenAI against a live server of ours."""

from collections.abc import Callable, Iterator

import pytest
from openai import OpenAI

from embedhub.access.caller import Caller
from embedhub.access.service import create_key
from tests.live import live_server
from tests.search.conftest import written_log
from tests.web.conftest import api, client_for, fresh_keys, stranger_api

__all__ = ["api", "client_for", "fresh_keys", "stranger_api", "written_log"]


@pytest.fixture(scope="module")
def address(database: str) -> Iterator[str]:
    with live_server() as address:
        yield address


@pytest.fixture
def openai_for(address: str, clean: str) -> Iterator[Callable[[Caller], OpenAI]]:
    """Makes a client with a new key of a caller's workspace."""
    made: list[OpenAI] = []

    def make(caller: Caller) -> OpenAI:
        _, token = create_key(caller.workspace_id, name="openai", scopes=["read"])
        made.append(OpenAI(base_url=f"{address}/v1", api_key=token, max_retries=0))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def openai(openai_for: Callable[[Caller], OpenAI], caller: Caller) -> OpenAI:
    return openai_for(caller)
