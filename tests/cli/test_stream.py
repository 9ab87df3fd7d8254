"""A file of lines over REST: parts, interruptions, and where the report of refused lines is."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from embedhub.access.caller import Caller
from embedhub.access.service import create_key
from embedhub.cli import documents, stream
from embedhub.cli.client import HubClient, RequestRefused
from embedhub.cli.options import Server
from embedhub.cli.stream import Memory, Sent, parts, send_file
from embedhub.documents.imports import list_imports
from embedhub.documents.service import list_documents
from tests.factories import make_collection


@pytest.fixture
def client(caller: Caller) -> HubClient:
    """A client whose server is the application itself, in this process."""
    from embedhub.wsgi import application

    make_collection(caller)
    _, token = create_key(caller.workspace_id, name="cli", scopes=["write", "read"])
    made = HubClient(Server("http://127.0.0.1", token), sleep=lambda _: None)
    made._http = httpx.Client(
        base_url="http://127.0.0.1",
        headers={"Authorization": f"Bearer {token}"},
        transport=httpx.WSGITransport(application),
    )
    return made


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of 40 documents and two bad lines, sent in small parts."""
    monkeypatch.setattr(stream, "PART_BYTES", 300)
    path = tmp_path / "docs.ndjson"
    good = "".join(f'{{"external_id": "{n}", "text": "text {n}"}}\n' for n in range(40))
    path.write_text(good + 'no json\n{"external_id": "bad", "text": 7}')
    return path


def send(
    client: HubClient, path: Path, on_progress: Callable[[Sent], None] = lambda _: None
) -> Sent:
    memory = Memory(path.parent / "home", client, "papers", path)
    return send_file(client, "papers", path, memory, on_progress)


def test_a_file_is_sent_in_parts_of_one_import(
    client: HubClient, caller: Caller, lines: Path
) -> None:
    seen: list[int] = []
    sent = send(client, lines, lambda sent: seen.append(sent.n_bytes))
    assert sent.sentence() == "40 created, 2 refused"
    assert seen[0] == 0
    assert seen[-1] == lines.stat().st_size
    assert len(seen) > 4
    (state,) = list_imports(caller, "papers")
    assert (state.status, state.n_lines) == ("finished", 42)


def test_an_interrupted_call_goes_on_when_it_is_repeated(
    client: HubClient, caller: Caller, lines: Path
) -> None:
    def interrupt(sent: Sent) -> None:
        if sent.n_lines > 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send(client, lines, interrupt)
    assert 10 < len(list_documents(caller, "papers").documents) < 40
    began: list[int] = []
    sent = send(client, lines, lambda sent: began.append(sent.n_lines))
    assert began[0] > 10
    assert sent.sentence() == "40 created, 2 refused"
    (state,) = list_imports(caller, "papers")
    assert (state.counts["created"], state.counts["unchanged"], state.n_errors) == (40, 0, 2)
    # All is sent: the next call is another import, which finds nothing new.
    assert send(client, lines).sentence() == "40 unchanged, 2 refused"


def test_another_content_under_the_same_name_is_another_import(
    client: HubClient, caller: Caller, lines: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        send(client, lines, _interrupt)
    lines.write_text('{"external_id": "other", "text": "x"}\n')
    assert send(client, lines).sentence() == "1 created"
    assert len(list_imports(caller, "papers")) == 2


def test_what_the_server_refuses_is_told_and_can_go_on(
    client: HubClient, lines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("embedhub.documents.back_pressure._backlog", (1e18, True))
        with pytest.raises(RequestRefused) as refused:
            send(client, lines)
    assert refused.value.status == 429
    assert send(client, lines).sentence() == "40 created, 2 refused"


def test_an_empty_file_is_an_import_that_ends(
    client: HubClient, caller: Caller, tmp_path: Path
) -> None:
    path = tmp_path / "none.ndjson"
    path.touch()
    assert send(client, path).sentence() == "nothing found"
    assert list_imports(caller, "papers")[0].status == "finished"


@pytest.mark.parametrize("ending", ["", "\n"])
def test_parts_are_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(stream, "PART_BYTES", 5)
    path = tmp_path / "x"
    path.write_text("ab\ncdefghijk\nl" + ending)
    with path.open("rb") as file:
        found = list(parts(file))
    assert b"".join(part for part, _ in found) == path.read_bytes()
    assert [is_last for _, is_last in found] == [False] * (len(found) - 1) + [True]
    assert all(part.endswith(b"\n") for part, _ in found[:-1])


def test_the_command_says_where_the_report_is(
    client: HubClient, lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "HubClient", lambda _: client)
    monkeypatch.setattr(documents, "find_server", lambda *_: client.server)
    options = [str(lines), "--collection", "papers", "--no-wait", "--home", str(tmp_path / "home")]
    asked = CliRunner().invoke(documents.ingest, options)
    assert asked.exit_code == 1
    assert "40 created, 2 refused" in asked.output
    assert "/errors?format=csv" in asked.output
    report = tmp_path / "report.csv"
    asked = CliRunner().invoke(documents.ingest, [*options, "--report", str(report)])
    assert str(report) in asked.output
    assert report.read_text().splitlines()[0] == "line,external_id,message"
    assert len(report.read_text().splitlines()) == 3


def _interrupt(_: Sent) -> None:
    raise KeyboardInterrupt
