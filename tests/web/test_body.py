import tracemalloc
from collections.abc import Iterator

import pytest

from embedhub.errors import InvalidInput
from embedhub.web.body import Lines, find_nul, parse_json


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", []),
        (b"a", [b"a"]),
        (b"a\nb\n", [b"a", b"b"]),
        (b"a\n\nb", [b"a", b"", b"b"]),
        (b"\n", [b""]),
        (b"a\r\nb", [b"a\r", b"b"]),
        ("ä\nö".encode(), ["ä".encode(), "ö".encode()]),
    ],
)
def test_lines_are_the_same_however_they_arrive(size: int, text: bytes, lines: list[bytes]) -> None:
    chunks = (text[start : start + size] for start in range(0, len(text), size))
    assert list(Lines(chunks, limit=100)) == lines


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_a_line_over_the_limit_is_passed_over_and_told(size: int) -> None:
    text = b"short\n" + b"x" * 50 + b"\nexact-10--\n" + b"y" * 11
    lines = Lines((text[i : i + size] for i in range(0, len(text), size)), limit=10)
    assert list(lines) == [b"short", Lines.STAND_IN, b"exact-10--", Lines.STAND_IN]
    assert lines.too_long == {2, 4}


def test_a_line_without_end_takes_no_more_memory_than_the_limit() -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * 1_000_000

    tracemalloc.start()
    lines = Lines(endless(), limit=2_000_000)
    assert list(lines) == [Lines.STAND_IN]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"NaN", b"[Infinity]", b"\xff", b'"\\ud800"', b'"\\udc00\\ud800"', b'"\x00"',
        b"[" * 5_000 + b"]" * 5_000, b'{"a": 1,}', b"{'a': 1}", b"\xef\xbb\xbf{}", b"1 2",
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_json(body)
    assert refusal.value.field == "body"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'"\\u0000"', "body"),
        (b'{"a": "x\\u0000"}', "a"),
        (b'{"a": [{"b": "\\u0000"}]}', "a.0.b"),
        (b'{"a": {"\\u0000": 1}}', "a"),
        (b'{"\\u0000": 1}', "body"),
    ],
)
def test_a_nul_is_refused_with_its_path(body: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_json(body)
    assert refusal.value.field == field


def test_good_json_is_read() -> None:
    assert parse_json(b'{"a": 1, "a": 2}') == {"a": 2}
    assert parse_json(b'{"a": "\\\\u0000"}') == {"a": "\\u0000"}
    assert parse_json('"\\ud83d\\ude00 ü"'.encode()) == "😀 ü"
    deep = parse_json(b'{"nul": "\\\\u0000", "deep": ' + b"[" * 900 + b"]" * 900 + b"}")
    assert find_nul(deep) is None
