"""What decides between an answer and none, and which passages are cited."""

from dataclasses import replace

import pytest

from embedhub.answers.evidence import PassageTraits, Traits, evidence
from embedhub.answers.extract import ReadSentence, choose
from embedhub.answers.likeness import held_share, likeness
from embedhub.answers.passages import Passage
from embedhub.search.request import Span

ANSWER = PassageTraits(words=0.9, near=0.8, sentence_words=0.8, sentence_cosine=0.8)
NOTHING = PassageTraits(words=0.2, near=0.0, sentence_words=0.1, sentence_cosine=0.2)
WORDS_ALONE = PassageTraits(words=0.6, near=0.3, sentence_words=0.2, sentence_cosine=0.2)
SENTENCE_ALONE = PassageTraits(words=0.2, near=0.0, sentence_words=0.2, sentence_cosine=0.6)


def without_encoder(one: PassageTraits) -> PassageTraits:
    return replace(one, sentence_cosine=None)


@pytest.mark.parametrize("has_encoder", [True, False])
def test_a_passage_with_the_words_and_a_near_sentence_is_evidence(has_encoder: bool) -> None:
    answer, nothing = (one if has_encoder else without_encoder(one) for one in (ANSWER, NOTHING))
    assert evidence(Traits((nothing, answer), 8)) > 0.9
    assert evidence(Traits((nothing,), 8)) < 0.1


def test_words_of_one_passage_and_a_sentence_of_another_do_not_add_up() -> None:
    apart = evidence(Traits((WORDS_ALONE, SENTENCE_ALONE), 8))
    assert apart == max(evidence(Traits((one,), 8)) for one in (WORDS_ALONE, SENTENCE_ALONE))
    both = PassageTraits(words=0.6, near=0.3, sentence_words=0.2, sentence_cosine=0.6)
    assert apart < 0.5 < evidence(Traits((both,), 8))


def test_where_nothing_was_read_there_is_no_evidence() -> None:
    assert evidence(Traits((), 8)) == 0.0


@pytest.mark.parametrize(
    ("wanted", "held", "is_like"),
    [
        ("paleoclimatologist", "paleoclimatolog", True),
        ("cydipid", "cydippid", True),
        ("septicemia", "septicaemia", True),
        ("cat", "car", False),
        ("whale", "while", True),
        ("whale", "shale", False),
        ("support", "supper", False),
        ("2020", "2021", False),
        ("磷虾", "磷肥", False),
    ],
)
def test_a_word_in_another_form_counts_a_little_less(wanted: str, held: str, is_like: bool) -> None:
    assert likeness(wanted, wanted) == 1.0
    assert (0 < likeness(wanted, held) < 1) is is_like
    assert likeness(wanted, held) == likeness(held, wanted)


def test_what_a_text_holds_is_weighed() -> None:
    held = frozenset({"krill", "cydippid"})
    assert held_share({"krill": 1.0, "barn": 3.0}, held) == 0.25
    assert 0.5 < held_share({"cydipid": 1.0}, held) < 1
    assert held_share({}, held) == 0.0


def test_passages_that_bear_most_are_cited_whatever_their_rank() -> None:
    def sentence(rank: int, held: float) -> ReadSentence:
        text = f"Sentence of document {rank}."
        passage = Passage(
            collection="c", document_id=rank, external_id=str(rank), title="", url=None,
            metadata={}, version=1, start=0, end=len(text), text=text, heading="",
            page_starts=None, score=1.0, cosine=None, rank=rank,
        )  # fmt: skip
        return ReadSentence(passage, Span(0, len(text)), held / 2, held, 0.5)

    read = [sentence(0, 0.3), sentence(1, 0.2), sentence(2, 0.9), sentence(3, 0.6)]
    chosen = choose(read, max_citations=3, max_words=120)
    assert [one.passage.rank for one in chosen] == [2, 3, 0]
