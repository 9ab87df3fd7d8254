"""Neighbors and similarities over REST and on the command line."""

import csv
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from embedhub.access.caller import Caller
from embedhub.cli import similarity as command
from embedhub.config import override_config
from embedhub.graph.building import build_graph
from embedhub.graph.service import Level, Subject
from tests.factories import SilentProgress, encode_everything, make_collection, send
from tests.web.conftest import ApiClient, ClientFor, api, client_for, fresh_keys

__all__ = ["api", "client_for", "fresh_keys"]

TEXTS = {
    "whale": "a blue whale in the sea",
    "whales": "two blue whale in the sea",
    "secret": "the blue whale in the sea",
    "oven": "bread out of a hot oven",
}


@pytest.fixture
def papers(caller: Caller) -> int:
    """Four documents, one of them for keepers only."""
    collection = make_collection(caller)
    send(caller, *(
        {"external_id": name, "text": text, "access": ["keepers"] if name == "secret" else None}
        for name, text in TEXTS.items()))  # fmt: skip
    encode_everything()
    return collection.id


def found(client: ApiClient, query: str = "?external_id=whale") -> dict[str, Any]:
    answer = client.get(f"/collections/papers/neighbors{query}")
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def names(body: dict[str, Any]) -> list[str]:
    return [one["row"]["external_id"] for one in body["neighbors"]]


def test_neighbors_come_out_of_the_graph_or_a_search(
    caller: Caller, api: ApiClient, papers: int
) -> None:
    searched = found(api)
    assert searched["source"] == "search"
    subject = Subject(caller.workspace_id, papers, None, Level.DOCUMENT)
    build_graph(SilentProgress(), subject.arguments)
    stored = found(api)
    assert stored["source"] == "graph"
    assert names(stored) == names(searched)
    assert names(stored)[-1] == "oven"
    assert stored["row"]["text"] == TEXTS["whale"]
    state = api.get("/collections/papers/graph").json()
    assert state["n_rows"] == 4
    assert state["graph"]["n_nodes"] == 4
    assert state["graph"]["recall"] == 1.0


@pytest.mark.parametrize("is_built", [False, True])
def test_principals_hide_neighbors(
    caller: Caller, api: ApiClient, papers: int, *, is_built: bool
) -> None:
    if is_built:
        subject = Subject(caller.workspace_id, papers, None, Level.DOCUMENT)
        build_graph(SilentProgress(), subject.arguments)
    assert "secret" in names(found(api))
    assert "secret" in names(found(api, "?external_id=whale&principals=keepers"))
    assert names(found(api, "?external_id=whale&principals=")) == ["whales", "oven"]
    hidden = api.get("/collections/papers/neighbors?external_id=secret&principals=")
    assert hidden.status_code == 404


def test_a_bound_key_sees_its_own_and_counts_nothing(
    client_for: ClientFor, caller: Caller, papers: int
) -> None:
    bound = client_for(caller.workspace_id, principals=[])
    assert names(found(bound)) == ["whales", "oven"]
    assert bound.get("/collections/papers/graph").status_code == 403


def test_strangers_and_wrong_requests_are_refused(
    client_for: ClientFor, stranger: Caller, api: ApiClient, papers: int
) -> None:
    theirs = client_for(stranger.workspace_id)
    assert theirs.get("/collections/papers/neighbors?external_id=whale").status_code == 404
    assert theirs.get("/collections/papers/graph").status_code == 404
    assert theirs.post("/collections/papers/graph/build", {}).status_code == 404
    for query, field in (
        ("?external_id=whale&level=item", "level"),
        ("?external_id=whale&limit=0", "limit"),
        ("?external_id=whale&limit=100000", "limit"),
    ):
        answer = api.get(f"/collections/papers/neighbors{query}")
        assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_texts_are_compared(api: ApiClient, papers: int) -> None:
    body = {"texts": [TEXTS["whale"], TEXTS["oven"], TEXTS["whale"]], "encoder": "papers"}
    answer = api.post("/similarity", body).json()
    matrix = answer["matrix"]
    assert answer["encoder"] == "hashing-64"
    assert matrix[0][0] == pytest.approx(1, abs=1e-5)
    assert matrix[0] == matrix[2]
    assert matrix[0][1] == pytest.approx(matrix[1][0])
    assert matrix[0][1] < 0.9
    wide = api.post("/similarity", {"texts": ["one"], "other": ["one", "two"]}).json()["matrix"]
    assert [len(row) for row in wide] == [2]


def test_similarity_has_limits(api: ApiClient) -> None:
    override_config(max_similarity_texts=2)
    try:
        refusals = [
            ({"texts": []}, 422, "texts"),
            ({"texts": ["a", " "]}, 422, "texts.1"),
            ({"texts": ["a"], "other": ["b"] * 3}, 413, "other"),
            ({"texts": ["a"], "encoder": "nobody's"}, 404, None),
        ]
        for body, status, field in refusals:
            answer = api.post("/similarity", body)
            assert (answer.status_code, answer.json().get("field")) == (status, field)
    finally:
        override_config(max_similarity_texts=500)


def test_the_command_line_writes_a_matrix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, api: ApiClient
) -> None:
    class InProcess:
        def __init__(self, server: object) -> None:
            del server

        def call(self, method: str, path: str, body: object) -> Any:
            return api.send(method, path.removeprefix("/v1"), body).json()

    monkeypatch.setattr(command, "HubClient", InProcess)
    monkeypatch.setattr(command, "find_server", lambda *_: None)
    lines = tmp_path / "lines.txt"
    lines.write_text("a whale\n\nhot bread, and more\n", encoding="utf-8")
    done = CliRunner().invoke(command.similarity, ["--file", str(lines), "--format", "csv"])
    assert done.exit_code == 0, done.output
    head, first, second = csv.reader(done.output.splitlines())
    assert head == ["", "a whale", "hot bread, and more"]
    assert first[0] == "a whale"
    assert float(first[1]) == pytest.approx(1, abs=1e-5)
    assert first[2] == second[1]
    shown = CliRunner().invoke(command.similarity, ["a whale", "a ship"])
    assert "1 a whale" in shown.output
    assert CliRunner().invoke(command.similarity, []).exit_code == 2
