from embedhub.console.pages.hits import (
    EXCERPT_CHARS,
    excerpt,
    marked,
    shown_hits,
    shown_leg,
    shown_took,
)
from embedhub.search.request import (
    Hit,
    HitChunk,
    HitDocument,
    HitExplanation,
    Leg,
    LegExplanation,
    Mode,
    Span,
    Took,
)


def a_hit(score: float, text: str = "text", *legs: LegExplanation) -> Hit:
    return Hit(
        score=score,
        document=HitDocument(1, "doc-1", "", None, {}),
        chunk=HitChunk(1, text, 0, len(text), 0),
        explain=HitExplanation(1, legs),
    )


def test_texts_are_escaped_in_and_around_the_marks() -> None:
    text = "<script>alert(1)</script> & <b>bold</b>"
    html = marked(text, [Span(8, 13)], Span(0, 25))
    assert "<script>" not in html
    assert "<b>" not in html
    assert "<mark>alert</mark>" in html
    assert "&lt;script&gt;" in html
    assert "&amp;" in html


def test_a_word_inside_the_best_sentence_is_marked_in_it() -> None:
    html = marked("One. Two words. Three.", [Span(5, 8)], Span(5, 15))
    assert html == (
        'One. <span class="eh-sentence"><mark>Two</mark></span>'
        '<span class="eh-sentence"> words.</span> Three.'
    )


def test_overlapping_marks_lose_no_character() -> None:
    html = marked("abcdef", [Span(0, 4), Span(2, 6)], None)
    assert html.replace("<mark>", "").replace("</mark>", "") == "abcdef"


def test_a_long_passage_is_cut_around_its_best_sentence() -> None:
    text = "word " * 1000
    start, end = excerpt(text, Span(3000, 3010))
    assert start <= 3000
    assert end >= 3010
    assert end - start <= EXCERPT_CHARS
    assert marked(text, [], Span(3000, 3010)).startswith("… ")


def test_marks_outside_the_excerpt_do_not_stretch_it() -> None:
    html = marked("a" * 5000, [Span(4000, 4500)], None)
    assert "<mark>" not in html


def test_a_document_without_title_goes_by_its_id() -> None:
    assert shown_hits([a_hit(0.5)], Mode.HYBRID)[0].title == "doc-1"


def test_fused_bars_are_parts_of_the_best_possible_score() -> None:
    assert [h.width for h in shown_hits([a_hit(0.8), a_hit(0.2)], Mode.HYBRID)] == [80, 20]


def test_bars_of_one_leg_are_parts_of_the_best_hit() -> None:
    assert [h.width for h in shown_hits([a_hit(12.0), a_hit(3.0)], Mode.LEXICAL)] == [100, 25]


def test_negative_scores_have_empty_bars() -> None:
    assert [h.width for h in shown_hits([a_hit(-0.1)], Mode.DENSE)] == [0]


def test_a_leg_says_its_rank_its_score_and_its_share() -> None:
    leg = LegExplanation(Leg.LEXICAL, 2, 12.3456, 0.5, 0.5, 0.25)
    shown = shown_leg(leg, 0.5)
    assert shown.name == "Words"
    assert shown.words == "rank 2, BM25 12.346; gives 0.250"
    assert shown.percent == 50


def test_a_leg_that_did_not_find_the_hit_says_so() -> None:
    words = shown_leg(LegExplanation(Leg.LEXICAL, None, None, 0.0, 0.5, 0.0), 0.5).words
    assert words.startswith("none of the words")
    words = shown_leg(LegExplanation(Leg.DENSE, None, None, 0.31, 0.5, 0.15), 0.5).words
    assert "not among the nearest" in words
    assert "0.31" in words


def test_parts_too_short_to_matter_are_left_out() -> None:
    assert shown_took(Took(5.2, 3.9, 0.1, 1.0, 0.0, 11.6)) == (
        "12 ms (encoding 5, meaning 4, reading 1)"
    )
