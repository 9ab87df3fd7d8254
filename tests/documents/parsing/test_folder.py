"""A folder becomes documents: every family, odd encodings, files that are not what they say."""

import os
from pathlib import Path

import pytest

from embedhub.documents.parsing.encoding import decode
from embedhub.documents.parsing.folder import find_files, read_path
from embedhub.documents.parsing.parsed import ParsedDocument, RefusedFile, Unreadable


def documents(path: Path) -> list[ParsedDocument]:
    found = list(read_path(path))
    refused = [item for item in found if isinstance(item, RefusedFile)]
    assert not refused
    return [item for item in found if isinstance(item, ParsedDocument)]


def refusals(path: Path) -> list[RefusedFile]:
    return [item for item in read_path(path) if isinstance(item, RefusedFile)]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_paths_below_the_folder_are_the_ids(tmp_path: Path) -> None:
    write(tmp_path, "b.txt", "Second")
    write(tmp_path, "a/deep/x.md", "# First\nwords")
    write(tmp_path, ".git/config.txt", "hidden")
    write(tmp_path, "picture.png", b"\x89PNG")
    assert [d.external_id for d in documents(tmp_path)] == ["b.txt", "a/deep/x.md"]
    assert [d.external_id for d in documents(tmp_path / "b.txt")] == ["b.txt"]


def test_linked_folders_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "in/a.txt", "words")
    (tmp_path / "in" / "round").symlink_to(tmp_path)
    assert len(list(find_files(tmp_path / "in"))) == 1


@pytest.mark.parametrize(
    ("name", "content", "title", "words"),
    [
        ("a.txt", "A short first line\n\nThen text.", "A short first line", "Then text."),
        ("b.txt", "long " * 60, "b", "long"),
        ("c.md", "intro\n\n## Deep heading ##\ntext", "Deep heading", "text"),
        ("d.md", '---\ntitle: "From matter"\nyear: 2020\n---\nbody', "From matter", "body"),
        ("e.rst", "Chapter one\r\n===========\r\n\r\nText", "Chapter one", "Text"),
        ("f.html", "<title>Page &amp; co</title><p>Hello<p>you", "Page & co", "Hello\n\nyou"),
    ],
)
def test_titles_and_texts(tmp_path: Path, name: str, content: str, title: str, words: str) -> None:
    write(tmp_path, name, content)
    (document,) = documents(tmp_path)
    assert document.title == title
    assert words in document.text


def test_front_matter_is_metadata_and_not_text(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "---\ntitle: T\nlang: de\n---\nRest")
    (document,) = documents(tmp_path)
    assert document.metadata == {"lang": "de"}
    assert document.text == "Rest"


def test_a_page_gives_what_a_reader_sees(tmp_path: Path) -> None:
    page = """<html lang="en"><head><title>T</title><link rel="canonical" href="https://e.org/x">
    <style>p {}</style></head><body><nav>Menu</nav><script>alert(1)</script>
    <main><h1>Big</h1><p>One <b>two</b></p><table><tr><td>a</td><td>b</td></tr></table></main>
    <template>later</template></body></html>"""
    write(tmp_path, "a.html", page)
    (document,) = documents(tmp_path)
    assert document.url == "https://e.org/x"
    assert document.metadata == {"lang": "en"}
    assert document.text == "# Big\n\nOne two\n\n| a | b |\n| --- | --- |"
    assert document.format == "markdown"


def test_a_page_may_link_nowhere_dangerous(tmp_path: Path) -> None:
    write(tmp_path, "a.html", '<link rel="canonical" href="javascript:alert(1)"><p>x')
    assert documents(tmp_path)[0].url is None


def test_a_very_deep_page_is_read(tmp_path: Path) -> None:
    write(tmp_path, "a.html", "<div>" * 5_000 + "bottom" + "</div>" * 5_000)
    assert documents(tmp_path)[0].text == "bottom"


def test_records_of_json_lines(tmp_path: Path) -> None:
    lines = [
        '{"_id": "7", "title": "T", "text": "words", "metadata": {"year": 2020}, "lang": "en"}',
        "",
        '{"abstract": ["one.", "two."], "url": "https://e.org"}',
    ]
    write(tmp_path, "a.jsonl", "\n".join(lines))
    first, second = documents(tmp_path)
    assert first == ParsedDocument("7", "T", "words", None, {"lang": "en", "year": 2020})
    assert second == ParsedDocument("a.jsonl#3", "", "one.\ntwo.", "https://e.org", {})


def test_one_bad_line_costs_that_line_only(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", '{"id": 1, "text": "a"}\n{oops\n[1]\n{"id": 2, "text": "b"}\n')
    found = list(read_path(tmp_path))
    assert [type(item) for item in found] == [
        *(ParsedDocument, RefusedFile, RefusedFile, ParsedDocument)
    ]
    assert [r.path for r in refusals(tmp_path)] == ["a.jsonl#2", "a.jsonl#3"]


@pytest.mark.parametrize("wrapping", ["{}", '{{"documents": {}}}', '{{"n": 1, "items": {}}}'])
def test_arrays_in_json(tmp_path: Path, wrapping: str) -> None:
    write(tmp_path, "a.json", wrapping.format('[{"id": "x", "text": "a"}, {"text": "b"}]'))
    assert [d.external_id for d in documents(tmp_path)] == ["x", "a.json#2"]


def test_an_object_without_a_text_is_searched_by_its_fields(tmp_path: Path) -> None:
    write(tmp_path, "a.json", '{"name": "Lamp", "price": 3.5, "tags": ["red", "small"]}')
    (document,) = documents(tmp_path)
    assert document.external_id == "a.json"
    assert document.title == "Lamp"
    assert document.text == "price: 3.5\ntags: red\nsmall"
    assert document.metadata == {"price": 3.5, "tags": ["red", "small"]}


def test_rows_of_csv_have_typed_cells(tmp_path: Path) -> None:
    text = 'id;Title;text;year;zip;price\n1;Ä;"two\nlines; yes";2020;01234;1.50\n'
    write(tmp_path, "a.csv", text.encode("cp1252"))
    (document,) = documents(tmp_path)
    assert document == ParsedDocument(
        *("1", "Ä", "two\nlines; yes", None),
        metadata={"year": 2020, "zip": "01234", "price": 1.5},
    )


def test_a_row_that_does_not_fit_its_header_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "id,text\n1,a,b\n2,c\n")
    refused, document = read_path(tmp_path)
    assert isinstance(refused, RefusedFile)
    assert refused == RefusedFile("a.csv#2", "a row has 3 cells under 2 columns")
    assert isinstance(document, ParsedDocument)
    assert document.external_id == "2"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (r'"\ud800"', "surrogates not allowed"),
        (str(2**64), "exceeds 64-bit range"),
        ("NaN", "not finite"),
        ('[1, {"a": -Infinity}]', "not finite"),
        ("1e999", "not finite"),
        ("[" * 400 + "]" * 400, "Recursion limit"),
        ("[" * 900 + "]" * 900, ""),
    ],
)
def test_a_record_that_json_cannot_carry_costs_no_other(
    tmp_path: Path, value: str, reason: str
) -> None:
    records = ['{"id": "1", "text": "a"}', f'{{"id": "2", "n": {value}}}', '{"id": "3", "n": 5}']
    write(tmp_path, "a.jsonl", "\n".join(records))
    write(tmp_path, "b.json", f"[{','.join(records)}]")
    found = list(read_path(tmp_path))
    assert [d.external_id for d in found if isinstance(d, ParsedDocument)] == ["1", "3"] * 2
    refused = refusals(tmp_path)
    assert [r.path for r in refused] == ["a.jsonl#2", "b.json#2"]
    assert all(reason in r.reason for r in refused)


def test_a_file_whose_name_is_not_text_costs_no_other(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.txt")).write_text("words")
    write(tmp_path, "a.txt", "words")
    assert [d.external_id for d in read_path(tmp_path) if isinstance(d, ParsedDocument)] == [
        "a.txt"
    ]
    assert refusals(tmp_path) == [RefusedFile(r"\udcff.txt", "its name is not UTF-8")]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"\x7fELF\x00\x00", "is a program"),
        ("a.txt", b"words\x00\x00", "NUL"),
        ("a.txt", b"  \n", "no text"),
        ("a.txt", b"\xff\xfea", "begins like utf-16"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
        ("a.json", b"{", "not JSON"),
        ("a.json", b"3", "neither an object"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\n", "no header"),
    ],
)
def test_what_is_not_what_it_says_is_refused_with_a_reason(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    write(tmp_path, name, content)
    write(tmp_path, "z.txt", "the rest is read")
    (refused,) = refusals(tmp_path)
    assert refused.path == name
    assert reason in refused.reason
    assert [d for d in read_path(tmp_path) if isinstance(d, ParsedDocument)]


def test_a_file_over_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedhub.documents.parsing.encoding.read_text.__defaults__", (10,))
    write(tmp_path, "a.txt", "eleven bytes")
    assert "at most 10" in refusals(tmp_path)[0].reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_encodings_of_this_century(tmp_path: Path, encoding: str) -> None:
    text = "Übermut – “quoted” €"
    assert decode(text.encode(encoding)) == text
    write(tmp_path, "a.jsonl", f'{{"text": "{text}"}}\n{{"text": "b"}}\n'.encode(encoding))
    assert [d.text for d in documents(tmp_path)] == [text, "b"]


def test_a_line_over_the_limit_ends_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedhub.documents.parsing.encoding.text_lines.__defaults__", (40,))
    write(tmp_path, "a.jsonl", '{"text": "short"}\n{"text": "' + "x" * 100 + '"}\n')
    first, second = read_path(tmp_path)
    assert isinstance(first, ParsedDocument)
    assert isinstance(second, RefusedFile)
    assert "longer than 40" in second.reason


def test_text_that_is_not_text_is_refused() -> None:
    with pytest.raises(Unreadable):
        decode(b"a\x00b")
