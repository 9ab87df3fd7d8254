"""`embedhub findings`: what is asked of the server, and how findings become rows and files."""

import csv
import io
from pathlib import Path
from typing import Any

import click
import orjson
import pytest
from click.testing import CliRunner

from embedhub.cli import findings
from embedhub.cli.findings import Asked, listed, parsed, text_of, write
from embedhub.cli.found_rows import cells, flat
from embedhub.errors import HubError

PAIR = {
    "id": 7,
    "score": 0.97123,
    "kind": "near_copy",
    "status": "open",
    "left": {"external_id": "a", "title": "=HYPERLINK(1)"},
    "right": {"external_id": "b", "title": ""},
    "parts": [{"signal": "cosine", "value": 0.9}],
}


class Server:
    """Answers pages of a list in turn, and keeps what was asked."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, object, dict[str, object]]] = []

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:
        self.asked.append((method, path, body, query))
        return self.answers.pop(0)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server in place of the one that the options would find."""
    server = Server()
    monkeypatch.setattr(findings, "find_server", lambda *_: None)
    monkeypatch.setattr(findings, "HubClient", lambda _: server)
    return server


def run(*arguments: str) -> Any:
    return CliRunner().invoke(findings.findings, arguments, catch_exceptions=False)


def test_a_list_is_read_page_by_page_up_to_its_limit() -> None:
    server: Any = Server(
        {"items": [{"id": 1}] * 200, "cursor": "more"}, {"items": [{"id": 2}] * 50, "cursor": "on"}
    )
    asked = Asked(server, "duplicates", "/d", "/d", {"level": "chunk"})
    assert len(list(listed(asked, "open", 250))) == 250
    queries = [query for *_, query in server.asked]
    assert queries[0] == {"level": "chunk", "status": "open", "limit": 200}
    assert queries[1] == {"level": "chunk", "status": "open", "limit": 50, "cursor": "more"}


def test_a_finding_becomes_cells_and_columns() -> None:
    assert cells("duplicates", PAIR) == ["7", "0.971", "near_copy", "open", "=HYPERLINK(1)", "b"]
    assert flat(PAIR)["left.external_id"] == "a"
    assert orjson.loads(flat(PAIR)["parts"]) == PAIR["parts"]


def test_an_export_computes_nothing_in_a_spreadsheet() -> None:
    file = io.StringIO()
    assert write(iter([PAIR, {"id": 8, "unknown": 1}]), "csv", file) == 2
    file.seek(0)
    rows = list(csv.DictReader(file))
    assert rows[0]["left.title"] == "'=HYPERLINK(1)"
    assert (rows[1]["id"], rows[1]["score"]) == ("8", "")
    lines = io.StringIO()
    assert write(iter([PAIR]), "jsonl", lines) == 1
    assert orjson.loads(lines.getvalue()) == PAIR


def test_decisions_and_their_undoing_are_sent_as_each_analysis_has_them(served: Server) -> None:
    errors = {"items": [{"id": 3, "decision_id": 9}], "cursor": None}
    cases: list[tuple[tuple[str, ...], list[Any], str, dict[str, object]]] = [
        (("decide", "duplicates", "p", "7", "link"), [], "duplicates/7", {"action": "link"}),
        (("undo", "duplicates", "p", "7"), [], "duplicates/7", {"action": "undo"}),
        (
            ("undo", "anomalies", "p", "3"),
            [{"current": 5}],
            "anomalies/3",
            {"decision": "undo", "seen": 5},
        ),
        (
            ("undo", "labels", "p", "3", "--set", "intent"),
            [errors],
            "labels/intent/errors/3",
            {"decision": "open", "seen": 9},
        ),
    ]
    for arguments, before, path, body in cases:
        served.answers = [*before, {"status": "open"}]
        assert run(*arguments).exit_code == 0
        assert served.asked[-1][:3] == ("POST", f"/v1/collections/p/{path}/decision", body)
    served.answers = [{"current": None}]
    with pytest.raises(HubError, match="nothing is decided about 3"):
        run("undo", "anomalies", "p", "3")
    refused = run("decide", "anomalies", "p", "3", "link")
    assert refused.exit_code == 2
    assert "accept, confirm" in refused.output


def test_what_is_missing_or_no_json_is_a_usage_error(served: Server, tmp_path: Path) -> None:
    assert "--set" in run("scan", "labels", "p").output
    assert run("check", "p").exit_code == 2
    assert run("check", "p", "a text", "--file", str(tmp_path)).exit_code == 2
    for text in ("{", "[1]"):
        with pytest.raises(click.BadParameter):
            parsed(text)
    (tmp_path / "a").write_bytes(b"\xff\xfe")
    with pytest.raises(HubError, match="UTF-8"):
        text_of(None, tmp_path / "a")
    assert served.asked == []


def test_a_text_of_a_catalog_is_scored(served: Server) -> None:
    served.answers = [{"score": 0.5}]
    done = run("score", "films", "odd words", "--catalog")
    assert orjson.loads(done.output) == {"score": 0.5}
    assert served.asked[-1][:3] == (
        "POST",
        "/v1/catalogs/films/anomalies/score",
        {"text": "odd words"},
    )
