"""Files made to do harm: each ends with a reason, in bounded memory and time."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedhub.documents.parsing.parsed import (
    Limits,
    ParsedDocument,
    Reason,
    RefusedFile,
    Unreadable,
)
from embedhub.documents.parsing.reader import read_file
from embedhub.documents.parsing.sandbox import Parser
from tests.documents.files.pdfs import pdf_of

TYPES = b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def read(tmp_path: Path, name: str, content: bytes, **limits: int) -> list[object]:
    path = tmp_path / "uploaded"
    path.write_bytes(content)
    return list(read_file(name, path, Limits(**limits)))


def reason_of(tmp_path: Path, name: str, content: bytes, **limits: int) -> Reason:
    with pytest.raises(Unreadable) as raised:
        read(tmp_path, name, content, **limits)
    return raised.value.reason


def word(document: bytes) -> bytes:
    return zipped({"[Content_Types].xml": TYPES, "word/document.xml": document})


def test_a_zip_bomb_is_a_limit_whatever_its_header_says(tmp_path: Path) -> None:
    bomb = zipped({"a.txt": b"\x20" * 5_000_000})
    assert reason_of(tmp_path, "a.zip", bomb, max_archive_bytes=1_000_000) is Reason.LIMIT
    # The header promises a byte; what is unpacked counts.
    size = (5_000_000).to_bytes(4, "little")
    lying = bomb.replace(size, (1).to_bytes(4, "little"))
    found = read(tmp_path, "a.zip", lying, max_archive_bytes=1_000_000)
    assert [type(each) for each in found] == [RefusedFile]
    office = word(b"<a>" + b" " * 5_000_000 + b"</a>")
    assert reason_of(tmp_path, "a.docx", office, max_package_bytes=1_000_000) is Reason.LIMIT


def test_archives_inside_of_each_other_have_a_depth_and_a_count(tmp_path: Path) -> None:
    nested = b"words"
    for depth in range(5):
        nested = zipped({f"{depth}.zip" if depth else "a.txt": nested})
    assert reason_of(tmp_path, "a.zip", nested) is Reason.LIMIT
    assert len(read(tmp_path, "a.zip", nested, max_archive_depth=9)) == 1
    many = zipped({f"{n}.txt": b"words" for n in range(30)})
    assert reason_of(tmp_path, "a.zip", many, max_archive_files=29) is Reason.LIMIT
    packed = gzip.compress(bytes(9_000))
    assert reason_of(tmp_path, "a.txt.gz", packed, max_archive_bytes=8_000) is Reason.LIMIT


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\..\\a.txt", "a/../b.txt"])
def test_a_name_leads_nowhere(tmp_path: Path, name: str) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = 5
        archive.addfile(info, io.BytesIO(b"words"))
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    for packed, ending in ((target.getvalue(), "tar.gz"), (zipped({name: b"words"}), "zip")):
        (found,) = read(tmp_path, f"a.{ending}", packed)
        assert isinstance(found, ParsedDocument)
        assert found.text == "words"
        assert ".." not in found.external_id
        assert found.external_id.startswith(f"a.{ending}/")
    assert [path.name for path in tmp_path.iterdir()] == ["uploaded"]


ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>"""


def test_no_entity_is_ever_read(tmp_path: Path) -> None:
    run = "<w:body><w:p><w:r><w:t>&x;</w:t></w:r></w:p></w:body>"
    body = f'<w:document xmlns:w="{WORD}">{run}</w:document>'
    assert reason_of(tmp_path, "a.docx", word(ENTITIES + body.encode())) is Reason.BROKEN
    utf16 = (ENTITIES + body.encode()).decode().encode("utf-16")
    assert reason_of(tmp_path, "a.docx", word(utf16)) is Reason.BROKEN
    open_text = {
        "mimetype": b"application/vnd.oasis.opendocument.text",
        "content.xml": ENTITIES + b"<d>&x;</d>",
    }
    assert reason_of(tmp_path, "a.odt", zipped(open_text)) is Reason.BROKEN
    book = {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": ENTITIES + b'<c><rootfile full-path="b.opf"/></c>',
        "b.opf": ENTITIES
        + b'<p><item id="1" href="c.html" media-type="text/html"/><itemref idref="1"/></p>',
        "c.html": ENTITIES + b"<p>before &x; after</p>",
    }
    (found,) = read(tmp_path, "a.epub", zipped(book))
    assert isinstance(found, ParsedDocument)
    assert found.text == "before &x after"
    (plain,) = read(tmp_path, "a.xml", ENTITIES + b"<d>&x;</d>")
    assert isinstance(plain, ParsedDocument)
    assert "&x;" in plain.text


def test_a_pdf_whose_pages_go_in_circles_ends(tmp_path: Path) -> None:
    loop = pdf_of(["words"]).replace(b"/Kids [3 0 R]", b"/Kids [4 0 R]")
    try:
        found = read(tmp_path, "a.pdf", loop)
    except Unreadable as error:
        assert error.reason in {Reason.BROKEN, Reason.EMPTY}  # noqa: PT017
    else:
        assert len(found) <= 1
    assert reason_of(tmp_path, "a.pdf", pdf_of(["a", "b", "c"]), max_pages=2) is Reason.LIMIT
    long = pdf_of(["words " * 10] * 50)
    assert reason_of(tmp_path, "a.pdf", long, max_text_chars=1_000) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.txt", pdf_of(["words of a page"]), "plain"),
        ("a.docx", pdf_of(["words of a page"]), "plain"),
        ("page", b"<!doctype html><p>words of a page", "markdown"),
        ("a.dat", b"words of a page", "plain"),
        ("a.pdf", zipped({"b.txt": b"words of a page"}), "plain"),
        ("a.doc", rb"{\rtf1 words of a page}", "plain"),
    ],
)
def test_content_is_believed_and_not_the_ending(
    tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    (found,) = read(tmp_path, name, content)
    assert isinstance(found, ParsedDocument)
    assert "words of a page" in found.text
    assert found.format == kind


@pytest.mark.parametrize("declared", ["utf-8", "ascii", "shift_jis", "no-such-charset", ""])
def test_a_page_may_lie_about_its_charset(tmp_path: Path, declared: str) -> None:
    arabic = "في قرية من القرى كان هناك رجل حكيم يعرف كل شيء عن الحياة وكان يعلم الناس"
    head = f"<meta charset='{declared}'>".encode()
    (found,) = read(tmp_path, "a.html", head + f"<p>{arabic}</p>".encode("cp1256"))
    assert isinstance(found, ParsedDocument)
    assert found.text == arabic


@pytest.fixture
def parser(tmp_path: Path) -> Iterator[Parser]:
    folder = tmp_path / "work"
    folder.mkdir()
    with Parser(folder, memory_mb=300, time_s=1.5, limits=Limits()) as process:
        yield process


def test_too_much_memory_costs_the_process_and_nobody_else(tmp_path: Path, parser: Parser) -> None:
    """A hundred megabytes of elements become gigabytes of tree."""
    path, out = tmp_path / "a", tmp_path / "out"
    body = b"<w:document xmlns:w='%s'>" % WORD.encode() + b"<w:p/>" * 9_000_000 + b"</w:document>"
    path.write_bytes(word(body))
    report = parser.parse("a.docx", path, out, lambda done, total: None)
    assert report.reason_code in {Reason.MEMORY, Reason.TIME, Reason.BROKEN}
    path.write_text("words")
    assert parser.parse("a.txt", path, out, lambda done, total: None).n_documents == 1


def test_a_file_that_takes_for_ever_is_given_up(tmp_path: Path, parser: Parser) -> None:
    path, out = tmp_path / "a", tmp_path / "out"
    # Each table looks through all that are inside of it.
    path.write_bytes(b"<table><tr><td>" * 30_000)
    told: list[tuple[int, int]] = []
    report = parser.parse("a.html", path, out, lambda done, total: told.append((done, total)))
    assert report.reason_code == Reason.TIME
    assert "longer than 1.5 seconds" in str(report.reason)
    assert told
    assert parser.pid is None


def test_a_process_that_is_ended_leaves_no_files(tmp_path: Path, parser: Parser) -> None:
    """Unpacked members of one archive after the other would fill the disk until the run ends."""
    path, out = tmp_path / "a", tmp_path / "out"
    path.write_bytes(zipped({"a.html": b"<table><tr><td>" * 30_000}))
    report = parser.parse("a.zip", path, out, lambda done, total: None)
    assert report.reason_code == Reason.TIME
    assert list((tmp_path / "work").iterdir()) == []
    path.write_text("words")
    assert parser.parse("a.txt", path, out, lambda done, total: None).n_documents == 1


def test_what_the_caller_raises_ends_the_process(tmp_path: Path, parser: Parser) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "a"
    path.write_bytes(b"<table><tr><td>" * 30_000)
    with pytest.raises(KeyboardInterrupt):
        parser.parse("a.html", path, tmp_path / "out", stop)
    assert parser.pid is None


def test_who_reads_hostile_files_knows_no_secret(
    tmp_path: Path, parser: Parser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDHUB_SECRET_KEY", "not for parsers")
    path = tmp_path / "a"
    path.write_text("words")
    parser.parse("a.txt", path, tmp_path / "out", lambda done, total: None)
    seen = Path(f"/proc/{parser.pid}/environ").read_bytes()
    assert b"EMBEDHUB" not in seen
