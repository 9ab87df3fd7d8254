"""What signs in a query mean, and where they mean nothing."""

import re

import pytest

from embedhub.config import override_config
from embedhub.errors import InvalidInput, TooLarge
from embedhub.search.demands import pieces_of
from embedhub.search.query_language import ParsedQuery, exact_pattern, parse_query


@pytest.mark.parametrize(
    ("query", "text", "phrases", "excluded"),
    [
        ('"black cats" sleep', "black cats sleep", ["black cats"], []),
        ('called "the Methodists?"', "called the Methodists?", ["the Methodists"], []),
        ("„große Katzen“ schlafen", "große Katzen schlafen", ["große Katzen"], []),
        ("«机器学习» 模型", "机器学习 模型", ["机器学习"], []),
        ("black -dogs", "black", [], ["dogs"]),
        ('cat -"big dogs" -2fa', "cat", [], ["big dogs", "2fa"]),
        ('a "b" -c "d e"', "a b d e", ["b", "d e"], ["c"]),
    ],
)
def test_phrases_and_words_left_out(
    query: str, text: str, phrases: list[str], excluded: list[str]
) -> None:
    assert parse_query(query) == ParsedQuery(text, tuple(phrases), tuple(excluded))


@pytest.mark.parametrize(
    "query",
    [
        "COVID-19 e-mail",
        "temperature of -5 degrees",
        "a - b -- c",
        '5" x 3" screen',
        '"never closed',
        '"" "-" x',
        "Privatpersonen und -organisationen",
        "first line\n-second line",
        "word " * 24 + '"pasted from a text"',
    ],
)
def test_what_only_looks_like_a_sign_stays(query: str) -> None:
    parsed = parse_query(query)
    assert parsed == ParsedQuery(query)
    assert not parsed.has_operators


def test_a_query_has_to_look_for_something() -> None:
    for query in ("-cats", '-"black cats" -dogs'):
        with pytest.raises(InvalidInput) as error:
            parse_query(query)
        assert error.value.field == "query"


def test_operators_are_limited() -> None:
    override_config(max_query_operators=2)
    try:
        parse_query("x -a -b")
        with pytest.raises(TooLarge):
            parse_query("x -a -b -c")
    finally:
        override_config(max_query_operators=16)


def test_a_pattern_takes_signs_as_they_are_and_any_space_between_words() -> None:
    for phrase in ("f(x) = [a.b]* + c|d", "100 %", "C++ code"):
        pattern = exact_pattern(phrase).replace(r"\m", r"\b").replace(r"\M", r"\b")
        assert re.search(pattern, f"see {phrase.replace(' ', '  ')} here")
        assert not re.search(pattern, "see f(x) = [aXb]* here 100 C code")


def test_pieces_follow_each_other_in_the_index() -> None:
    assert [piece for piece in pieces_of("机器学习") if piece] == ["机 器 学 习"]
    assert [piece.strip() for piece in pieces_of("GPT 模型 x")] == ["GPT", "模 型", "x"]
