"""Highlights: the words that matched, by the same analysis, and the best sentence."""

from collections.abc import Mapping

from embedhub.search.request import Span
from embedhub.search.snippets import (
    Marked,
    Matched,
    Passage,
    mark,
    matching_words,
    normalized,
    query_grams,
    sentences,
    words_of,
)

NO_GRAMS: frozenset[str] = frozenset()


def marked(text: str, matched: Matched, lexemes: Mapping[str, tuple[str, ...]]) -> Marked:
    passage = Passage.of(text)
    known = {normalized(word): lexemes.get(normalized(word), ()) for word in passage.words}
    return mark(passage, matching_words(passage.words, known, matched), matched)


def marked_words(text: str, matched: Matched, lexemes: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [text[span.start : span.end] for span in marked(text, matched, lexemes).highlights]


def best_sentence(
    text: str, matched: Matched, lexemes: Mapping[str, tuple[str, ...]]
) -> str | None:
    span = marked(text, matched, lexemes).sentence
    return None if span is None else text[span.start : span.end]


def test_words_match_by_their_lexemes() -> None:
    matched = Matched({"run": 2.0}, NO_GRAMS)
    lexemes = {"Running": ("run",), "runs": ("run",), "far": ("far",)}
    assert marked_words("Running far, he runs.", matched, lexemes) == ["Running", "runs"]


def test_the_sentence_with_the_rarest_words_is_best() -> None:
    matched = Matched({"cat": 5.0, "sit": 1.0, "mat": 1.0}, NO_GRAMS)
    lexemes = {"cat": ("cat",), "sat": ("sit",), "mat": ("mat",)}
    text = "It sat on a mat. The cat left!  It sat, sat, sat."
    assert best_sentence(text, matched, lexemes) == "The cat left!"
    assert best_sentence("Nothing here.", matched, lexemes) is None


def test_sentences_end_at_stops_but_not_inside_abbreviations() -> None:
    text = "See e.g. this one. “Really?” Yes!\n\nNext part 3.5 is long"
    parts = [text[s.start : s.end] for s in sentences(text)]
    assert parts == ["See e.g. this one.", "“Really?”", "Yes!", "Next part 3.5 is long"]
    chinese = "我有猫。你有狗吗？"
    assert [chinese[s.start : s.end] for s in sentences(chinese)] == ["我有猫。", "你有狗吗？"]


def test_scripts_without_spaces_are_marked_by_pairs() -> None:
    assert query_grams("黑猫 cat 狗") == {"黑猫", "狗"}
    matched = Matched({"黑猫": 1.0}, query_grams("黑猫"))
    assert marked_words("我有一只黑猫，白猫。", matched, {}) == ["黑猫"]


def test_overlapping_pairs_become_one_range() -> None:
    matched = Matched({}, query_grams("東京タワー"))
    text = "昨日は東京タワーに"
    assert marked(text, matched, {}).highlights == (Span(3, 8),)


def test_offsets_count_characters_beyond_the_basic_plane() -> None:
    matched = Matched({"cat": 1.0}, NO_GRAMS)
    text = "😀😀 cafe\u0301 cat"
    assert marked_words(text, matched, {"cat": ("cat",)}) == ["cat"]
    assert {normalized(word) for word in words_of(text)} == {"café", "cat"}


def test_words_with_vowel_signs_stay_whole() -> None:
    assert words_of("हिन्दी भाषा") == {"हिन्दी", "भाषा"}
