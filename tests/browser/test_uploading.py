"""A newcomer drops a folder of mixed files in, and sees what became of each."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.documents.files import service
from embedhub.documents.files.reading import read_files
from embedhub.runs import service as runs
from tests.browser.conftest import log_in
from tests.documents.files.pdfs import pdf_of
from tests.factories import make_collection

pytestmark = pytest.mark.slow

Picture = Callable[[Any], None]
MAX_BYTES = 20_000_000
# Drops files as a file manager would: the page sees them and no path.
DROP = """([zone, names]) => {
  const transfer = new DataTransfer();
  names.forEach((name) => transfer.items.add(new File(["words of " + name], name)));
  zone.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
}"""


@pytest.fixture(autouse=True)
def nothing_went_wrong(faults: list[str]) -> Any:
    yield
    assert faults == []


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of mixed files: good ones, broken ones, a hidden one, and one that is too large."""
    found = tmp_path / "house"
    (found / "reports").mkdir(parents=True)
    (found / "reports" / "2025.pdf").write_bytes(pdf_of(["Sales rose.", "Whales breathe air."]))
    (found / "reports" / "cut.pdf").write_bytes(b"%PDF-1.4")
    (found / "notes.md").write_text("# Bats\n\nBats fly at night.")
    # More than is taken in before it is known who sends it.
    (found / "long.txt").write_text("A long line of words about bread.\n" * 530_000)
    (found / "huge.bin").write_bytes(b"x" * (MAX_BYTES + 1))
    (found / "empty.txt").write_bytes(b"")
    (found / ".hidden").write_text("nobody's business")
    override_config(max_file_bytes=MAX_BYTES)
    yield found
    override_config(max_file_bytes=512 * 2**20)


@pytest.fixture
def page(caller: Caller, browser_page: Any) -> Any:
    """The page that takes files, of the only collection there is."""
    make_collection(caller, "papers")
    log_in(browser_page)
    browser_page.get_by_role("link", name="Send files").first.click()
    return browser_page


def read_all(caller: Caller) -> None:
    """Do the files worker's work."""
    statement = text("SELECT id FROM runs WHERE kind = 'read_files' AND status = 'queued'")
    with db.reading() as session:
        waiting = session.scalars(statement).all()
    for run_id in waiting:
        runs.carry_out(run_id, read_files)


def test_a_folder_is_sent_and_every_file_says_what_became_of_it(
    caller: Caller, folder: Path, page: Any, picture: Picture
) -> None:
    picture(page)
    page.get_by_label("A folder with all below it").set_input_files(folder)
    told = page.locator("[data-upload-told]")
    expect(told).to_have_text(
        "6 files: 5 ready, 1 not taken. Left out: 1 hidden file.", use_inner_text=True
    )
    send = page.get_by_role("button", name=re.compile("Send 5 files"))
    expect(send).to_be_focused()
    picture(page)
    page.keyboard.press("Enter")
    expect(told).to_contain_text("5 waiting or being read", timeout=30_000)
    read_all(caller)
    expect(told).to_contain_text("2 read, 3 could not be read, 1 not taken", timeout=30_000)
    rows = page.locator("[data-upload-rows] tr")
    expect(rows.filter(has_text="house/reports/2025.pdf")).to_contain_text("1 document")
    expect(rows.filter(has_text="cut.pdf")).to_contain_text("not a whole PDF")
    expect(rows.filter(has_text="huge.bin")).to_contain_text("larger than 20 MB")
    names = {file.external_id for file in service.list_files(caller, "papers", limit=50)}
    assert names == {
        f"house/{name}"
        for name in ("reports/2025.pdf", "reports/cut.pdf", "notes.md", "long.txt", "empty.txt")
    }
    picture(page)
    page.set_viewport_size({"width": 420, "height": 800})
    page.emulate_media(color_scheme="dark")
    picture(page)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    rows.filter(has_text="cut.pdf").get_by_role("link").click()
    expect(page.get_by_text("Not read:")).to_be_visible()


def test_files_are_dropped_and_closed_to_others(caller: Caller, page: Any) -> None:
    zone = page.locator("[data-drop]").element_handle()
    page.evaluate(DROP, [zone, ["b.txt", "a.txt"]])
    page.get_by_label("Seen by").fill("group:sales")
    page.get_by_role("button", name=re.compile("Send 2 files")).click()
    expect(page.locator("[data-upload-told]")).to_contain_text("2 waiting or being read")
    found = service.list_files(caller, "papers", limit=50)
    assert {(file.external_id, *(file.access or ())) for file in found} == {
        ("a.txt", "group:sales"),
        ("b.txt", "group:sales"),
    }


def test_who_is_logged_out_meanwhile_is_told_and_sends_again(
    caller: Caller, page: Any, folder: Path
) -> None:
    page.get_by_label("Files", exact=True).set_input_files(folder / "notes.md")
    cookies = page.context.cookies()
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name=re.compile("Send 1 file")).click()
    row = page.locator("[data-upload-rows] tr")
    expect(row).to_contain_text("you are no longer logged in")
    page.context.add_cookies(cookies)
    page.get_by_role("button", name=re.compile("Send 1 file")).click()
    expect(row).to_contain_text("waiting to be read")
    assert [file.external_id for file in service.list_files(caller, "papers", limit=5)] == [
        "notes.md"
    ]
