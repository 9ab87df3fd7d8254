"""Sentences of answers and what backs them: nothing unbacked is told as supported."""

import pytest

from embedhub.answers.check import claims, is_supported, shared_words
from embedhub.answers.extract import says


def said(text: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(claim.text, claim.numbers) for claim in claims(text)]


def test_an_item_of_a_numbered_list_is_one_sentence_without_its_numeral() -> None:
    assert said("1. Whales eat krill [1].\n2. They dive deep [2].") == [
        ("Whales eat krill .", (1,)),
        ("They dive deep .", (2,)),
    ]


def test_a_number_that_counts_no_list_is_a_part_of_the_sentence() -> None:
    assert said("42. Straße is an address [1].")[-1][0].startswith("42.")


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith saw whales [1].",
        "It was found by J. R. Smith [1].",
        "They eat small animals, e.g. Antarctic krill [1].",
        "Der Wal kam am 5. Mai 2020 an [1].",
        "See Fig. 3 and No. 7 [1].",
        "They grow by 3.5 m [1].",
    ],
)
def test_an_abbreviation_ends_no_sentence(sentence: str) -> None:
    assert [numbers for _, numbers in said(sentence)] == [(1,)]


def test_a_stop_behind_a_unit_ends_a_sentence() -> None:
    found = said("It takes 5 ms. Whales fly [1].")
    assert [numbers for _, numbers in found] == [(), (1,)]


def test_sentences_in_scripts_without_spaces_keep_their_own_marks() -> None:
    found = said("鲸鱼是哺乳动物。[1]它们吃磷虾。[2]")
    assert [numbers for _, numbers in found] == [(1,), (2,)]


def test_marks_in_front_of_lines_are_those_of_the_lines() -> None:
    assert [numbers for _, numbers in said("[1] Whales swim.\n[2] Birds fly.\n[3] Cats purr.")] == [
        (1,),
        (2,),
        (3,),
    ]


def test_marks_alone_on_a_line_belong_to_what_stands_above() -> None:
    assert [numbers for _, numbers in said("Whales swim.\n[1]\nBirds fly. [2]")] == [(1,), (2,)]


def test_spans_hold_the_sentences() -> None:
    text = "1. Dr. Smith saw 🐋 whales [1].\n2. Birds fly. [2]"
    assert [text[claim.span.start : claim.span.end] for claim in claims(text)] == [
        "Dr. Smith saw 🐋 whales [1].",
        "Birds fly. [2]",
    ]


def test_what_holds_no_word_to_compare_is_backed_by_none() -> None:
    """Such as "No, it is not": every word is one that each text has."""
    assert shared_words({}, frozenset(), frozenset({"whale"})) == 0.0


@pytest.mark.parametrize(
    ("number", "cited", "is_held"),
    [
        ("1,000,000", "1000000", True),
        ("1000", "1,000", True),
        ("3,5", "35", False),
        ("3.5", "35", False),
        ("2020,2021", "20202021", False),
    ],
)
def test_a_comma_within_a_number_is_left_out_between_thousands_alone(
    number: str, cited: str, is_held: bool
) -> None:
    said = f"They eat {number} fish"
    held = f"They eat {cited} fish"
    assert is_supported(cites=True, words=1.0, cosine=None, says=said, cited=held) is is_held


def test_a_part_of_a_word_is_no_quotation() -> None:
    assert not says("This is unsafe to eat.", "safe to eat.")
    assert says("They are\nsafe to eat. Really.", "safe to eat.")
    assert says("鲸鱼是哺乳动物。它们吃磷虾。", "它们吃磷虾。")
