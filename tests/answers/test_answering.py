"""Answers through the service: what is cited, what is found, and what stays hidden."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.access.service import create_workspace
from embedhub.answers import generation, service
from embedhub.answers.events import CitationMade, Delta, Done, Failed, SourcesFound
from embedhub.answers.generator import GenerationFailed
from embedhub.answers.request import Answer, AnswerRequest, Citation, Context, Method, Role, Turn
from embedhub.errors import Forbidden, InvalidInput, NotFound, TooLarge
from embedhub.tables import DocumentVersion
from tests.factories import encode_everything, make_collection, send

pytestmark = pytest.mark.usefixtures("sent_jobs")

WHALES = "Blue whales weigh up to 190 tonnes. They eat four tonnes of krill a day."
CATS = "Cats sleep sixteen hours a day. At night they hunt mice in the barn."
TAXES = "Letters of complaint are answered within thirty days. Later replies cost nothing."
QUESTION = "How many tonnes of krill do blue whales eat?"


@pytest.fixture
def papers(caller: Caller) -> Caller:
    make_collection(caller)
    send(
        caller,
        {"external_id": "whales", "title": "Whales", "text": WHALES, "metadata": {"year": 2020}},
        {"external_id": "cats", "title": "Cats", "text": CATS},
        {"external_id": "taxes", "title": "Letters", "text": TAXES, "access": ["group:tax"]},
    )
    encode_everything()
    return caller


def ask(caller: Caller, question: str = QUESTION, *slugs: str, **fields: Any) -> Answer:
    wanted: dict[str, Any] = {"method": Method.EXTRACTIVE, "min_evidence": 0.0} | fields
    return service.answer(caller, slugs or ["papers"], AnswerRequest(question, **wanted))


def stored_text(citation: Citation) -> str:
    """Return what the stored version holds where a citation points."""
    with db.reading() as session:
        texts = {version.title: version.text for version in session.query(DocumentVersion).all()}
    return str(texts[citation.title][citation.start : citation.end])


class Words:
    """A generator with an answer ready; it remembers what it was asked."""

    def __init__(self, *deltas: str, fails: bool = False) -> None:
        self.deltas = deltas
        self.fails = fails
        self.asked: list[str] = []
        self.is_closed = False

    def standalone(self, question: str, history: Sequence[Turn]) -> str:
        if self.fails:
            raise GenerationFailed("the endpoint is busy", retry_after_s=7)
        return f"{question} {history[-1].text}"

    def generate(self, question: str, context: Context, history: Sequence[Turn]) -> Iterator[str]:
        self.asked.append(question)
        try:
            yield from self.deltas
            if self.fails:
                raise GenerationFailed("the endpoint is busy", retry_after_s=7)
        finally:
            self.is_closed = True


@pytest.fixture
def worded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives every workspace a language model that says these words."""

    def give(*deltas: str, fails: bool = False) -> Words:
        words = Words(*deltas, fails=fails)
        monkeypatch.setattr(generation, "find_generator", lambda workspace_id: words)
        return words

    return give


def test_the_best_sentence_is_said_and_cited_where_it_stands(papers: Caller) -> None:
    answer = ask(papers)
    assert answer.found
    assert "They eat four tonnes of krill a day. [1]" in answer.text
    first = answer.citations[0]
    assert (first.external_id, first.version, first.collection) == ("whales", 1, "papers")
    assert first.text == stored_text(first)
    assert "four tonnes of krill" in first.text


def test_citations_and_words_are_bounded(papers: Caller) -> None:
    answer = ask(papers, "day", max_citations=1, max_words=8)
    assert len(answer.citations) <= 1
    said = [answer.text[one.span.start : one.span.end] for one in answer.sentences]
    assert sum(len(text.split()) - 1 for text in said) <= 8


def test_a_sentence_longer_than_an_answer_may_be_is_cut(papers: Caller) -> None:
    answer = ask(papers, max_words=2)
    assert answer.found
    assert [len(one.text.split()) for one in answer.citations] == [2]
    assert answer.citations[0].text == stored_text(answer.citations[0])
    assert answer.is_supported
    send(papers, {"external_id": "long", "title": "Zh", "text": "蓝鲸吃磷虾、" * 60 + "它们很大。"})
    encode_everything()
    answer = ask(papers, "蓝鲸吃什么磷虾", max_citations=1)
    assert answer.citations[0].text == stored_text(answer.citations[0])
    assert 200 <= len(answer.citations[0].text) <= 300


def test_every_sentence_of_an_extract_is_supported(papers: Caller) -> None:
    answer = ask(papers)
    assert answer.sentences
    assert answer.is_supported
    assert all(one.lexical == 1.0 for one in answer.sentences)


def test_too_little_evidence_is_not_found_with_the_nearest(papers: Caller) -> None:
    answer = ask(papers, "Who won the football final in Madrid?", min_evidence=None)
    assert not answer.found
    assert answer.text == "Not found in the documents."
    assert not answer.citations
    assert answer.evidence < answer.min_evidence
    ranked = [source.score for source in answer.nearest]
    assert ranked == sorted(ranked, reverse=True)


def test_an_empty_collection_finds_nothing(caller: Caller) -> None:
    make_collection(caller)
    answer = ask(caller)
    assert not answer.found
    assert not answer.nearest


def test_what_a_caller_may_not_see_is_neither_cited_nor_near(papers: Caller) -> None:
    question = "When are letters of complaint answered?"
    assert "taxes" in {one.external_id for one in ask(papers, question).citations}
    for principals in ((), ("group:other",)):
        hidden = ask(papers, question, principals=principals)
        assert "taxes" not in {one.external_id for one in hidden.citations}
        assert "thirty days" not in hidden.text
        nearest = ask(papers, question, principals=principals, min_evidence=1.0).nearest
        assert "taxes" not in {one.external_id for one in nearest}
    allowed = ask(papers, question, principals=("group:tax",))
    assert "taxes" in {one.external_id for one in allowed.citations}


def test_a_filter_bounds_what_is_cited(papers: Caller) -> None:
    answer = ask(papers, "What happens a day?", filter={"year": 2020})
    assert {one.external_id for one in answer.citations} == {"whales"}


def test_strangers_learn_of_no_collection(papers: Caller) -> None:
    stranger = Caller.for_workspace(create_workspace("stranger"))
    with pytest.raises(NotFound):
        ask(stranger)
    with pytest.raises(NotFound):
        ask(papers, QUESTION, "papers", "no-such")
    blind = Caller(papers.workspace_id, None, frozenset(), None, None)
    with pytest.raises(Forbidden):
        ask(blind)


def test_several_collections_answer_together(papers: Caller) -> None:
    make_collection(papers, "more")
    send(papers, {"external_id": "krill", "title": "Krill", "text": "Krill are small shrimps."},
         slug="more")  # fmt: skip
    encode_everything()
    first: Any = next(iter(service.stream(papers, ["papers", "more"], AnswerRequest(QUESTION))))
    assert {source.collection for source in first.sources} == {"papers", "more"}
    answer = ask(papers, "What are small shrimps?", "papers", "more")
    assert "more" in {one.collection for one in answer.citations}


def test_a_changed_document_is_cited_in_its_newest_version(papers: Caller) -> None:
    send(papers, {"external_id": "whales", "title": "Whales", "text": f"News. {WHALES}"})
    encode_everything()
    [first, *_] = ask(papers).citations
    assert first.version == 2
    assert first.text == f"News. {WHALES}"[first.start : first.end]


def test_a_small_context_still_answers(papers: Caller) -> None:
    answer = ask(papers, context_tokens=3)
    assert len(answer.citations) <= 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"question": " "}, "question"),
        ({"question": "a\0b"}, "question"),
        ({"question": "\ud800"}, "question"),
        ({"max_citations": 0}, "max_citations"),
        ({"max_words": 5_000}, "max_words"),
        ({"context_tokens": 10**9}, "context_tokens"),
        ({"min_evidence": 1.5}, "min_evidence"),
        ({"method": Method.GENERATED}, "method"),
        ({"language": "!!"}, "language"),
    ],
)
def test_what_makes_no_sense_is_refused(papers: Caller, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        ask(papers, **fields)
    assert refused.value.field == field


def test_sizes_are_limited(papers: Caller) -> None:
    with pytest.raises(TooLarge):
        ask(papers, "x" * 20_000)
    with pytest.raises(TooLarge):
        ask(papers, QUESTION, *(str(uuid.uuid4()) for _ in range(21)))
    with pytest.raises(InvalidInput):
        ask(papers, QUESTION, "papers", "papers")


def test_generated_sentences_are_checked_against_what_they_cite(
    papers: Caller, worded: Any
) -> None:
    worded("Blue whales eat four tonnes", " of krill a day [1]. ", "They live on Mars [1].")
    answer = ask(papers, method=Method.AUTO)
    assert answer.method is Method.GENERATED
    assert [one.is_supported for one in answer.sentences] == [True, False]
    assert not answer.is_supported
    [cited] = answer.citations
    assert cited.external_id == "whales"
    assert "krill" in cited.text


def test_what_the_cited_text_denies_is_not_supported(papers: Caller, worded: Any) -> None:
    held = "Blue whales do not eat tonnes of small fish. Never do blue whales hunt seals."
    send(papers, {"external_id": "whales", "title": "Whales", "text": held})
    encode_everything()
    worded(
        "Blue whales eat tonnes of small fish [1]. Blue whales do not eat tonnes of small fish [1]."
        "\nblue whales hunt seals. [1]"
    )
    answer = ask(papers, method=Method.GENERATED)
    assert [one.is_supported for one in answer.sentences] == [False, True, False]
    assert answer.sentences[0].lexical == 1.0


def test_numbers_and_sources_that_are_not_there_back_nothing(papers: Caller, worded: Any) -> None:
    worded("Blue whales eat 5 tonnes of krill a day [1]. They eat tonnes of krill [99]. Krill!")
    answer = ask(papers, method=Method.AUTO)
    assert not any(one.is_supported for one in answer.sentences)
    assert {one.number for one in answer.citations} == {1}


def test_a_follow_up_is_searched_for_as_a_question_of_its_own(papers: Caller, worded: Any) -> None:
    words = worded("Four tonnes of krill [1].")
    history = (Turn(Role.USER, "Tell me of blue whales."),)
    answer = ask(papers, "What do they eat?", method=Method.AUTO, history=history)
    assert answer.question == "What do they eat? Tell me of blue whales."
    assert words.asked == [answer.question]


def test_a_language_model_that_finds_nothing_is_believed(papers: Caller, worded: Any) -> None:
    worded("The documents do not say.")
    answer = ask(papers, method=Method.AUTO)
    assert not answer.found
    assert answer.nearest


def test_what_is_said_behind_not_found_is_checked(papers: Caller, worded: Any) -> None:
    worded("The documents do not say. Whales live on the moon in cities of cheese [1].")
    answer = ask(papers, method=Method.AUTO)
    assert answer.sentences
    assert not answer.is_supported


def test_marks_alone_are_no_answer(papers: Caller, worded: Any) -> None:
    worded("[1] ...")
    answer = ask(papers, method=Method.AUTO)
    assert not answer.found
    assert answer.nearest


def test_without_evidence_no_language_model_is_asked(papers: Caller, worded: Any) -> None:
    words = worded("Madrid [1].")
    answer = ask(papers, "Who won the final in Madrid?", method=Method.AUTO, min_evidence=1.0)
    assert not answer.found
    assert words.asked == []


@pytest.mark.parametrize("history", [(), (Turn(Role.USER, "Tell me of whales."),)])
def test_a_failing_language_model_leaves_the_sources(
    papers: Caller, worded: Any, history: tuple[Turn, ...]
) -> None:
    worded("Blue", fails=True)
    with pytest.raises(GenerationFailed) as failed:
        ask(papers, method=Method.AUTO, history=history)
    assert failed.value.retry_after_s == 7
    assert "whales" in {source.external_id for source in failed.value.sources}


def events_of(caller: Caller, **fields: Any) -> list[Any]:
    wanted: dict[str, Any] = {"min_evidence": 0.0} | fields
    request = AnswerRequest(QUESTION, **wanted)
    return list(service.stream(caller, ["papers"], request))


def test_the_events_of_an_extract_make_its_text(papers: Caller) -> None:
    events = events_of(papers, method=Method.EXTRACTIVE)
    assert isinstance(events[0], SourcesFound)
    assert isinstance(events[-1], Done)
    answer = events[-1].answer
    assert "".join(one.text for one in events if isinstance(one, Delta)) == answer.text
    made = [one.citation for one in events if isinstance(one, CitationMade)]
    assert tuple(made) == answer.citations
    numbered = {source.number: source.external_id for source in events[0].sources}
    assert all(numbered[one.number] == one.external_id for one in answer.citations)


def test_a_citation_follows_its_first_mark(papers: Caller, worded: Any) -> None:
    worded("Krill [", "1", "] and krill [1].")
    kinds = [type(one).__name__ for one in events_of(papers)]
    assert kinds == [
        "SourcesFound", "Delta", "Delta", "Delta", "CitationMade", "Done",
    ]  # fmt: skip


def test_a_failure_ends_the_events(papers: Caller, worded: Any) -> None:
    words = worded("Blue", fails=True)
    *_, last = events_of(papers)
    assert last == Failed("generation_failed", "the endpoint is busy", 7)
    assert words.is_closed


def test_closing_the_events_ends_the_call(papers: Caller, worded: Any) -> None:
    words = worded("a", "b", "c")
    events: Any = service.stream(papers, ["papers"], AnswerRequest(QUESTION, min_evidence=0.0))
    for event in events:
        if isinstance(event, Delta):
            break
    events.close()
    assert words.is_closed


def test_supplied_vectors_are_answered_from_by_words(caller: Caller) -> None:
    make_collection(caller, dimension=2, encoder="supplied")
    send(caller, {"external_id": "whales", "title": "Whales", "text": WHALES, "vector": [1.0, 0.0]})
    answer = ask(caller)
    assert "four tonnes of krill" in answer.text
    assert all(one.semantic is None for one in answer.sentences)


def test_a_document_taken_as_one_is_cited_by_sentence(caller: Caller) -> None:
    make_collection(caller, chunking={"strategy": "document"})
    filler = " ".join(f"Sentence {n} is about nothing in particular." for n in range(400))
    send(caller, {"external_id": "long", "title": "Long", "text": f"{filler} {WHALES} {filler}"})
    encode_everything()
    [first, *_] = ask(caller, max_citations=1, max_words=20).citations
    assert "four tonnes of krill" in first.text
    assert len(first.text) < 500


def test_chinese_is_answered_in_its_own_sentences(caller: Caller) -> None:
    make_collection(caller, language="chinese")
    text = "蓝鲸每天吃四吨磷虾。猫每天睡十六个小时。"
    send(caller, {"external_id": "zh", "title": "", "text": text})
    encode_everything()
    answer = ask(caller, "蓝鲸每天吃多少磷虾？", max_words=6)
    assert answer.text == "蓝鲸每天吃四吨磷虾。 [1]"
    assert answer.is_supported
