"""Ranking behind fusion, through the search service: order, explanation, access, pages."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embedhub.access.caller import Caller
from embedhub.collections.service import CollectionChanges, get_collection, update_collection
from embedhub.config import get_config, override_config
from embedhub.encoders import OverTime
from embedhub.errors import InvalidInput, NotReady
from embedhub.search.ranking import endpoints
from embedhub.search.ranking.curations import (
    Action,
    CurationInput,
    add_curation,
    remove_curation,
)
from embedhub.search.request import Group, Hit, Mode, NoteCode, SearchRequest, SearchResult
from embedhub.search.service import search, search_collections
from embedhub.search.spreading import PART
from tests.factories import encode_everything, make_collection, send, send_texts

pytestmark = pytest.mark.usefixtures("sent_jobs")

NOW = datetime.now(UTC)


def ask(caller: Caller, query: str | None = None, **fields: Any) -> SearchResult:
    return search(caller, "papers", SearchRequest(query=query, explain=True, **fields))


def ids(result: SearchResult) -> list[str]:
    return [hit.document.external_id for hit in result.hits]


def steps(hit: Hit) -> list[str]:
    assert hit.explain is not None
    return [step.kind for step in hit.explain.adjustments]


def assert_explained(result: SearchResult) -> None:
    """Every score follows from the legs' shares, step by step."""
    for hit in result.hits:
        assert hit.explain is not None
        score = sum(leg.share for leg in hit.explain.legs)
        for step in hit.explain.adjustments:
            assert step.before == pytest.approx(score)
            score = step.after
        assert hit.score == pytest.approx(score)


def pages(caller: Caller, query: str | None, limit: int = 3, **fields: Any) -> list[str]:
    """Return the ids of all pages."""
    found: list[str] = []
    cursor = None
    while True:
        result = ask(caller, query, limit=limit, cursor=cursor, **fields)
        assert len(found) < 500
        found += ids(result)
        assert_explained(result)
        cursor = result.cursor
        if cursor is None:
            return found


@pytest.fixture
def settings() -> Iterator[None]:
    """Puts back settings that a test overrides."""
    config = get_config()
    kept = {name: getattr(config, name) for name in ("candidate_pool", "deep_pool", "max_examples")}
    yield
    override_config(**kept, rerankers="{}")


@pytest.fixture
def papers(caller: Caller) -> Caller:
    """Six documents about cats, in order of how much they are."""
    make_collection(caller, filterable={"year": "number", "published": "date"})
    send(
        caller,
        *(
            {
                "external_id": str(n),
                "title": "A treatise on whiskers" if n == 5 else f"Paper {n}",
                "text": "cats " * (6 - n) + f"word{n} filler{n} more{n} text{n} here{n}",
                "metadata": {
                    "year": 2018 + n,
                    "published": (NOW - timedelta(days=100 * (6 - n))).isoformat(),
                },
            }
            for n in range(6)
        ),
    )
    encode_everything()
    return caller


def test_nothing_set_changes_nothing(papers: Caller) -> None:
    result = ask(papers, "cats whiskers")
    assert all(steps(hit) == [] and hit.collapsed == () for hit in result.hits)
    assert get_collection(papers, "papers").ranking == {}


def test_a_title_that_holds_the_words_lifts(papers: Caller) -> None:
    send(
        papers,
        {"external_id": "text", "text": "whales " * 5},
        {"external_id": "title", "title": "Whales", "text": "Something long about the seas."},
    )
    encode_everything()
    assert ids(ask(papers, "whales"))[0] == "text"
    lifted = ask(papers, "whales", ranking={"fields": {"title": 1.0}})
    assert ids(lifted)[0] == "title"
    assert steps(lifted.hits[0]) == ["title"]
    assert_explained(lifted)


def test_headings_lift_too(caller: Caller) -> None:
    make_collection(caller)
    send(
        caller,
        {"external_id": "a.md", "text": "# Whales\n\nSome words on the sea and its animals."},
        {"external_id": "b.md", "text": "# Sharks\n\nSome words on the sea, and whales too."},
    )
    encode_everything()
    result = ask(caller, "whales", ranking={"fields": {"heading": 1.0}})
    assert ids(result)[0] == "a.md"
    assert "heading" in steps(result.hits[0])
    assert_explained(result)


def test_old_documents_lose(papers: Caller) -> None:
    recency = {"field": "published", "half_life_days": 30, "weight": 1.0}
    result = ask(papers, "cats", ranking={"recency": recency})
    assert ids(result) == ["5", "4", "3", "2", "1", "0"]
    assert all(steps(hit) == ["recency"] for hit in result.hits)
    assert_explained(result)
    fresh = ask(papers, "cats", ranking={"recency": {"half_life_days": 30}})
    assert ids(fresh) == ids(ask(papers, "cats"))


def test_a_document_without_its_date_counts_as_endlessly_old(papers: Caller) -> None:
    send(papers, {"external_id": "undated", "text": "cats " * 9})
    encode_everything()
    recency = {"field": "published", "half_life_days": 1000, "weight": 1.0}
    result = ask(papers, "cats", ranking={"recency": recency})
    assert ids(result)[-1] == "undated"


def test_boosts_lift_what_passes_their_filter(papers: Caller) -> None:
    boosts = [
        {"filter": {"year": {"$gte": 2022}}, "factor": 1.5, "offset": 1.0},
        {"filter": {"year": 2018}, "factor": 0.0},
    ]
    result = ask(papers, "cats", ranking={"boosts": boosts})
    assert set(ids(result)[:2]) == {"4", "5"}
    assert ids(result)[-1] == "0"
    assert result.hits[-1].score == 0
    assert_explained(result)


def test_the_collections_own_ranking_holds_and_a_request_replaces_parts(papers: Caller) -> None:
    ranking = {"boosts": [{"filter": {"year": 2023}, "offset": 5}], "weights": {"dense": 1.0}}
    view, _ = update_collection(papers, "papers", CollectionChanges(ranking=ranking))
    assert view.ranking["boosts"][0]["factor"] == 1.0
    result = ask(papers, "cats")
    assert ids(result)[0] == "5"
    assert result.hits[0].explain is not None
    assert {leg.leg: leg.weight for leg in result.hits[0].explain.legs} == {
        "dense": 1.0,
        "lexical": 0.0,
    }
    assert ids(ask(papers, "cats", ranking={"boosts": None}))[0] != "5"
    weighted = ask(papers, "cats", weights={"dense": 0.25})
    assert weighted.hits[0].explain is not None
    # a part of each score comes from the nearest candidates
    assert weighted.hits[0].explain.legs[0].weight == pytest.approx(0.25 * (1 - PART))
    update_collection(papers, "papers", CollectionChanges(ranking={}))
    assert all(steps(hit) == [] for hit in ask(papers, "cats").hits)


def test_fields_that_a_ranking_needs_cannot_be_taken_away(papers: Caller) -> None:
    recency = {"field": "published", "half_life_days": 1}
    update_collection(papers, "papers", CollectionChanges(ranking={"recency": recency}))
    with pytest.raises(InvalidInput) as refused:
        update_collection(papers, "papers", CollectionChanges(filterable={"year": "number"}))
    assert refused.value.field == "ranking.recency.field"
    changes = CollectionChanges(filterable={"year": "number"}, ranking={})
    update_collection(papers, "papers", changes)


@pytest.mark.parametrize("by", ["vectors", "shingles"])
@pytest.mark.parametrize("group", list(Group))
def test_near_duplicates_are_folded_and_named(caller: Caller, by: str, group: Group) -> None:
    make_collection(caller)
    text = "one two three four five six seven eight nine ten about cats"
    send_texts(caller, [text, text + ".", "cats chase dogs in a garden", text])
    encode_everything()
    result = ask(caller, "cats", group=group, ranking={"collapse": {"by": by, "threshold": 0.8}})
    assert len(result.hits) == 2
    by_id = {hit.document.external_id: hit for hit in result.hits}
    assert by_id["2"].collapsed == ()
    (leader,) = by_id.keys() - {"2"}
    assert sorted([leader, *by_id[leader].collapsed]) == ["0", "1", "3"]


def test_folded_documents_do_not_come_back_deeper(caller: Caller, settings: None) -> None:
    make_collection(caller)
    send_texts(caller, [f"cats again and again number{n // 6}" for n in range(24)])
    encode_everything()
    override_config(candidate_pool=7, deep_pool=1_000)
    found = pages(caller, "cats again", ranking={"collapse": {"threshold": 0.999}})
    assert len(found) == 4


def test_diversity_shows_something_else_sooner(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, [*["cats sleep"] * 3, "dogs bark"])
    encode_everything()
    plain = ask(caller, "cats cats dogs", mode=Mode.DENSE)
    assert ids(plain)[3] == "3"
    diverse = ask(caller, "cats cats dogs", mode=Mode.DENSE, ranking={"diversity": 0.9})
    assert ids(diverse)[1] == "3"
    assert_explained(diverse)
    scores = [hit.score for hit in diverse.hits]
    assert scores == sorted(scores, reverse=True)


def test_pinned_documents_stand_first_and_hidden_ones_nowhere(papers: Caller) -> None:
    pin = add_curation(papers, "papers", CurationInput(Action.PIN, "5", query=" CATS "))
    add_curation(papers, "papers", CurationInput(Action.PIN, "4", query="cats"))
    hide = add_curation(papers, "papers", CurationInput(Action.HIDE, "0"))
    result = ask(papers, "Cats")
    assert ids(result)[:2] == ["5", "4"]
    assert "0" not in ids(result)
    assert sorted(ids(result)) == ["1", "2", "3", "4", "5"]
    assert steps(result.hits[0]) == ["pinned"]
    assert_explained(result)
    assert ids(ask(papers, "cats here0"))[:1] != ["5"]
    assert "0" not in ids(ask(papers, "word0"))
    remove_curation(papers, "papers", pin.id)
    remove_curation(papers, "papers", hide.id)
    result = ask(papers, "cats")
    assert ids(result)[0] == "4"
    assert "0" in ids(result)


def test_a_pinned_document_that_nothing_finds_is_shown_with_its_beginning(papers: Caller) -> None:
    send(papers, {"external_id": "odd", "text": "Nothing of the kind. " * 3})
    encode_everything()
    add_curation(papers, "papers", CurationInput(Action.PIN, "odd"))
    result = ask(papers, "word3", mode=Mode.LEXICAL)
    assert ids(result) == ["odd", "3"]
    assert result.hits[0].chunk.start == 0
    assert_explained(result)


def test_what_is_decided_for_a_query_goes_before_what_holds_for_all(papers: Caller) -> None:
    add_curation(papers, "papers", CurationInput(Action.HIDE, "3"))
    add_curation(papers, "papers", CurationInput(Action.PIN, "3", query="cats"))
    assert ids(ask(papers, "cats"))[0] == "3"
    assert "3" not in ids(ask(papers, "word3"))


def test_pins_respect_filter_access_expiry_and_collection(caller: Caller, stranger: Caller) -> None:
    make_collection(caller, filterable={"year": "number"})
    send(
        caller,
        {"external_id": "open", "text": "cats", "metadata": {"year": 2020}},
        {"external_id": "closed", "text": "kept secret", "access": ["staff"]},
        {"external_id": "old", "text": "kept", "expires_at": "2020-01-01T00:00:00Z"},
    )
    encode_everything()
    for external_id in ("closed", "old", "open"):
        add_curation(caller, "papers", CurationInput(Action.PIN, external_id))
    assert ids(ask(caller, "cats")) == ["closed", "open"]
    assert ids(ask(caller, "cats", principals=("guests",))) == ["open"]
    assert ids(ask(caller, "cats", principals=("staff",))) == ["closed", "open"]
    assert ids(ask(caller, "cats", filter={"year": 2020})) == ["open"]
    make_collection(stranger)
    send_texts(stranger, ["cats"])
    encode_everything()
    assert ids(ask(stranger, "cats")) == ["0"]


def test_chunks_of_a_pinned_document_come_once_each(caller: Caller) -> None:
    make_collection(caller, chunking={"strategy": "passages", "max_tokens": 16})
    send_texts(caller, ["cats sleep. " * 30, "cats run."])
    encode_everything()
    add_curation(caller, "papers", CurationInput(Action.PIN, "1"))
    result = ask(caller, "cats", group=Group.CHUNK, limit=50)
    assert ids(result)[0] == "1"
    chunks = [hit.chunk.id for hit in result.hits]
    assert len(chunks) == len(set(chunks))
    add_curation(caller, "papers", CurationInput(Action.PIN, "0"))
    pinned = ask(caller, "cats", group=Group.CHUNK, limit=50)
    assert sorted(hit.chunk.id for hit in pinned.hits) == sorted(chunks)


def test_documents_like_others_are_found_without_a_query(papers: Caller) -> None:
    send(papers, {"external_id": "twin", "text": "cats cats word3 filler3 more3 text3 here3"})
    encode_everything()
    result = ask(papers, like=("3",))
    assert ids(result)[0] == "twin"
    assert "3" not in ids(result)
    assert {leg.leg for leg in result.legs} == {"dense"}
    assert_explained(result)


def test_examples_move_a_query_and_are_no_hits(papers: Caller) -> None:
    before = ask(papers, "cats", mode=Mode.DENSE)
    liked = ask(papers, "cats", mode=Mode.DENSE, like=("4",), unlike=("0",))
    assert not {"0", "4"} & set(ids(liked))
    score_of = {hit.document.external_id: hit.score for hit in before.hits}
    assert any(score_of[hit.document.external_id] > hit.score for hit in liked.hits)


def test_examples_are_no_hits_even_if_they_are_pinned(papers: Caller) -> None:
    for external_id in ("1", "2", "5"):
        add_curation(papers, "papers", CurationInput(Action.PIN, external_id))
    assert ids(ask(papers, "cats", like=("1",), unlike=("2",)))[0] == "5"
    assert sorted(ids(ask(papers, like=("1",), unlike=("2",)))) == ["0", "3", "4", "5"]


def test_a_pin_shows_no_passage_with_a_word_that_is_left_out(papers: Caller) -> None:
    for external_id in ("5", "3"):
        add_curation(papers, "papers", CurationInput(Action.PIN, external_id))
    assert ids(ask(papers, "cats"))[:2] == ["5", "3"]
    found = ids(ask(papers, "cats -word5"))
    assert found[0] == "3"
    assert "5" not in found


def test_examples_that_cannot_be_used_are_named(papers: Caller, settings: None) -> None:
    send(papers, {"external_id": "closed", "text": "secret", "access": ["staff"]})
    cases: list[tuple[dict[str, Any], str]] = [
        ({"like": ("1", "none")}, "like.1"),
        ({"like": ("closed",), "principals": ("guests",)}, "like.0"),
        ({"query": "cats", "unlike": ("none",)}, "unlike.0"),
        ({"like": ("1", "1")}, "like.1"),
        ({"like": ("1",), "unlike": ("1",)}, "unlike.0"),
        ({"like": ("\0",)}, "like.0"),
        ({"unlike": ("1",)}, "query"),
        ({"query": "cats", "like": ("1",), "mode": Mode.LEXICAL}, "like"),
    ]
    for fields, field in cases:
        with pytest.raises(InvalidInput) as refused:
            ask(papers, **fields)
        assert refused.value.field == field
    with pytest.raises(NotReady):
        ask(papers, like=("closed",))


def test_supplied_vectors_are_searched_by_example(caller: Caller) -> None:
    make_collection(caller, dimension=2)
    vectors = {"east": [1, 0], "north": [0, 1], "northeast": [1, 1], "near-north": [0.1, 1]}
    send(
        caller,
        *({"external_id": name, "text": name, "vector": v} for name, v in vectors.items()),
    )
    assert ids(ask(caller, like=("north",))) == ["near-north", "northeast", "east"]
    assert ids(ask(caller, like=("northeast",), unlike=("north",)))[0] == "east"
    both = ask(caller, "east", like=("north",))
    assert set(ids(both)) == {"near-north", "northeast", "east"}
    assert both.notes == ()


RANKINGS: dict[str, dict[str, Any]] = {
    "fields and boosts": {
        "fields": {"title": 0.7},
        "boosts": [{"filter": {"even": True}, "factor": 1.3}],
    },
    "recency": {"recency": {"half_life_days": 1e-6, "weight": 0.5}},
    "diversity": {"diversity": 0.6},
    "collapse": {"collapse": {"threshold": 0.999, "by": "shingles"}},
    "all": {
        "fields": {"title": 0.7},
        "recency": {"half_life_days": 1e-5},
        "diversity": 0.4,
        "collapse": {"threshold": 0.999},
    },
}


@pytest.fixture
def many(caller: Caller) -> Caller:
    """Thirty documents, six of them told twice, with two pinned and one hidden."""
    make_collection(caller)
    send(
        caller,
        *(
            {
                "external_id": str(n),
                "title": f"cats {n}" if n % 3 else "",
                "text": f"cats and {'dogs ' * (n % 5)} number{n % 24}",
                "metadata": {"even": n % 2 == 0},
            }
            for n in range(30)
        ),
    )
    encode_everything()
    for external_id in ("17", "3"):
        add_curation(caller, "papers", CurationInput(Action.PIN, external_id))
    add_curation(caller, "papers", CurationInput(Action.HIDE, "8"))
    return caller


@pytest.mark.parametrize("ranking", RANKINGS.values(), ids=RANKINGS.keys())
@pytest.mark.parametrize("pool", [100, 6])
def test_pages_neither_repeat_nor_lose_hits(
    many: Caller, settings: None, ranking: dict[str, Any], pool: int
) -> None:
    override_config(candidate_pool=pool)
    found = pages(many, "cats dogs", limit=4, ranking=ranking)
    assert len(found) == len(set(found))
    assert found[:2] == ["17", "3"]
    assert "8" not in found
    if "collapse" not in ranking:
        assert len(found) == 29
    if pool == 100:
        assert found == ids(ask(many, "cats dogs", limit=50, ranking=ranking))


Scorer = Callable[[str], float]


@pytest.fixture
def reranker(monkeypatch: pytest.MonkeyPatch, settings: None) -> list[Scorer | Exception]:
    """A configured endpoint that scores by the functions in the list, one each call."""
    plan: list[Scorer | Exception] = []

    def answer(reached: Any, query: str, texts: list[str], deadline: float) -> list[float]:
        step = plan.pop(0) if len(plan) > 1 else plan[0]
        if isinstance(step, Exception):
            raise step
        return [step(text) for text in texts]

    monkeypatch.setattr("embedhub.search.ranking.reranking.ask_endpoint", answer)
    configured = {"url": "http://127.0.0.1:1", "kind": "openai"}
    override_config(rerankers=json.dumps({"ours": configured}))
    return plan


RERANKED = {"reranker": {"name": "ours", "candidates": 4}}


def by_number(text: str) -> float:
    return int(text.rsplit("word", 1)[1][0]) / 10


def test_a_reranker_orders_the_best_candidates(
    papers: Caller, reranker: list[Scorer | Exception]
) -> None:
    reranker.append(by_number)
    plain = ids(ask(papers, "cats"))
    result = ask(papers, "cats", ranking=RERANKED)
    assert ids(result)[:4] == sorted(plain[:4], reverse=True)
    assert ids(result)[4:] == plain[4:]
    assert [steps(hit) for hit in result.hits] == [["rerank"]] * 4 + [["not_reranked"]] * 2
    assert result.hits[0].explain is not None
    assert "ours: 0." in result.hits[0].explain.adjustments[0].detail
    assert_explained(result)
    assert result.notes == ()
    assert result.took.rerank > 0


def test_a_reranker_reads_only_what_the_caller_may_see(
    papers: Caller, reranker: list[Scorer | Exception]
) -> None:
    send(papers, {"external_id": "closed", "text": "cats word9 secret", "access": ["staff"]})
    encode_everything()
    read: list[str] = []

    def scorer(text: str) -> float:
        read.append(text)
        return 0.5

    reranker.append(scorer)
    ask(papers, "cats", principals=("guests",), ranking={"reranker": {"name": "ours"}})
    assert len(read) == 6
    assert all("secret" not in text for text in read)
    assert any(text.startswith("A treatise on whiskers\n") for text in read)


def test_a_reranker_that_fails_leaves_the_order_and_says_so(
    papers: Caller, reranker: list[Scorer | Exception]
) -> None:
    plain = ids(ask(papers, "cats"))
    for failure in (
        endpoints.EndpointFailed("answered with status 500"),
        OverTime(),
        RuntimeError("broken"),
    ):
        reranker[:] = [failure]
        result = ask(papers, "cats", ranking=RERANKED)
        assert ids(result) == plain
        (note,) = result.notes
        assert note.code is NoteCode.RERANK_FAILED
        assert "'ours'" in note.message
        assert result.complete
        assert_explained(result)
    reranker[:] = [lambda text: float("nan")]
    assert ask(papers, "cats", ranking=RERANKED).notes[0].code is NoteCode.RERANK_FAILED


def test_a_reranker_that_is_gone_from_the_settings_is_told_of(
    papers: Caller, reranker: list[Scorer | Exception]
) -> None:
    update_collection(papers, "papers", CollectionChanges(ranking=RERANKED))
    override_config(rerankers="{}")
    result = ask(papers, "cats")
    assert len(result.hits) == 6
    assert [note.code for note in result.notes] == [NoteCode.RERANK_FAILED]
    with pytest.raises(InvalidInput, match="reranker"):
        ask(papers, "cats", ranking=RERANKED)


@pytest.mark.parametrize("fails", [[False], [True], [False, True], [True, False]], ids=str)
def test_pages_stay_whole_whether_or_not_the_reranker_works(
    many: Caller, reranker: list[Scorer | Exception], fails: list[bool]
) -> None:
    broken = endpoints.EndpointFailed("is tired")
    reranker[:] = [broken if each else (lambda text: len(text) / 1_000) for each in fails]
    ranking = {"reranker": {"name": "ours", "candidates": 10}, "diversity": 0.3}
    found = pages(many, "cats dogs", limit=4, ranking=ranking)
    assert len(found) == len(set(found)) == 29
    assert found[:2] == ["17", "3"]
    if fails == [False]:
        assert found == ids(ask(many, "cats dogs", limit=50, ranking=ranking))


def test_without_words_no_reranker_is_asked(
    papers: Caller, reranker: list[Scorer | Exception]
) -> None:
    reranker.append(RuntimeError("not to be asked"))
    result = ask(papers, like=("1",), ranking=RERANKED)
    assert result.notes == ()
    assert len(result.hits) == 5


def test_a_pin_holds_for_each_of_several_queries_and_for_quoted_ones(papers: Caller) -> None:
    add_curation(papers, "papers", CurationInput(Action.PIN, "5", query="cats word1"))
    assert ids(ask(papers, "word2", queries=("Cats word1",)))[0] == "5"
    assert ids(ask(papers, '"cats word1"'))[:1] == ["5"]
    assert ids(ask(papers, "word2"))[0] == "2"


def test_each_collection_ranks_its_own_in_a_search_over_several(papers: Caller) -> None:
    make_collection(papers, "others", ranking={"diversity": 0.3, "collapse": {}})
    send_texts(papers, ["cats and dogs", "cats and dogs", "cats and whales"], slug="others")
    encode_everything()
    add_curation(papers, "papers", CurationInput(Action.PIN, "5", query="cats"))
    add_curation(papers, "others", CurationInput(Action.HIDE, "2"))
    request = SearchRequest("cats", explain=True, limit=2)
    found: list[tuple[str, str]] = []
    while True:
        result = search_collections(papers, ["papers", "others"], request)
        found += [(hit.document.collection, hit.document.external_id) for hit in result.hits]
        assert_explained(result)
        if result.cursor is None:
            break
        request = replace(request, cursor=result.cursor)
    assert len(found) == len(set(found)) == 7
    own = [external_id for slug, external_id in found if slug == "papers"]
    assert own[0] == "5"
    assert len([one for slug, one in found if slug == "others"]) == 1
