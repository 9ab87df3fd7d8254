"""Passages packed for a prompt: joined where they meet, said once, by document, in the budget."""

from dataclasses import replace

from embedhub.answers.context import pack
from embedhub.answers.passages import Passage

TEXT = "Whales eat krill. They dive deep. They sing at night. Cats sleep all day. Dogs bark."
FIRST = Passage(
    collection="c", document_id=1, external_id="one", title="", url=None, metadata={}, version=1,
    start=0, end=17, text=TEXT[:17], heading="", page_starts=[0, 34], score=1.0, cosine=None,
    rank=0, tail=TEXT[17:21],
)  # fmt: skip


def passage(start: int, end: int, rank: int, **changes: object) -> Passage:
    own = TEXT[start:end]
    tail = TEXT[end : end + 4]
    found = replace(FIRST, start=start, end=end, text=own, tail=tail, rank=rank, score=1 - rank / 9)
    return replace(found, **changes)  # type: ignore[arg-type]


def other(start: int, end: int, rank: int) -> Passage:
    return passage(start, end, rank, document_id=2, external_id="two")


def count_words(text: str) -> int:
    return len(text.split())


def packed(*passages: Passage, budget: int = 100) -> list[tuple[str, int, int, str]]:
    sources = pack(passages, count_words, budget).sources
    return [(one.external_id, one.start, one.end, one.text) for one in sources]


def test_neighbouring_and_overlapping_passages_are_one_source_as_the_version_has_it() -> None:
    found = packed(passage(18, 33, 1), passage(0, 17, 0), passage(28, 53, 2))
    assert found == [("one", 0, 53, TEXT[0:53])]


def test_passages_with_text_between_them_stay_apart_in_the_order_of_the_text() -> None:
    found = packed(passage(54, 73, 0), passage(0, 17, 2))
    assert [(start, end) for _, start, end, _ in found] == [(0, 17), (54, 73)]


def test_the_document_of_the_best_passage_comes_first_whole() -> None:
    found = packed(other(0, 17, 1), passage(54, 73, 2), passage(18, 33, 0))
    assert [(name, start) for name, start, _, _ in found] == [("one", 18), ("one", 54), ("two", 0)]


def test_the_same_text_comes_once() -> None:
    assert packed(passage(0, 17, 0), other(0, 17, 1)) == [("one", 0, 17, TEXT[:17])]


def test_what_does_not_fit_is_left_out_and_smaller_ones_behind_it_still_fit() -> None:
    found = packed(passage(0, 17, 0), other(18, 73, 1), passage(74, 84, 2), budget=6)
    assert [(name, start) for name, start, _, _ in found] == [("one", 0), ("one", 74)]
    assert pack([passage(0, 17, 0), passage(74, 84, 1)], count_words, 6).n_tokens == 5


def test_the_best_passage_is_cut_to_a_budget_that_it_exceeds() -> None:
    [(_, start, end, text)] = packed(passage(0, 84, 0), other(0, 17, 1), budget=3)
    assert (start, text) == (0, TEXT[:end])
    assert 0 < count_words(text) <= 4


def test_sources_are_numbered_from_one_and_know_their_page() -> None:
    context = pack([passage(0, 17, 1), passage(54, 73, 0)], count_words, 100)
    assert [(one.number, one.page) for one in context.sources] == [(1, 1), (2, 2)]
