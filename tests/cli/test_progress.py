"""What a person sees while documents are sent: "accepted" counts what was accepted."""

import io

import pytest
from rich.console import Console

from embedhub.cli import progress
from embedhub.cli.sending import Tally
from embedhub.documents.parsing.parsed import ParsedDocument, RefusedFile


class AcceptingServer:
    """Creates every document it is sent."""

    def call(self, _method: str, _path: str, body: dict[str, list[object]]) -> object:
        return {"items": [{"outcome": "created"} for _ in body["documents"]]}


@pytest.mark.parametrize(("total", "shown"), [(None, "accepted  1 "), (3, "1/1")])
def test_refused_files_are_not_counted_as_accepted(
    monkeypatch: pytest.MonkeyPatch, total: int | None, shown: str
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda **_: Console(file=screen, width=100))
    found: list[ParsedDocument | RefusedFile] = [
        RefusedFile("a", "NUL"),
        ParsedDocument("1", "", "words"),
        RefusedFile("b", "NUL"),
    ]
    tally: Tally = progress.send(
        AcceptingServer(),  # type: ignore[arg-type]
        "papers",
        found,
        total=total,
    )
    assert shown in screen.getvalue()
    assert tally.sentence() == "1 created, 2 refused"
