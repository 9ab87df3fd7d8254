"""Reading streamed completions, without a server."""

import pytest

from embedhub.answers.llm.pieces import error_words, lines_of, without_thoughts


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("An answer.", "An answer."),
        ("<think>Hm, 1 < 2.\nYes.</think>\n\nAn answer.", "An answer."),
        ("\n<think></think>An answer with </think> in it.", "An answer with </think> in it."),
        ("<thinking> is a word.", "<thinking> is a word."),
        ("<thi", "<thi"),
        ("  <", "  <"),
        ("<think>It never ends", ""),
        ("", ""),
    ],
)
def test_thoughts_before_an_answer_are_left_out(said: str, kept: str, size: int) -> None:
    pieces = [said[start : start + size] for start in range(0, len(said), size)]
    assert "".join(without_thoughts(pieces)) == kept


@pytest.mark.parametrize("size", [1, 3, 100])
def test_lines_are_whole_wherever_the_stream_was_cut(size: int) -> None:
    sent = "data: ä\r\n\r\n: hm\ndata: [DONE]".encode()
    chunks = [sent[start : start + size] for start in range(0, len(sent), size)]
    assert list(lines_of(chunks)) == ["data: ä".encode(), b"", b": hm", b"data: [DONE]"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"error": {"message": "No  such\nmodel"}}, "No such model"),
        ({"error": "overloaded"}, "overloaded"),
        ({"detail": "not here"}, "not here"),
        ({"error": {"message": 7}}, ""),
        ([1], ""),
        ({"error": "x" * 500}, "x" * 299 + "…"),
    ],
)
def test_an_endpoints_error_is_told_in_one_line(value: object, words: str) -> None:
    assert error_words(value) == words
