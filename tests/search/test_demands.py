"""Phrases in quotes and words left out, in both legs, on shared and own shelves."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.search.request import Group, Mode, NoteCode, SearchRequest, SearchResult
from embedhub.search.service import search
from embedhub.spaces.indexes import grow_space
from tests.factories import SilentProgress, encode_everything, make_collection, send

pytestmark = pytest.mark.usefixtures("sent_jobs")

DOCUMENTS: list[dict[str, Any]] = [
    {"external_id": "exact", "text": "The statute of limitations ran out in May."},
    {"external_id": "apart", "text": "Limitations of the statute are listed below."},
    {"external_id": "forms", "text": "A statutes of limitation clause was added."},
    {"external_id": "title", "title": "Statute of Limitations", "text": "Read the annex."},
    {"external_id": "spaced", "text": "About the STATUTE\n of   limitations, again."},
    {"external_id": "chinese", "text": "我们研究机器学习模型。"},
    {"external_id": "closed", "text": "A secret statute of limitations.", "access": ["board"]},
]


@pytest.fixture
def papers(caller: Caller) -> Caller:
    make_collection(caller)
    send(caller, *DOCUMENTS)
    encode_everything()
    return caller


@pytest.fixture
def own_shelf(papers: Caller) -> Iterator[Caller]:
    """The same on shelves of their own, with many of the rows behind a filter being few."""
    send(papers, *({"external_id": f"f{i}", "text": f"filler {i} on statutes"} for i in range(60)))
    encode_everything()
    with db.reading() as session:
        found = list(session.execute(text("SELECT id FROM spaces ORDER BY id")).scalars())
    for space_id in found:
        grow_space(SilentProgress(), {"space_id": space_id})
    yield papers
    override_config(exact_rows=10_000)


def ask(caller: Caller, query: str, **fields: Any) -> SearchResult:
    return search(caller, "papers", SearchRequest(query=query, limit=50, **fields))


def ids(result: SearchResult) -> set[str]:
    return {hit.document.external_id for hit in result.hits}


EXACT = {"exact", "title", "spaced", "closed"}


@pytest.mark.parametrize("mode", list(Mode))
def test_a_phrase_has_to_be_there_as_it_stands(papers: Caller, mode: Mode) -> None:
    found = ask(papers, '"statute of limitations"', mode=mode)
    assert ids(found) == EXACT
    assert found.complete
    assert found.notes == ()
    assert ids(ask(papers, '"statute of limitations" -secret', mode=mode)) == EXACT - {"closed"}
    bound = ask(papers, '"statute of limitations"', mode=mode, principals=("staff",))
    assert ids(bound) == EXACT - {"closed"}
    as_text = ask(papers, '"statute of limitations"', mode=mode, operators=False)
    assert ids(as_text) >= EXACT | {"apart", "forms"}


def test_scripts_without_spaces_have_phrases_too(papers: Caller) -> None:
    assert ids(ask(papers, '"机器学习"')) == {"chinese"}
    assert NoteCode.PHRASE_NOT_FOUND in {note.code for note in ask(papers, '"学习机器"').notes}


def test_a_phrase_is_the_same_however_its_characters_are_composed(papers: Caller) -> None:
    send(papers, {"external_id": "cafe", "text": "They met in the caf\u00e9 noir of the town."})
    send(papers, {"external_id": "wide", "text": "The ABC of statutes."})
    encode_everything()
    assert ids(ask(papers, '"cafe\u0301 noir"')) == {"cafe"}
    assert ids(ask(papers, '"\uff21\uff22\uff23 of statutes"')) == {"wide"}
    assert "cafe" not in ids(ask(papers, 'town -"cafe\u0301 noir"'))


@pytest.mark.parametrize("mode", list(Mode))
def test_a_word_left_out_is_in_no_hit_in_any_of_its_forms(papers: Caller, mode: Mode) -> None:
    found = ask(papers, "limitations -statute", mode=mode)
    assert ids(found) & {"exact", "apart", "forms", "title", "spaced", "closed"} == set()
    kept = ask(papers, 'limitations -"statute of limitations"', mode=mode)
    assert {"apart", "forms"} <= ids(kept)
    assert not ids(kept) & EXACT


def test_a_phrase_that_nobody_wrote_is_searched_by_its_words(papers: Caller) -> None:
    found = ask(papers, '"limitations of liability" statute')
    assert "exact" in ids(found)
    assert [note.code for note in found.notes] == [NoteCode.PHRASE_NOT_FOUND]
    # of stop words no index knows
    assert {note.code for note in ask(papers, '"to be or not" statute').notes} == {
        NoteCode.PHRASE_NOT_FOUND
    }


def test_a_phrase_in_a_closed_document_is_as_if_nobody_wrote_it(papers: Caller) -> None:
    query = '"secret statute" limitations'
    assert ids(ask(papers, query)) == {"closed"}
    bound = ask(papers, query, principals=())
    assert NoteCode.PHRASE_NOT_FOUND in {note.code for note in bound.notes}
    assert "closed" not in ids(bound)


@pytest.mark.parametrize("exact_rows", [10_000, 2])
@pytest.mark.parametrize("mode", list(Mode))
def test_few_and_many_passages_on_an_own_shelf(
    own_shelf: Caller, mode: Mode, exact_rows: int
) -> None:
    override_config(exact_rows=exact_rows)
    found = ask(own_shelf, '"statute of limitations"', mode=mode, explain=True)
    assert ids(found) == EXACT
    if exact_rows > 2:
        assert {leg.plan for leg in found.legs} == {"exact"}
        assert all("in quotes" in leg.reason for leg in found.legs)
    without = ask(own_shelf, "filler -limitations", mode=mode, group=Group.CHUNK)
    assert not ids(without) & {"exact", "apart", "forms", "title", "spaced", "closed"}
    assert len(without.hits) == 50
