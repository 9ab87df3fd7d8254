"""What decides between an answer and none."""

from dataclasses import replace

import pytest

from embedhub.answers.evidence import PassageTraits, Traits, evidence

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
