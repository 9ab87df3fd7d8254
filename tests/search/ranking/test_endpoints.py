"""Rerank endpoints of other servers: their protocol, their faults, and the time they may take."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from embedhub.config import override_config
from embedhub.config_ranking import RerankerSettings
from embedhub.encoders import OverTime
from embedhub.search.ranking import reranking
from embedhub.search.ranking.endpoints import EndpointFailed, ask_endpoint, scores_of
from embedhub.search.ranking.patience import MAX_FAILURES, REST_S, Patience
from embedhub.search.ranking.reranking import rerank
from embedhub.search.ranking.settings import Reranker

TEXTS = ["first text", "second text", "third text"]


@dataclass
class FakeReranker:
    """Scores a text by its length; `statuses` are answered first, in order."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    raw: bytes | None = None
    drip_s: float = 0
    asked: list[tuple[str, str | None, dict[str, Any]]] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.asked.append((handler.path, handler.headers["Authorization"], body))
        status = self.statuses.pop(0) if self.statuses else 200
        results = [
            {"index": index, "relevance_score": len(text) / 100}
            for index, text in enumerate(body["documents"])
        ]
        content = json.dumps({"results": results[::-1]}).encode() if self.raw is None else self.raw
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if not self.drip_s:
            handler.wfile.write(content)
            return
        for byte in content:
            time.sleep(self.drip_s)
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()


@pytest.fixture
def server() -> Iterator[FakeReranker]:
    fake = FakeReranker()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            # The client goes when its time is over.
            with suppress(OSError):
                fake.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    fake.url = f"http://127.0.0.1:{http.server_port}/v1"
    override_config(reranker_retry_base_s=0.01)
    yield fake
    http.shutdown()
    http.server_close()
    override_config(reranker_retry_base_s=0.1, rerankers="{}")


def reached(server: FakeReranker, kind: str = "openai") -> RerankerSettings:
    return RerankerSettings.model_validate(
        {"kind": kind, "url": server.url, "name": "r-1", "api_key": "sekret"}
    )


def soon(seconds: float = 5) -> float:
    return time.monotonic() + seconds


@pytest.mark.parametrize(("kind", "path"), [("openai", "/v1/rerank"), ("cohere", "/v1/v2/rerank")])
def test_both_protocols_are_spoken(server: FakeReranker, kind: str, path: str) -> None:
    found = ask_endpoint(reached(server, kind), "a question", TEXTS, soon())
    assert found == [len(text) / 100 for text in TEXTS]
    ((asked_path, key, body),) = server.asked
    assert asked_path == path
    assert key == "Bearer sekret"
    assert body == {"model": "r-1", "query": "a question", "documents": TEXTS, "top_n": 3}


def test_what_may_pass_is_tried_again(server: FakeReranker) -> None:
    server.statuses = [429]
    assert len(ask_endpoint(reached(server), "q", TEXTS, soon())) == 3
    server.statuses = [503, 500]
    with pytest.raises(EndpointFailed, match="status 500"):
        ask_endpoint(reached(server), "q", TEXTS, soon())
    assert len(server.asked) == 4


@pytest.mark.parametrize("status", [400, 401, 404, 302])
def test_what_will_not_pass_is_not(server: FakeReranker, status: int) -> None:
    server.statuses = [status]
    with pytest.raises(EndpointFailed, match=f"status {status}"):
        ask_endpoint(reached(server), "q", TEXTS, soon())
    assert len(server.asked) == 1


@pytest.mark.parametrize("drip_s", [0.03])
def test_a_server_that_drips_bytes_does_not_outlast_its_time(
    server: FakeReranker, drip_s: float
) -> None:
    server.drip_s = drip_s
    started = time.monotonic()
    with pytest.raises(OverTime):
        ask_endpoint(reached(server), "q", TEXTS, soon(0.2))
    assert time.monotonic() - started < 1


def test_no_attempt_begins_behind_the_deadline(server: FakeReranker) -> None:
    with pytest.raises(OverTime):
        ask_endpoint(reached(server), "q", TEXTS, soon(-1))
    assert server.asked == []


def test_a_server_that_is_not_there_is_told_of() -> None:
    nowhere = RerankerSettings(kind="openai", url="http://127.0.0.1:9")
    with pytest.raises(EndpointFailed, match="cannot be reached"):
        ask_endpoint(nowhere, "q", TEXTS, soon())


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b"[" * 100_000, b'{"results": []}', b"null", b"\xff\xfe", b"[1]"]
)
def test_garbage_is_a_failure(server: FakeReranker, raw: bytes) -> None:
    server.raw = raw
    with pytest.raises(EndpointFailed):
        ask_endpoint(reached(server), "q", TEXTS, soon())


@pytest.mark.parametrize(
    "results",
    [
        [{"index": 0, "relevance_score": 1}],
        [{"index": 0, "relevance_score": 1}, {"index": 0, "relevance_score": 1}],
        [{"index": 0, "relevance_score": 1}, {"index": 2, "relevance_score": 1}],
        [{"index": 0, "relevance_score": 1}, {"index": 1, "relevance_score": "0.5"}],
        [{"index": 0, "relevance_score": 1}, {"index": 1, "relevance_score": True}],
        [1, 2],
    ],
)
def test_every_passage_needs_one_score(results: Any) -> None:
    with pytest.raises(EndpointFailed):
        scores_of({"results": results}, 2)


def test_reasons_tell_the_name_and_never_the_key(server: FakeReranker) -> None:
    configured = {"kind": "openai", "url": server.url, "api_key": "sekret"}
    override_config(rerankers=json.dumps({"ours": configured}))
    server.statuses = [401]
    found = rerank(Reranker("ours", budget_ms=10_000), "q", {7: "text"})
    assert found.failure is not None
    assert "'ours' answered with status 401" in found.failure
    assert "sekret" not in found.failure
    assert rerank(
        Reranker("ours", budget_ms=10_000), "q", {7: "text", 9: "longer text"}
    ).by_chunk == {
        7: 0.04,
        9: 0.11,
    }
    server.drip_s = 0.05
    late = rerank(Reranker("ours", budget_ms=100), "q", {7: "text"})
    assert late.failure is not None
    assert "100 ms" in late.failure
    assert rerank(Reranker("ours", budget_ms=10_000), "q", {}).failure is None


def test_one_that_fails_again_and_again_is_left_alone_for_a_while(
    server: FakeReranker, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = {"kind": "openai", "url": server.url}
    override_config(rerankers=json.dumps({"ours": configured}))
    now = [0.0]
    monkeypatch.setattr(reranking, "patience", Patience(lambda: now[0]))
    wanted = Reranker("ours", budget_ms=10_000)
    server.statuses = [400] * MAX_FAILURES
    for _ in range(MAX_FAILURES):
        assert "status 400" in (rerank(wanted, "q", {7: "text"}).failure or "")
    assert "left alone" in (rerank(wanted, "q", {7: "text"}).failure or "")
    assert len(server.asked) == MAX_FAILURES
    now[0] = REST_S
    assert rerank(wanted, "q", {7: "text"}).by_chunk == {7: 0.04}
    server.statuses = [400]
    rerank(wanted, "q", {7: "text"})
    assert rerank(wanted, "q", {7: "text"}).by_chunk == {7: 0.04}


def test_a_budget_that_is_too_small_takes_a_reranker_from_nobody(server: FakeReranker) -> None:
    configured = {"kind": "openai", "url": server.url}
    override_config(rerankers=json.dumps({"ours": configured}))
    server.drip_s = 0.02
    for _ in range(MAX_FAILURES + 1):
        assert "1 ms" in (rerank(Reranker("ours", budget_ms=1), "q", {7: "text"}).failure or "")
    server.drip_s = 0
    assert rerank(Reranker("ours", budget_ms=10_000), "q", {7: "text"}).failure is None


def test_long_passages_are_cut(server: FakeReranker) -> None:
    configured = {"kind": "openai", "url": server.url}
    override_config(rerankers=json.dumps({"ours": configured}), reranker_chars=10)
    try:
        rerank(Reranker("ours", budget_ms=10_000), "q", {7: "x" * 50})
    finally:
        override_config(reranker_chars=4_000)
    assert server.asked[0][2]["documents"] == ["x" * 10]
    assert server.asked[0][1] is None


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "cross_encoder"},
        {"kind": "openai", "url": "ftp://x"},
        {"kind": "other", "url": "http://x"},
        {"kind": "cohere", "url": "http://x", "colour": "red"},
    ],
)
def test_settings_that_reach_nothing_fail_at_start(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="RerankerSettings"):
        RerankerSettings.model_validate(settings)
