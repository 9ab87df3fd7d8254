"""Streams over real sockets: clients that leave end the call, slow ones hold no connection."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.access.service import create_key
from embedhub.answers.llm import client as llm_client
from embedhub.answers.llm.service import LlmSettingInput, save_setting
from tests.factories import encode_everything, make_collection, send_texts
from tests.fake_llm import FakeLlm, Reply, fake_llm
from tests.live import live_server

LONG = " ".join(["whales"] * 400) + " [1]."


@pytest.fixture
def llm(caller: Caller) -> Iterator[FakeLlm]:
    with fake_llm() as fake:
        wanted = LlmSettingInput(is_enabled=True, base_url=fake.base_url, name="small")
        save_setting(caller.workspace_id, wanted)
        yield fake


@pytest.fixture
def open_stream(caller: Caller, clean: str) -> Iterator[Callable[[], socket.socket]]:
    """Opens connections to a server of one thread and asks for a stream on each."""
    make_collection(caller)
    send_texts(caller, ["Whales are mammals that breathe air."])
    encode_everything()
    _, token = create_key(caller.workspace_id, name="a test", scopes=["read"])
    body = json.dumps(
        {
            "model": "papers",
            "stream": True,
            "messages": [{"role": "user", "content": "What are whales?"}],
        }
    ).encode()
    with live_server(threads=1) as address:
        where = urlsplit(address)

        def connect() -> socket.socket:
            opened = socket.create_connection((where.hostname or "", where.port or 0), timeout=20)
            opened.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\n"
                + f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            return opened

        yield connect


def read_until(opened: socket.socket, part: bytes) -> bytes:
    read = b""
    while part not in read:
        received = opened.recv(65_536)
        assert received, read
        read += received
    return read


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "reply", [Reply(LONG, pause_s=0.05), Reply(silence_s=60)], ids=["amid it", "before it"]
)
def test_a_client_that_leaves_ends_the_call(
    llm: FakeLlm, open_stream: Callable[[], socket.socket], reply: Reply
) -> None:
    llm.usual = reply
    with closing(open_stream()) as opened:
        if not reply.silence_s:
            assert b"text/event-stream" in read_until(opened, b'"content":" whales"')
        wait_for(lambda: llm.bodies)
    wait_for(lambda: llm.n_left == 1)
    # The one thread is free again, and so is the place of the call.
    llm.usual = Reply("Mammals [1].")
    with closing(open_stream()) as opened:
        assert b"Mammals" in read_until(opened, b"[DONE]")
    assert llm_client.places().acquire(blocking=False)
    llm_client.places().release()


def test_a_stream_holds_no_connection_of_the_database(
    llm: FakeLlm, open_stream: Callable[[], socket.socket]
) -> None:
    llm.usual = Reply(LONG, pause_s=0.02)
    with closing(open_stream()) as opened:
        read_until(opened, b'"content":" whales"')
        # What is written behind a search's back takes one for a moment.
        wait_for(lambda: checked_out() == 0)
        read_until(opened, b'"content":" whales"')
        wait_for(lambda: checked_out() == 0)
    wait_for(lambda: llm.n_left == 1)


def test_a_client_that_reads_nothing_holds_no_connection_of_the_database(
    llm: FakeLlm, open_stream: Callable[[], socket.socket]
) -> None:
    llm.usual = Reply(" ".join(["x" * 2_000] * 20) + " [1].")
    with closing(open_stream()):
        wait_for(lambda: llm.bodies)
        wait_for(lambda: checked_out() == 0)
        time.sleep(0.5)
        assert checked_out() == 0


def checked_out() -> int:
    pool = db.engine().pool
    return int(pool.checkedout())  # type: ignore[attr-defined]
