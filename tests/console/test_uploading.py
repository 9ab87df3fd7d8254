"""Staff send files from the console, with scripts and without, as many as a form holds."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import get_config, override_config
from embedhub.documents.files import service, storage
from embedhub.documents.files.reading import read_files
from embedhub.documents.files.service import FileView
from embedhub.runs import service as runs
from tests.console.conftest import logged_in
from tests.console.pages import html_of
from tests.factories import make_collection

PAGE = "/admin/console/collection/files/"
SCRIPTED = {"X-Requested-With": "fetch"}


@pytest.fixture
def papers(caller: Caller) -> int:
    return make_collection(caller, "papers").id


def part(name: str, content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def stored(caller: Caller) -> dict[str, FileView]:
    return {file.external_id: file for file in service.list_files(caller, "papers", limit=50)}


def sent(staff: Client, papers: int, *files: SimpleUploadedFile, **fields: Any) -> Any:
    """Post files as the page's script does."""
    return staff.post(PAGE, {"collection": papers, "file": list(files), **fields}, headers=SCRIPTED)


def test_a_form_without_scripts_takes_several_files_and_tells_of_each(
    caller: Caller, papers: int, staff: Client
) -> None:
    page = html_of(staff.get(PAGE))
    assert "webkitdirectory" in page
    assert f'value="{papers}"' in page  # the only collection there is
    files = [part("whales.txt", b"Whales breathe air."), part("<b>.md", b"# Bold\n\nWords.")]
    answer = html_of(staff.post(PAGE, {"collection": papers, "file": files, "access": ""}))
    assert answer.count("waiting to be read") == 2
    assert "&lt;b&gt;.md" in answer
    assert "<b>.md" not in answer
    assert stored(caller).keys() == {"whales.txt", "<b>.md"}
    assert stored(caller)["whales.txt"].access is None


def test_a_folder_keeps_its_paths_and_is_seen_by_whom_it_was_sent_for(
    caller: Caller, papers: int, staff: Client
) -> None:
    names = ["reports/2025/a.txt", "reports/a.txt"]
    answer = sent(
        staff,
        papers,
        part("a.txt", b"one"),
        part("a.txt", b"two"),
        external_id=names,
        access="group:sales, group:hr,",
    )
    items = answer.json()["items"]
    assert [item["name"] for item in items] == names
    assert [item["state"] for item in items] == ["waiting to be read"] * 2
    assert {tuple(file.access or ()) for file in stored(caller).values()} == {
        ("group:hr", "group:sales")
    }


def test_states_are_told_until_a_file_is_read(caller: Caller, papers: int, staff: Client) -> None:
    files = [part("a.txt", b"Whales breathe air."), part("b.pdf", b"%PDF-1.4")]
    items = sent(staff, papers, *files).json()["items"]
    with db.reading() as session:
        run_id = session.execute(text("SELECT id FROM runs WHERE kind = 'read_files'")).scalar_one()
    runs.carry_out(run_id, read_files)
    query = f"?collection={papers}&ids={items[0]['id']},{items[1]['id']},77,x"
    good, bad = staff.get(PAGE + query, headers=SCRIPTED).json()["items"]
    assert (good["state"], good["told"], good["is_final"]) == ("done", "1 document", True)
    assert (bad["state"], bad["tone"]) == ("failed", "bad")
    assert "is not a whole PDF" in bad["told"]
    again = sent(staff, papers, part("a.txt", b"Whales breathe air.")).json()["items"][0]
    assert again["told"] == "1 document; was there already"


def test_what_is_refused_says_so_beside_its_name_and_costs_no_other(
    caller: Caller, papers: int, staff: Client, tmp_path: Any
) -> None:
    override_config(max_file_bytes=10)
    try:
        answer = sent(
            staff,
            papers,
            part("a.txt", b"fits"),
            part("large.txt", b"larger than ten"),
            part("a.txt", b"again"),
            part("c.txt", b"fits too"),
            external_id=["a.txt", "large.txt", "a.txt", "x" * 5_000],
        )
    finally:
        override_config(max_file_bytes=512 * 2**20)
    taken, large, second, long = answer.json()["items"]
    assert taken["id"] is not None
    assert (large["id"], large["told"]) == (None, "more than 10 bytes, which is the most")
    assert second["told"] == "another file of this name was sent with it"
    assert "characters" in long["told"]
    assert stored(caller).keys() == {"a.txt"}
    originals = [path for path in (get_config().home / "files").rglob("*") if path.is_file()]
    assert len([path for path in originals if path.read_bytes() == b"larger than ten"]) == 0


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"file": []}, "Choose at least one file."),
        ({"file": ["a.txt"], "access": "x" * 2_000}, "characters without NUL"),
        ({"file": ["a.txt"], "external_id": ["a", "b"]}, "2 names for 1 files."),
    ],
)
def test_a_form_that_cannot_be_taken_stores_nothing(
    caller: Caller, papers: int, staff: Client, fields: dict[str, Any], told: str
) -> None:
    fields = {**fields, "file": [part(name, b"words") for name in fields["file"]]}
    answer = staff.post(PAGE, {"collection": papers, **fields}, headers=SCRIPTED)
    assert answer.status_code == 422
    assert told in str(answer.json()["errors"])
    assert told in html_of(staff.post(PAGE, {"collection": papers, **fields}))
    assert stored(caller) == {}


def test_at_most_so_many_files_in_one_form(caller: Caller, papers: int, staff: Client) -> None:
    override_config(max_files_a_request=1)
    try:
        answer = sent(staff, papers, part("a.txt", b"a"), part("b.txt", b"b"))
    finally:
        override_config(max_files_a_request=100)
    assert answer.json()["errors"] == {"__all__": ["At most 1 files at once."]}
    assert stored(caller) == {}


def test_sending_is_written_down(caller: Caller, papers: int, staff: Client) -> None:
    sent(staff, papers, part("a.txt", b"a"))
    sent(staff, papers, part("a.txt", b"a"))  # unchanged: nothing was done
    with db.reading() as session:
        found = session.execute(text("SELECT action, details FROM staff_actions")).all()
    assert [(row.action, row.details["external_id"]) for row in found] == [("send file", "a.txt")]


def test_only_who_may_and_only_from_the_page_itself(
    caller: Caller, papers: int, clerk: Any, staff: Client
) -> None:
    reader = clerk("view_file", "view_collection")
    assert reader.get(PAGE).status_code == 403
    assert sent(reader, papers, part("a.txt", b"a")).status_code == 403
    assert "Send files" not in html_of(reader.get("/admin/console/file/"))
    stranger = Client(SERVER_NAME="localhost")
    assert sent(stranger, papers, part("a.txt", b"a")).status_code == 302
    from django.contrib.auth.models import User

    strict = logged_in(User.objects.get(username="sam"), enforce_csrf_checks=True)
    assert sent(strict, papers, part("a.txt", b"a")).status_code == 403
    assert sent(staff, 987_654, part("a.txt", b"a")).status_code == 404
    assert stored(caller) == {}
    assert sent(clerk("upload_file"), papers, part("a.txt", b"a")).status_code == 200


def test_a_large_file_never_lies_in_memory(
    caller: Caller, papers: int, staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    store = storage.store

    def watched(source: Any, **options: Any) -> Any:
        class Watched:
            def read(self, size: int = -1) -> bytes:
                read.append(size)
                return bytes(source.read(size))

        assert source.temporary_file_path()  # on disk since it came in
        watched_source: Any = Watched()
        return store(watched_source, **options)

    monkeypatch.setattr(storage, "store", watched)
    sent(staff, papers, part("a.txt", b"x" * 3_000_000))
    assert stored(caller)["a.txt"].n_bytes == 3_000_000
    assert read
    assert set(read) == {1 << 20}


def test_without_a_collection_one_is_made_first(clean: str, staff: Client) -> None:
    assert "There is no workspace yet" in html_of(staff.get("/admin/console/collection/new/"))
    page = html_of(staff.get(PAGE))
    assert "There is no collection yet" in page
    assert "/admin/console/collection/new/" in page


def test_a_new_collection_leads_to_its_files(caller: Caller, staff: Client) -> None:
    new = "/admin/console/collection/new/"
    wanted = {"workspace": caller.workspace_id, "slug": "papers", "language": "klingonese!"}
    assert "not a language" in html_of(staff.post(new, wanted))
    made = staff.post(new, wanted | {"language": "de"}, follow=True)
    assert "Files of papers" in html_of(made)
    assert "Next, send it files" in html_of(made)
    assert "there is already a collection" in html_of(staff.post(new, wanted | {"language": "de"}))


def test_of_several_collections_one_is_chosen(caller: Caller, papers: int, staff: Client) -> None:
    make_collection(caller, "letters")
    page = html_of(staff.get(PAGE))
    assert "Into which collection?" in page
    assert f"?collection={papers}" in page
    assert "Files of papers" in html_of(staff.get(f"{PAGE}?collection={papers}"))
    chosen = staff.get(f"/admin/console/file/send/?collection__id__exact={papers}", follow=True)
    assert "Files of papers" in html_of(chosen)
