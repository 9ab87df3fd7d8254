"""Documents of a file that was sent again with another access list."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.documents.files import reading, service
from embedhub.documents.service import get_document, list_documents
from embedhub.runs.kinds import RunKind
from embedhub.tables import Run
from tests.documents.files.factories import read, send_file, sent_and_read
from tests.documents.files.pdfs import pdf_of
from tests.factories import make_collection

BROKEN = b"%PDF-1.7 and nothing that a PDF holds"


@pytest.fixture(autouse=True)
def collection_id(caller: Caller) -> int:
    return make_collection(caller).id


def seen_by(caller: Caller, *principals: str) -> set[str]:
    somebody = replace(caller, principals=principals)
    return {each.external_id for each in list_documents(somebody, "papers").documents}


def access_of(caller: Caller, name: str) -> list[str] | None:
    access = get_document(caller, "papers", name).access
    return None if access is None else sorted(access)


@pytest.mark.parametrize(
    ("before", "sent", "while_it_waits"),
    [
        (None, ["keepers"], ["keepers"]),
        (["staff", "keepers"], ["keepers", "owners"], ["keepers"]),
        (["staff"], ["keepers"], []),
        (["staff"], [], []),
        (["keepers"], ["keepers", "owners"], ["keepers"]),
        (["keepers"], None, ["keepers"]),
        (None, None, None),
    ],
)
def test_what_was_read_before_is_seen_by_nobody_who_may_not_see_the_file(
    caller: Caller,
    before: list[str] | None,
    sent: list[str] | None,
    while_it_waits: list[str] | None,
) -> None:
    """Nor by anybody new before the new content is read: the old one was not meant for them."""
    sent_and_read(caller, "a.txt", "old words", access=before)
    sent_and_read(caller, "b.txt", "other words", access=before)
    accepted = send_file(caller, "a.txt", "new words", access=sent)
    assert access_of(caller, "a.txt") == while_it_waits
    assert access_of(caller, "b.txt") == (None if before is None else sorted(before))
    read(accepted)
    assert access_of(caller, "a.txt") == (None if sent is None else sorted(sent))


def test_access_narrowed_holds_where_the_new_content_cannot_be_read(caller: Caller) -> None:
    sent_and_read(caller, "a.pdf", pdf_of(["Whales are mammals."]))
    assert seen_by(caller, "public") == {"a.pdf"}
    assert sent_and_read(caller, "a.pdf", BROKEN, access=["keepers"]).status == "failed"
    assert seen_by(caller, "public") == set()
    assert seen_by(caller, "keepers") == {"a.pdf"}
    # Searches filter by it as soon as the run that repeats it in the index has done so.
    with db.reading() as session:
        kinds = session.scalars(select(Run.kind).where(Run.status == "queued")).all()
    assert RunKind.RELABEL_DOCUMENTS in kinds


def test_a_reading_under_way_does_not_widen_what_was_narrowed(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = send_file(caller, "a.pdf", pdf_of(["Whales are mammals."]))
    store = reading.store

    def narrowed_meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(reading, "store", store)
        send_file(caller, "a.pdf", BROKEN, access=["keepers"])
        return store(*arguments)

    monkeypatch.setattr(reading, "store", narrowed_meanwhile)
    read(accepted)
    assert service.get_file(caller, "papers", accepted.file.id).status == "failed"
    assert access_of(caller, "a.pdf") == ["keepers"]
