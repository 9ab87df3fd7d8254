"""Searching through the service: what comes back, what is said about it, and what is hidden."""

import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import get_config, override_config
from embedhub.documents.service import delete_documents
from embedhub.encoders import Encoder, get_encoder
from embedhub.errors import Forbidden, InvalidInput, NotFound, NotReady, TooLarge
from embedhub.search import question
from embedhub.search.queries.search_log import LogEntry
from embedhub.search.request import Group, Hit, Leg, Mode, NoteCode, SearchRequest, SearchResult
from embedhub.search.search_log import SearchLogWriter, writer
from embedhub.search.service import search
from tests.factories import encode_everything, make_collection, send, send_texts

pytestmark = pytest.mark.usefixtures("sent_jobs")

TEXTS = [
    "Black cats sleep all day. They hunt at night.",
    "Dogs chase cats through the garden.",
    "The garden grows tomatoes and beans.",
    "Postgres stores vectors beside text.",
]


@pytest.fixture
def settings() -> Iterator[None]:
    """Puts back settings that a test overrides."""
    config = get_config()
    kept = {
        name: getattr(config, name)
        for name in ("candidate_pool", "deep_pool", "exact_rows", "lexical_cap")
    }
    yield
    override_config(**kept)


def ask(caller: Caller, query: str | None = None, **fields: Any) -> SearchResult:
    return search(caller, "papers", SearchRequest(query=query, **fields))


def ids(result: SearchResult) -> list[str]:
    return [hit.document.external_id for hit in result.hits]


def codes(result: SearchResult) -> set[NoteCode]:
    return {note.code for note in result.notes}


@pytest.fixture
def papers(caller: Caller) -> Caller:
    """Four encoded documents in a collection `papers`."""
    make_collection(caller)
    send_texts(caller, TEXTS)
    encode_everything()
    return caller


def test_words_are_found_at_commit_and_the_answer_says_what_it_lacks(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, TEXTS)
    before = ask(caller, "tomatoes")
    assert ids(before) == ["2"]
    assert codes(before) == {NoteCode.VECTORS_PENDING}
    assert not before.complete
    encode_everything()
    after = ask(caller, "tomatoes")
    assert ids(after)[0] == "2"
    assert after.complete
    assert after.notes == ()


def test_a_search_does_not_stumble_over_what_the_encoder_imports_meanwhile(
    papers: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SciPy is imported by the thread that loads the encoder, and searches are answered already."""
    monkeypatch.setitem(sys.modules, "scipy.sparse", ModuleType("scipy.sparse"))
    assert ids(ask(papers, "tomatoes"))[0] == "2"


@pytest.mark.parametrize("mode", list(Mode))
def test_each_mode_finds_and_explains(papers: Caller, mode: Mode) -> None:
    result = ask(papers, "dogs chase cats through the garden", mode=mode, explain=True)
    assert ids(result)[0] == "1"
    assert result.plan == ("bm25" if mode is Mode.LEXICAL else "exact")
    wanted = {"hybrid": {Leg.DENSE, Leg.LEXICAL}, "dense": {Leg.DENSE}, "lexical": {Leg.LEXICAL}}
    assert {report.leg for report in result.legs} == wanted[mode]
    if mode is Mode.HYBRID:
        wanted[mode].add(Leg.NEIGHBORS)
    for hit in result.hits:
        assert hit.explain is not None
        assert {leg.leg for leg in hit.explain.legs} == wanted[mode]
        assert hit.score == pytest.approx(sum(leg.share for leg in hit.explain.legs))
        for leg in hit.explain.legs:
            # what a list lacks was looked up
            assert leg.score is not None
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)


def test_lexical_scores_are_bm25(papers: Caller) -> None:
    result = ask(papers, "tomatoes", mode=Mode.LEXICAL)
    (report,) = result.legs
    assert report.terms == {"tomato": 1}
    # idf ln(1 + 3.5 / 1.5), frequency 1, lengths 6, 4, 4 and 5 lexemes
    idf = np.log(1 + 3.5 / 1.5)
    assert result.hits[0].score == pytest.approx(
        idf * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 4 / 4.75)), rel=0.05
    )


def test_highlights_mark_matched_words_and_the_best_sentence(papers: Caller) -> None:
    (hit, *_) = ask(papers, "cat hunting", mode=Mode.LEXICAL).hits
    marked = [hit.chunk.text[span.start : span.end] for span in hit.highlights]
    assert marked == ["cats", "hunt"]
    assert hit.sentence is not None
    assert hit.chunk.text[hit.sentence.start : hit.sentence.end] == "They hunt at night."
    (plain, *_) = ask(papers, "cat hunting", highlight=False).hits
    assert plain.highlights == ()
    assert plain.sentence is None


def test_dense_hits_are_marked_too(papers: Caller) -> None:
    hit = ask(papers, "garden", mode=Mode.DENSE).hits[0]
    assert [hit.chunk.text[s.start : s.end] for s in hit.highlights] == ["garden"]


@pytest.mark.parametrize("mode", list(Mode))
def test_filters_hold_in_every_leg(caller: Caller, mode: Mode) -> None:
    make_collection(caller, filterable={"year": "number"})
    send(
        caller,
        *(
            {"external_id": str(year), "text": "cats", "metadata": {"year": year}}
            for year in range(2018, 2023)
        ),
        {"external_id": "none", "text": "cats"},
    )
    encode_everything()
    found = ask(caller, "cats", mode=mode, filter={"year": {"$gte": 2020, "$ne": 2021}})
    assert sorted(ids(found)) == ["2020", "2022"]
    lacking = ask(caller, "cats", mode=mode, filter={"year": {"$exists": False}})
    assert ids(lacking) == ["none"]
    with pytest.raises(InvalidInput) as error:
        ask(caller, "cats", mode=mode, filter={"year": {"$gte": "2020"}})
    assert error.value.field == "filter.year.$gte"


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("group", list(Group))
def test_principals_never_see_what_excludes_them(caller: Caller, mode: Mode, group: Group) -> None:
    make_collection(caller)
    access: dict[str, list[str] | None] = {
        "open": None, "alice": ["alice"], "both": ["alice", "bob"], "nobody": [],
    }  # fmt: skip
    send(
        caller,
        *(
            {"external_id": key, "text": "secret cats", "access": who}
            for key, who in access.items()
        ),
    )
    encode_everything()

    def seen(caller: Caller, **fields: Any) -> set[str]:
        found: set[str] = set()
        cursor = None
        while True:
            page = ask(
                caller, "secret cats", mode=mode, group=group, limit=1, cursor=cursor, **fields
            )
            found.update(ids(page))
            cursor = page.cursor
            if cursor is None:
                return found

    assert seen(caller) == set(access)
    assert seen(caller, principals=("alice",)) == {"open", "alice", "both"}
    assert seen(caller, principals=("bob",)) == {"open", "both"}
    assert seen(caller, principals=()) == {"open"}
    bound = caller.narrowed(["bob"])
    assert seen(bound) == {"open", "both"}
    # a request can only narrow what the key may see
    assert seen(bound, principals=("alice", "bob")) == {"open", "both"}
    assert seen(bound, principals=("alice",)) == {"open"}


def test_a_cursor_cannot_be_carried_to_other_principals(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["cats"] * 3, access=["alice"])
    encode_everything()
    page = ask(caller, "cats", limit=1, principals=("alice",))
    assert page.cursor is not None
    with pytest.raises(InvalidInput) as error:
        ask(caller, "cats", limit=1, principals=("bob",), cursor=page.cursor)
    assert error.value.field == "cursor"


def test_another_workspace_finds_no_such_collection(papers: Caller, stranger: Caller) -> None:
    with pytest.raises(NotFound):
        ask(stranger, "cats")
    make_collection(stranger)
    assert ask(stranger, "cats").hits == ()


def test_a_key_without_the_scope_may_not_search(papers: Caller) -> None:
    with pytest.raises(Forbidden):
        ask(Caller(papers.workspace_id, None, frozenset()), "cats")


@pytest.mark.parametrize("mode", list(Mode))
def test_expired_documents_are_gone_before_anybody_removes_them(caller: Caller, mode: Mode) -> None:
    make_collection(caller)
    send(caller, {"external_id": "old", "text": "cats", "expires_at": "2100-01-01T00:00:00Z"})
    send(caller, {"external_id": "new", "text": "cats"})
    encode_everything()
    assert len(ask(caller, "cats", mode=mode).hits) == 2
    with db.writing() as session:
        session.execute(
            text("UPDATE documents SET expires_at = now() - interval '1 s' WHERE external_id='old'")
        )
    assert ids(ask(caller, "cats", mode=mode)) == ["new"]


def test_deleted_documents_are_gone(papers: Caller) -> None:
    delete_documents(papers, "papers", external_ids=["1"])
    for mode in Mode:
        assert "1" not in ids(ask(papers, "dogs chase cats", mode=mode))


LONG = " ".join(f"Sentence {i} tells of cats and of the number {i * 7}." for i in range(400))


def test_a_document_is_one_hit_unless_chunks_are_asked_for(caller: Caller) -> None:
    make_collection(caller)
    send(caller, {"external_id": "long", "text": LONG}, {"external_id": "short", "text": "cats"})
    encode_everything()
    grouped = ask(caller, "cats")
    assert sorted(ids(grouped)) == ["long", "short"]
    chunks = ask(caller, "cats", group=Group.CHUNK, limit=50)
    assert ids(chunks).count("long") > 1
    positions = [hit.chunk.position for hit in chunks.hits if hit.document.external_id == "long"]
    assert len(set(positions)) == len(positions)
    for hit in chunks.hits:
        source = LONG if hit.document.external_id == "long" else "cats"
        assert source[hit.chunk.start : hit.chunk.end] == hit.chunk.text


def pages(caller: Caller, query: str, limit: int, **fields: Any) -> Iterator[SearchResult]:
    cursor = None
    for _ in range(100):
        page = ask(caller, query, limit=limit, cursor=cursor, **fields)
        yield page
        cursor = page.cursor
        if cursor is None:
            return
    raise AssertionError("paging does not end")


def hits_of_all_pages(caller: Caller, query: str, limit: int, **fields: Any) -> list[Hit]:
    return [hit for page in pages(caller, query, limit, **fields) for hit in page.hits]


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_hold_everything_once_and_later_tiers_come_after(
    caller: Caller, mode: Mode, limit: int
) -> None:
    make_collection(caller)
    send_texts(caller, [f"cats {'cats ' * (i % 9)} number {i}" for i in range(40)])
    encode_everything()
    override_config(candidate_pool=5, deep_pool=1000)
    hits = hits_of_all_pages(caller, "cats", limit, mode=mode)
    assert sorted(int(hit.document.external_id) for hit in hits) == list(range(40))
    tiers = [hit.explain.tier for hit in hits if hit.explain]
    assert tiers == sorted(tiers)
    assert set(tiers) == {1, 2}
    whole = ask(caller, "cats", mode=mode, limit=100)
    assert [hit.chunk.id for hit in whole.hits] == [hit.chunk.id for hit in hits]
    assert whole.complete


@pytest.mark.usefixtures("settings")
def test_the_end_of_the_deep_pool_is_said(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, [f"cats number {i}" for i in range(30)])
    encode_everything()
    override_config(candidate_pool=5, deep_pool=10)
    *_, last = pages(caller, "cats", 4, mode=Mode.LEXICAL)
    assert codes(last) == {NoteCode.POOL_EXHAUSTED}
    assert not last.complete
    first = ask(caller, "cats", limit=4, mode=Mode.LEXICAL)
    assert first.complete
    assert first.notes == ()


@pytest.mark.usefixtures("settings")
def test_a_grouped_page_is_filled_from_the_deep_pool(caller: Caller) -> None:
    make_collection(caller)
    send(
        caller,
        {"external_id": "long", "text": "cats. " * 20 + LONG},
        *({"external_id": str(i), "text": f"{LONG[:1500]} {i}"} for i in range(5)),
    )
    encode_everything()
    override_config(candidate_pool=3, deep_pool=1000)
    assert len(set(ids(ask(caller, "cats", limit=6)))) == 6


def test_supplied_vectors_are_searched_by_vector_or_by_words(caller: Caller) -> None:
    make_collection(caller, encoder="supplied", dimension=3)
    send(
        caller,
        {"external_id": "x", "text": "cats", "vector": [1, 0, 0]},
        {"external_id": "y", "text": "dogs", "vector": [0, 5, 0]},
        {"external_id": "z", "text": "no vector"},
    )
    vector = np.array([0.1, 2, 0], dtype=np.float32)
    dense = ask(caller, vector=vector, mode=Mode.DENSE)
    assert ids(dense) == ["y", "x"]
    assert dense.hits[0].score == pytest.approx(2 / np.hypot(0.1, 2), abs=1e-6)
    assert ids(ask(caller, vector=vector))[0] == "y"
    both = ask(caller, "cats", vector=vector)
    assert {report.leg for report in both.legs} == {Leg.DENSE, Leg.LEXICAL}
    words = ask(caller, "cats")
    assert ids(words) == ["x"]
    assert codes(words) == {NoteCode.NO_DENSE_SPACE}
    with pytest.raises(InvalidInput):
        ask(caller, "cats", mode=Mode.DENSE)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("cosine", ["far", "near"]), ("inner_product", ["far", "near"]), ("l2", ["near", "far"])],
)
def test_each_metric_orders_and_scores(caller: Caller, metric: str, expected: list[str]) -> None:
    make_collection(caller, encoder="supplied", dimension=2, metric=metric)
    send(
        caller,
        {"external_id": "near", "text": "a", "vector": [1, 0.5]},
        {"external_id": "far", "text": "b", "vector": [9, 0.1]},
    )
    result = ask(caller, vector=np.array([1, 0], dtype=np.float32), mode=Mode.DENSE)
    assert ids(result) == expected
    scores = {hit.document.external_id: hit.score for hit in result.hits}
    wanted = {
        "cosine": 9 / np.hypot(9, 0.1), "inner_product": 9.0, "l2": 1 / (1 + np.hypot(8, 0.1))
    }  # fmt: skip
    assert scores["far"] == pytest.approx(wanted[metric], abs=1e-6)


@pytest.mark.parametrize(
    "vector",
    [[1.0, 2.0], [], [[1.0, 2.0, 3.0]], [float("nan"), 1, 1], [float("inf"), 1, 1], [0, 0, 0]],
)
def test_a_vector_that_cannot_be_compared_is_refused(caller: Caller, vector: list[Any]) -> None:
    make_collection(caller, encoder="supplied", dimension=3)
    with pytest.raises(InvalidInput) as error:
        ask(caller, vector=np.array(vector, dtype=np.float32))
    assert error.value.field == "vector"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"query": None}, "query"),
        ({"query": "  "}, "query"),
        ({"query": "a\0b"}, "query"),
        ({"query": "\ud800"}, "query"),
        ({"query": "x", "limit": 0}, "limit"),
        ({"query": "x", "limit": 10**9}, "limit"),
        ({"query": "x", "weights": {"dense": 2}}, "weights.dense"),
        ({"query": "x", "weights": {"dense": float("nan")}}, "weights.dense"),
        ({"query": "x", "weights": {"sparse": 1}}, "weights.sparse"),
        ({"query": "x", "language": "klingonese"}, "language"),
        ({"query": "x", "cursor": "nonsense"}, "cursor"),
        ({"query": "x", "filter": {"a": {"$near": 1}}}, "filter.a.$near"),
        ({"vector": np.ones(64, np.float32), "mode": Mode.LEXICAL}, "query"),
    ],
)
def test_a_bad_request_names_its_part(papers: Caller, fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as error:
        ask(papers, **fields)
    assert error.value.field == path


def test_a_query_has_a_largest_size(papers: Caller) -> None:
    with pytest.raises(TooLarge):
        ask(papers, "x" * 5_000_000)
    assert ask(papers, "cat " * 2_500).hits


@pytest.mark.parametrize(
    "query", ["' | !& ( :* \\", "the of and", "*", "<script>", "💥", "a'b\\c", "%s :p {x}", "NULL"]
)
def test_any_text_may_be_asked(papers: Caller, query: str) -> None:
    for mode in Mode:
        result = ask(papers, query, mode=mode)
        # None of these is a word of a text; the nearest by meaning are all there are.
        wanted = set() if mode is Mode.LEXICAL else {"0", "1", "2", "3"}
        assert set(ids(result)) == wanted
        assert (NoteCode.NO_TERMS in codes(result)) == (mode is not Mode.DENSE)


def test_words_that_nobody_wrote_find_nothing_and_it_is_said(papers: Caller) -> None:
    result = ask(papers, "zyzzyva", mode=Mode.LEXICAL)
    assert result.hits == ()
    assert codes(result) == {NoteCode.NO_TERMS}
    assert result.complete


def test_parts_of_identifiers_are_found(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["call os.path.join here", "see /usr/lib/python3", "getUserName()"])
    encode_everything()
    for query, found in [("join", "0"), ("python3", "1"), ("user name", "2"), ("os.path", "0")]:
        result = ask(caller, query, mode=Mode.LEXICAL)
        assert ids(result) == [found]
        assert result.hits[0].highlights
    (hit,) = ask(caller, "user name", mode=Mode.LEXICAL).hits
    assert [hit.chunk.text[span.start : span.end] for span in hit.highlights] == ["getUserName"]


@pytest.mark.parametrize(
    ("language", "document", "query", "marked"),
    [
        ("german", "Die Häuser stehen am Fluss.", "Haus", ["Häuser"]),
        ("zh", "我家有一只黑猫。它很懒。", "黑猫", ["黑猫"]),
        ("zh", "我家有一只黑猫。它很懒。", "猫", ["猫"]),
        ("ja", "東京タワーは高い。", "タワー", ["タワー"]),
        ("th", "แมวดำนอนหลับ", "แมว", ["แมว"]),
        ("ko", "고양이가 자고 있다", "고양이가", ["고양이가"]),
        ("russian", "Кошки спят весь день", "кошка", ["Кошки"]),
        ("ar", "القطط تنام", "القطط", ["القطط"]),
    ],
)
def test_languages(
    caller: Caller, language: str, document: str, query: str, marked: list[str]
) -> None:
    make_collection(caller, language=language)
    send_texts(caller, [document, "something else entirely"])
    (hit,) = ask(caller, query, mode=Mode.LEXICAL).hits
    assert hit.document.external_id == "0"
    assert [hit.chunk.text[s.start : s.end] for s in hit.highlights] == marked


def test_a_request_may_bring_its_own_language(caller: Caller) -> None:
    make_collection(caller, language="english")
    send_texts(caller, ["Die Häuser stehen"], language="german")
    assert ask(caller, "Haus", mode=Mode.LEXICAL, language="de").hits
    assert not ask(caller, "Häusern", mode=Mode.LEXICAL).hits


def test_while_the_encoder_loads_words_answer(
    papers: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(question, "is_loaded", lambda _: False)

    def load(name: str) -> Encoder:
        released.wait(5)
        return get_encoder(name)

    monkeypatch.setattr(question, "get_encoder", load)
    result = ask(papers, "tomatoes")
    assert ids(result) == ["2"]
    assert codes(result) == {NoteCode.ENCODER_NOT_READY}
    assert not result.complete
    with pytest.raises(NotReady):
        ask(papers, "tomatoes", mode=Mode.DENSE)
    released.set()


def test_weights_move_the_order(papers: Caller) -> None:
    only_words = ask(papers, "garden", weights={"dense": 0})
    lexical = ask(papers, "garden", mode=Mode.LEXICAL)
    assert ids(only_words)[: len(lexical.hits)] == ids(lexical)
    only_meaning = ask(papers, "garden", weights={"dense": 1})
    assert ids(only_meaning) == ids(ask(papers, "garden", mode=Mode.DENSE))


def test_an_empty_collection_answers_with_nothing(caller: Caller) -> None:
    make_collection(caller)
    for mode in Mode:
        result = ask(caller, "cats", mode=mode)
        assert result.hits == ()
        assert result.cursor is None


def test_searches_are_logged_behind_the_answer(papers: Caller) -> None:
    result = ask(papers, "tomatoes")
    assert writer.flush()
    with db.reading() as session:
        row = session.execute(
            text(
                "SELECT query, mode, plan, n_hits, is_complete FROM search_log WHERE request_id=:r"
            ),
            {"r": result.request_id},
        ).one()
    assert tuple(row) == ("tomatoes", "hybrid", "exact", len(result.hits), True)


def test_a_log_that_cannot_keep_up_counts_what_it_drops(
    papers: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = SearchLogWriter(max_waiting=2)
    monkeypatch.setattr(stuck, "_start", lambda: None)
    for _ in range(5):
        stuck.add(log_entry(papers))
    assert stuck.n_dropped == 3
    assert not stuck.flush(timeout_s=0.05)


def test_log_entries_of_a_workspace_that_is_gone_have_no_reader(papers: Caller) -> None:
    mine = SearchLogWriter()
    mine.add(log_entry(replace(papers, workspace_id=2**40)))
    mine.add(log_entry(papers))
    assert mine.flush()
    assert mine.n_dropped == 0


def log_entry(caller: Caller) -> LogEntry:
    return LogEntry(
        request_id=uuid.uuid4(),
        workspace_id=caller.workspace_id,
        collection_ids=(1,),
        api_key_id=None,
        query="q",
        mode="hybrid",
        plan="exact",
        is_complete=True,
        n_hits=0,
        took_ms=1.0,
        created_at=datetime.now(UTC),
    )
