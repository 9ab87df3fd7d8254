"""Misspelt words: what is close, what was meant, and what is told of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedhub.access.caller import Caller
from embedhub.search import spelling
from embedhub.search.request import Mode, NoteCode, SearchRequest, SearchResult
from embedhub.search.service import search
from embedhub.search.spelling import Known
from tests.factories import make_collection, send, send_texts

WORDS = st.text("abc", max_size=6)
TEXTS = [
    "Retrieval of documents by their words.",
    "The retrieval engine finds what was retrieved before.",
    "Attention is what transformers compute.",
    "Kätzchen und Übermut.",
    "Photosynthesis happens in chloroplasts.",
]


@given(left=WORDS, right=WORDS)
def test_the_distance_counts_errors(left: str, right: str) -> None:
    found = spelling.distance(left, right)
    assert found == spelling.distance(right, left)
    assert (found == 0) == (left == right)
    assert abs(len(left) - len(right)) <= found <= max(len(left), len(right))


@given(word=st.text("abc", min_size=1, max_size=4))
def test_neighbours_are_the_words_at_distance_one(word: str) -> None:
    assert {spelling.distance(word, other) for other in spelling.neighbours(word, "english")} == {
        0,
        1,
    }


def test_accented_and_foreign_letters_are_tried_where_they_belong() -> None:
    assert "kätzchen" in spelling.neighbours("katzchen", "german")
    assert "kätzchen" not in set(spelling.neighbours("katzchen", "english"))
    assert "собака" in spelling.neighbours("сабака", "russian")


def test_the_first_letter_is_trusted_before_the_usual_word() -> None:
    known = [Known("battle", "battl", 1, 900), Known("cattle", "cattl", 2, 30)]
    assert spelling.best_neighbour("cattel", known) == known[1]
    assert spelling.best_neighbour("cattle", known[1:]) is None


def test_a_short_word_is_near_rare_words_by_chance() -> None:
    assert spelling.best_neighbour("merlin", [Known("medlin", "medlin", 1, 1)]) is None
    long = Known("lamellipodia", "lamellipodia", 1, 1)
    assert spelling.best_neighbour("lamelliopodia", [long]) == long


def ask(caller: Caller, query: str, slug: str = "papers", **fields: object) -> SearchResult:
    return search(caller, slug, SearchRequest(query=query, mode=Mode.LEXICAL, **fields))  # type: ignore[arg-type]


def ids(result: SearchResult) -> list[str]:
    return [hit.document.external_id for hit in result.hits]


@pytest.mark.usefixtures("sent_jobs")
def test_a_misspelt_word_finds_what_was_meant_and_it_is_said(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, TEXTS)
    for wrong in ("retreival", "retrievla", "retrieva", "rretrieval"):
        found = ask(caller, wrong)
        assert sorted(ids(found)) == ["0", "1"], wrong
        (note,) = found.notes
        assert note.code == NoteCode.CORRECTED
        assert wrong in note.message
        assert found.complete
        assert found.hits[0].highlights
    assert set(ids(ask(caller, "attentoin engine"))) == {"1", "2"}
    # two errors in a long word whose beginning is right
    assert ids(ask(caller, "photosintesis")) == ["4"]
    # a word that is known is what was meant, and short words have too many neighbours
    assert NoteCode.CORRECTED not in {note.code for note in ask(caller, "words").notes}
    assert ids(ask(caller, "bx")) == []
    nothing = ask(caller, "zzzzzzz")
    assert [note.code for note in nothing.notes] == [NoteCode.NO_TERMS]


@pytest.mark.usefixtures("sent_jobs")
def test_principals_are_not_told_which_words_closed_documents_hold(caller: Caller) -> None:
    make_collection(caller)
    send(
        caller,
        {"external_id": "closed", "text": "The acquisition of Initech.", "access": ["board"]},
        {"external_id": "open", "text": "Lunch is at noon."},
    )
    bound = ask(caller, "aquisition", principals=("staff",))
    assert ids(bound) == []
    assert "acquisition" not in str(bound)
    assert NoteCode.CORRECTED not in {note.code for note in bound.notes}
    assert ids(ask(caller, "aquisition", principals=("board",))) == ["closed"]
