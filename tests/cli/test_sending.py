"""Batches: bounded, without repeats, and one refused document never costs the others."""

from typing import Any

import pytest

from embedhub.cli import sending
from embedhub.cli.client import RequestRefused
from embedhub.cli.sending import Tally, batches, refused_place, send_documents
from embedhub.documents.parsing.parsed import ParsedDocument, RefusedFile


class ServerDouble:
    """Accepts documents unless their text is bad; remembers what it was sent."""

    def __init__(self) -> None:
        self.sent: list[list[str]] = []

    def call(self, method: str, path: str, body: dict[str, list[dict[str, Any]]]) -> object:
        assert (method, path) == ("POST", "/v1/collections/a%2Fb/documents")
        batch = body["documents"]
        for place, document in enumerate(batch):
            if document["text"] == "bad":
                raise RequestRefused(422, "text is bad", f"documents.{place}.text")
            if document["text"] == "down":
                raise RequestRefused(500, "something went wrong here", None)
        self.sent.append([document["external_id"] for document in batch])
        return {"items": [{"external_id": i, "outcome": "created"} for i in self.sent[-1]]}


def send(*found: ParsedDocument | RefusedFile) -> tuple[ServerDouble, Tally, list[int]]:
    server = ServerDouble()
    seen: list[int] = []
    tally = send_documents(
        server,  # type: ignore[arg-type]
        "a/b",
        found,
        lambda tally: seen.append(tally.accepted),
    )
    return server, tally, seen


def document(external_id: str, text: str = "words") -> ParsedDocument:
    return ParsedDocument(external_id, "", text)


def test_refused_documents_are_set_aside_one_by_one() -> None:
    server, tally, _ = send(
        document("1"),
        document("2", "bad"),
        RefusedFile("x.bin", "NUL"),
        document("3"),
        document("4", "bad"),
    )
    assert server.sent == [["1", "3"]]
    assert tally.sentence() == "2 created, 3 refused"
    assert [refused.path for refused in tally.reasons] == ["x.bin", "2", "4"]


def test_a_batch_of_bad_documents_ends() -> None:
    server, tally, _ = send(document("1", "bad"))
    assert server.sent == []
    assert tally.sentence() == "1 refused"


def test_trouble_of_the_server_is_not_a_documents_fault() -> None:
    with pytest.raises(RequestRefused, match="went wrong"):
        send(document("1"), document("2", "down"))


def test_batches_are_bounded_and_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "BATCH_DOCUMENTS", 2)
    server, _, seen = send(*(document(str(n)) for n in range(5)))
    assert server.sent == [["0", "1"], ["2", "3"], ["4"]]
    assert seen == [2, 4, 5]


def test_batches_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "BATCH_BYTES", 100)
    sizes = [
        len(batch) for batch in batches({"external_id": str(n), "text": "x" * 50} for n in range(3))
    ]
    assert sizes == [1, 1, 1]
    assert [len(b) for b in batches([{"external_id": "1", "text": "x" * 500}])] == [1]


def test_no_batch_names_an_id_twice() -> None:
    server, _, _ = send(document("1", "old"), document("2"), document("1", "new"))
    assert server.sent == [["1", "2"], ["1"]]


@pytest.mark.parametrize(
    ("status", "field", "place"),
    [
        (422, "documents.1.metadata.year", 1),
        (413, "documents.0.text", 0),
        (422, "documents.9.text", None),
        (422, "documents", None),
        (422, None, None),
        (403, "documents.1", None),
    ],
)
def test_whose_fault_a_refusal_is(status: int, field: str | None, place: int | None) -> None:
    assert refused_place(RequestRefused(status, "", field), batch_size=2) == place


def test_a_batch_of_one_that_is_too_large_is_that_documents_fault() -> None:
    assert refused_place(RequestRefused(413, "the body has more than 9 bytes", None), 1) == 0
