"""Files from their sending to their end: stored, read, replaced, failed, tried again, deleted."""

import io
import zipfile
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.collections.service import delete_collection, purge_collection
from embedhub.config import get_config, override_config
from embedhub.console.words import FILE_STATUS_WORDS
from embedhub.documents.files import removal, service, storage, upkeep
from embedhub.documents.files.inputs import parse_fields
from embedhub.documents.files.reading import read_files
from embedhub.documents.files.service import FileStatus
from embedhub.documents.service import get_document, list_documents
from embedhub.errors import Conflict, Forbidden, NotFound, TooLarge
from embedhub.runs import service as runs
from embedhub.runs.progress import RunProgress
from embedhub.search.request import Mode, SearchRequest
from embedhub.search.service import search
from tests.documents.files.factories import read, send_file, sent_and_read
from tests.documents.files.pdfs import pdf_of
from tests.factories import SilentProgress, encode_everything, make_collection, send

PAGES = [
    "Whales are mammals.\nThey breathe air.",
    "A volcano throws out ash.",
    "Owls hunt at night.",
]


@pytest.fixture
def collection_id(caller: Caller) -> int:
    return make_collection(caller).id


@pytest.fixture(autouse=True)
def _needs_a_collection(collection_id: int) -> None:
    """Every file needs one."""


def names(caller: Caller) -> set[str]:
    return {each.external_id for each in list_documents(caller, "papers").documents}


def original_of(caller: Caller, file_id: int) -> bytes:
    return b"".join(service.open_original(caller, "papers", file_id).pieces)


def zipped(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return target.getvalue()


def test_a_pdf_is_found_with_the_page_of_its_passage(caller: Caller) -> None:
    content = pdf_of(PAGES, title="Nature")
    file = sent_and_read(caller, "books/nature.pdf", content, metadata={"shelf": 4})
    assert (file.status, file.n_documents, file.n_pages) == ("stored", 1, 3)
    assert file.media_type == "application/pdf"
    document = get_document(caller, "papers", "books/nature.pdf")
    assert (document.title, document.file_id) == ("Nature", file.id)
    assert document.metadata["shelf"] == 4
    assert document.text is not None
    starts = document.page_starts or []
    assert [document.text[start:].split("\n")[0] for start in starts] == [
        *("Whales are mammals.", "A volcano throws out ash.", "Owls hunt at night.")
    ]
    encode_everything()
    hits = search(caller, "papers", SearchRequest(query="whales", mode=Mode.LEXICAL)).hits
    assert [hit.chunk.page for hit in hits] == [1]


def test_a_passage_that_begins_late_is_on_a_late_page(caller: Caller) -> None:
    birds = ("ostrich", "pelican", "quail", "raven", "sparrow", "thrush")
    pages = [f"Of the {bird}.\n" + "Words and more words.\n" * 40 for bird in birds]
    sent_and_read(caller, "long.pdf", pdf_of(pages))
    request = SearchRequest(query="sparrow", mode=Mode.LEXICAL)
    (hit,) = search(caller, "papers", request).hits
    assert hit.chunk.page in {4, 5}


def test_the_original_comes_back_as_it_was(caller: Caller, stranger: Caller) -> None:
    content = bytes(range(256)) * 5_000
    accepted = send_file(caller, "a/../../b/photo.bin", content, access=["keepers"])
    original = service.open_original(caller, "papers", accepted.file.id)
    assert (original.name, original.n_bytes) == ("photo.bin", len(content))
    assert b"".join(original.pieces) == content
    guest = replace(caller, principals=("guests",))
    keeper = replace(caller, principals=("keepers",))
    assert original_of(keeper, accepted.file.id) == content
    for somebody in (guest, stranger):
        with pytest.raises(NotFound):
            service.open_original(somebody, "papers", accepted.file.id)
        with pytest.raises(NotFound):
            service.get_file(somebody, "papers", accepted.file.id)
    assert service.list_files(guest, "papers", limit=10) == []
    assert service.get_files(guest, "papers", None, ["a/../../b/photo.bin"]) == [None]
    assert service.list_files(keeper, "papers", limit=10) != []


def test_its_documents_are_seen_by_whom_the_file_names(caller: Caller) -> None:
    sent_and_read(caller, "a.txt", "words", access=["keepers"], language="german")
    document = get_document(caller, "papers", "a.txt")
    assert (document.access, document.language) == (["keepers"], "german")


def test_the_same_content_changes_nothing(
    caller: Caller, sent_jobs: list[tuple[jobs.Job, dict[str, object]]]
) -> None:
    first = sent_and_read(caller, "a.txt", "words")
    sent_jobs.clear()
    again = send_file(caller, "a.txt", "words")
    assert again.outcome == "unchanged"
    assert again.file == first
    assert sent_jobs == []
    assert send_file(caller, "a.txt", "words", metadata={"year": 1}).outcome == "updated"


def test_a_replaced_archive_takes_its_old_documents_along(caller: Caller) -> None:
    first = sent_and_read(caller, "notes.zip", zipped(a_txt=b"first", b_txt=b"second"))
    assert names(caller) == {"notes.zip/a.txt", "notes.zip/b.txt"}
    before = stored_path(first.id)
    again = sent_and_read(caller, "notes.zip", zipped(b_txt=b"second", c_txt=b"third"))
    assert again.id == first.id
    assert names(caller) == {"notes.zip/b.txt", "notes.zip/c.txt"}
    with pytest.raises(storage.OriginalMissing):
        next(storage.pieces(before))


def stored_path(file_id: int) -> str:
    with db.reading() as session:
        statement = text("SELECT storage_path FROM files WHERE id = :id")
        return str(session.execute(statement, {"id": file_id}).scalar_one())


def test_what_cannot_be_read_is_a_failed_file_and_nothing_else(caller: Caller) -> None:
    file = sent_and_read(caller, "report.pdf", b"%PDF-1.4 cut off")
    assert (file.status, file.reason_code) == ("failed", "broken")
    assert file.reason == "is not a whole PDF: it is damaged or cut off"
    assert names(caller) == set()
    assert [f.id for f in service.list_files(caller, "papers", status="failed", limit=9)] == [
        file.id
    ]


def test_a_failed_file_is_tried_again_by_asking_or_by_sending(caller: Caller) -> None:
    failed = sent_and_read(caller, "a.pdf", b"%PDF-1.4")
    retried = service.retry_file(caller, "papers", failed.id)
    assert (retried.outcome, retried.file.status, retried.file.reason) == (
        "retried",
        "waiting",
        None,
    )
    with pytest.raises(Conflict):
        service.retry_file(caller, "papers", failed.id)
    read(retried)
    assert service.get_file(caller, "papers", failed.id).attempts == 1
    assert send_file(caller, "a.pdf", b"%PDF-1.4").outcome == "retried"


def test_parts_that_give_nothing_are_told(caller: Caller) -> None:
    file = sent_and_read(caller, "a.zip", zipped(a_txt=b"words", b_pdf=b"%PDF-", c_png=b"\x89PNG"))
    assert (file.status, file.n_documents, file.n_refused) == ("stored", 1, 2)
    assert file.reason is not None
    assert "a.zip/b.pdf: is not a whole PDF" in file.reason


def test_a_record_that_the_collection_refuses_costs_no_other(caller: Caller) -> None:
    make_collection(caller, "dated", filterable={"year": "number", "created": "number"})
    lines = '{"id": "1", "text": "a", "year": "soon"}\n{"id": "2", "text": "b", "year": 3}\n'
    file = sent_and_read(caller, "a.jsonl", lines, slug="dated")
    assert (file.n_documents, file.n_refused) == (1, 1)
    assert "year" in str(file.reason)
    # What a file says of itself gives way to what is declared.
    mail = "Subject: Hi\nDate: Mon, 1 Jun 2026 10:00:00 +0000\n\nwords"
    assert sent_and_read(caller, "a.eml", mail, slug="dated").status == "stored"
    assert "created" not in get_document(caller, "dated", "a.eml").metadata


def test_a_deleted_file_leaves_nothing(caller: Caller) -> None:
    file = sent_and_read(caller, "notes.zip", zipped(a_txt=b"first", b_txt=b"second"))
    path = stored_path(file.id)
    assert service.delete_file(caller, "papers", file.id) == 2
    assert names(caller) == set()
    with pytest.raises(NotFound):
        service.get_file(caller, "papers", file.id)
    with pytest.raises(storage.OriginalMissing):
        next(storage.pieces(path))


def test_a_file_sent_while_it_is_deleted_stays(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was deleted is the file as it was, not what somebody sends under its name meanwhile."""
    file = sent_and_read(caller, "notes.zip", zipped(a_txt=b"first", b_txt=b"second"))
    newer = zipped(b_txt=b"third")
    remove = removal.remove_documents_of

    def sent_meanwhile(file_id: int, **named: Any) -> int:
        monkeypatch.setattr(removal, "remove_documents_of", remove)
        again = sent_and_read(caller, "notes.zip", newer)
        assert again.status == "stored"
        return remove(file_id, **named)

    monkeypatch.setattr(removal, "remove_documents_of", sent_meanwhile)
    assert service.delete_file(caller, "papers", file.id) == 0
    assert names(caller) == {"notes.zip/b.txt"}
    assert original_of(caller, file.id) == newer


def test_a_file_replaced_before_it_expired_stays(caller: Caller) -> None:
    accepted = send_file(caller, "a.txt", "words")
    before = stored_path(accepted.file.id)
    send_file(caller, "a.txt", "other words")
    assert removal.remove_file(accepted.file.id, before) == 0
    assert original_of(caller, accepted.file.id) == b"other words"


def test_what_a_broken_off_reading_has_stored_goes_with_the_next_content(caller: Caller) -> None:
    accepted = send_file(caller, "notes.zip", zipped(a_txt=b"first", b_txt=b"second"))
    read(accepted)
    with db.writing() as session:
        # As a worker leaves it that ends between the documents and the row of their file.
        session.execute(text("UPDATE files SET status = 'reading', n_documents = 0"))
    sent_and_read(caller, "notes.zip", zipped(b_txt=b"second"))
    assert names(caller) == {"notes.zip/b.txt"}


def test_a_text_sent_under_its_name_no_longer_belongs_to_the_file(caller: Caller) -> None:
    file = sent_and_read(caller, "a.txt", "words")
    send(caller, {"external_id": "a.txt", "text": "other words"})
    assert get_document(caller, "papers", "a.txt").file_id is None
    assert service.delete_file(caller, "papers", file.id) == 0
    assert names(caller) == {"a.txt"}


def test_past_its_time_a_file_is_gone_with_its_original(caller: Caller) -> None:
    accepted = send_file(caller, "a.txt", "words", expires_at="2020-01-01T00:00:00Z")
    path = stored_path(accepted.file.id)
    with pytest.raises(NotFound):
        service.get_file(caller, "papers", accepted.file.id)
    assert upkeep.delete_expired() == 1
    with pytest.raises(storage.OriginalMissing):
        next(storage.pieces(path))


def test_a_deleted_collection_takes_its_originals_along(caller: Caller, collection_id: int) -> None:
    path = stored_path(sent_and_read(caller, "a.txt", "words").id)
    delete_collection(caller, "papers")
    purge_collection(SilentProgress(), {"collection_id": collection_id})
    with pytest.raises(storage.OriginalMissing):
        next(storage.pieces(path))


def test_a_cancelled_run_leaves_files_that_can_be_tried_again(caller: Caller) -> None:
    accepted = send_file(caller, "a.txt", "words")
    assert accepted.run_id is not None

    def cancelled_soon(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
        with db.writing() as session:
            session.execute(text("UPDATE runs SET is_cancel_asked = true"))
        return read_files(progress, arguments)

    runs.carry_out(accepted.run_id, cancelled_soon)
    file = service.get_file(caller, "papers", accepted.file.id)
    assert (file.status, file.reason_code) == ("failed", "cancelled")
    read(service.retry_file(caller, "papers", file.id))
    assert service.get_file(caller, "papers", file.id).status == "stored"


def test_what_kills_its_reader_again_and_again_is_given_up(caller: Caller) -> None:
    accepted = send_file(caller, "a.txt", "words")
    with db.writing() as session:
        session.execute(text("UPDATE files SET status = 'reading', attempts = 3"))
    read(accepted)
    file = service.get_file(caller, "papers", accepted.file.id)
    assert file.status == "failed"
    assert "broken off 3 times" in str(file.reason)


def test_files_that_no_run_reads_are_rung_for(
    caller: Caller, sent_jobs: list[tuple[jobs.Job, dict[str, object]]]
) -> None:
    send_file(caller, "a.txt", "words")
    assert upkeep.ring_for_waiting() == 0
    with db.writing() as session:
        session.execute(text("UPDATE runs SET status = 'failed'"))
        session.execute(text("UPDATE files SET updated_at = now() - interval '1 minute'"))
    sent_jobs.clear()
    assert upkeep.ring_for_waiting() == 1
    assert [job for job, _ in sent_jobs] == [jobs.Job.READING_RUN]


def test_a_missing_original_is_a_reason(caller: Caller) -> None:
    accepted = send_file(caller, "a.txt", "words")
    storage.remove(stored_path(accepted.file.id))
    read(accepted)
    file = service.get_file(caller, "papers", accepted.file.id)
    assert (file.status, file.reason_code) == ("failed", "missing")


def test_a_file_over_the_limit_leaves_nothing_behind(caller: Caller, collection_id: int) -> None:
    override_config(max_file_bytes=1_000)
    try:
        with pytest.raises(TooLarge, match="which is the most"):
            send_file(caller, "a.txt", "x" * 1_001)
    finally:
        override_config(max_file_bytes=512 * 2**20)
    assert service.list_files(caller, "papers", limit=10) == []
    folder = get_config().home / "files" / storage.folder_of(caller.workspace_id, collection_id)
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_bound_reader_sends_nothing_and_an_address_needs_leave(caller: Caller) -> None:
    bound = replace(caller, principals=("guests",))
    with pytest.raises(Forbidden):
        send_file(bound, "a.txt", "words")
    fields = parse_fields({"external_id": "a"}, "body")
    with pytest.raises(Forbidden, match="does not have files fetched"):
        service.add_address(caller, "papers", fields, "https://example.org/a.pdf")
    service.allow_fetching(caller.workspace_id, is_allowed=True)
    read(service.add_address(caller, "papers", fields, "http://127.0.0.1/a.pdf"))
    (file,) = service.list_files(caller, "papers", limit=10)
    assert (file.status, file.reason_code) == ("failed", "address_refused")


def test_storage_may_be_anything_that_fsspec_reaches(caller: Caller) -> None:
    override_config(file_storage="memory://originals")
    try:
        file = sent_and_read(caller, "a.txt", "words")
        assert file.status == "stored"
        assert original_of(caller, file.id) == b"words"
        service.delete_file(caller, "papers", file.id)
        with pytest.raises(NotFound):
            service.open_original(caller, "papers", file.id)
    finally:
        override_config(file_storage="")


def test_its_status_words_are_those_of_the_table() -> None:
    assert set(FILE_STATUS_WORDS) == set(FileStatus)
