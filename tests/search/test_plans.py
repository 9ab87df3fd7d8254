"""The plans of the hot statements, asserted once: one partition, the right index, exactness."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.search import dense
from embedhub.search.request import Mode, NoteCode, SearchRequest, SearchResult
from embedhub.search.service import search
from embedhub.spaces.indexes import grow_space
from tests.factories import SilentProgress, make_collection, send

pytestmark = pytest.mark.usefixtures("sent_jobs")

DIMENSION = 8
N_ROWS = 600
COLORS = ("red", "green", "blue", "rare")


@dataclass
class Plans:
    """The plans of the statements on index tables that ran, as Postgres made them."""

    plans: list[dict[str, Any]]

    def scans(self, table: str) -> list[dict[str, Any]]:
        return [
            node
            for plan in self.plans
            for node in nodes(plan)
            if str(node.get("Relation Name", "")).startswith(table)
        ]

    def relations(self) -> set[str]:
        return {
            node["Relation Name"]
            for plan in self.plans
            for node in nodes(plan)
            if "embeddings" in node.get("Relation Name", "")
        }

    def indexes(self) -> set[str]:
        return {
            node["Index Name"]
            for plan in self.plans
            for node in nodes(plan)
            if "Index Name" in node
        }


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


@pytest.fixture
def plans(clean: str) -> Iterator[Plans]:
    """Explains every statement on an index table right before it runs."""
    seen = Plans([])

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if "embeddings" in statement and statement.lstrip().startswith(("SELECT", "WITH")):
            own = connection.connection.driver_connection.cursor()
            own.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
            explained = own.fetchone()[0]
            plan = explained if isinstance(explained, list) else json.loads(explained)
            seen.plans.append(plan[0]["Plan"])

    event.listen(db.engine(), "before_cursor_execute", explain)
    yield seen
    event.remove(db.engine(), "before_cursor_execute", explain)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes a few hundred rows count as many, and puts the sizes back."""
    monkeypatch.setattr(dense, "HNSW_START_COST", 0.0)
    monkeypatch.setattr(dense, "HNSW_ROW_COST", 0.01)
    override_config(exact_rows=50, lexical_cap=100, candidate_pool=10, deep_pool=400)
    yield
    override_config(exact_rows=10_000, lexical_cap=10_000, candidate_pool=100, deep_pool=1_000)


@pytest.fixture
def vectors() -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(1).normal(size=(N_ROWS, DIMENSION)).astype(np.float32)


@pytest.fixture
def rows(caller: Caller, vectors: np.ndarray[Any, np.dtype[np.float32]]) -> Caller:
    """Rows of one collection on the shared shelf, beside those of another."""
    for slug in ("others", "papers"):
        make_collection(caller, slug, encoder="supplied", dimension=DIMENSION)
        send(
            caller,
            *(
                {
                    "external_id": str(i),
                    "text": f"common word{i % 50} {'filler ' * (i % 7)} unique{i}",
                    "vector": vector.tolist(),
                    "metadata": {"color": "rare" if i % 100 == 0 else COLORS[i % 3]},
                    "access": ["alice"] if i % 2 else None,
                }
                for i, vector in enumerate(vectors)
            ),
            slug=slug,
        )
    return caller


@pytest.fixture
def own_shelf(rows: Caller, settings: None) -> Caller:
    """The spaces of `papers` on shelves of their own, indexed."""
    with db.reading() as session:
        space_ids = session.execute(
            text(
                "SELECT s.id FROM spaces s JOIN collections c ON c.id = s.collection_id"
                " WHERE c.slug = 'papers' ORDER BY s.id"
            )
        ).scalars()
        found = list(space_ids)
    for space_id in found:
        grow_space(SilentProgress(), {"space_id": space_id})
    return rows


def ask(caller: Caller, **fields: Any) -> SearchResult:
    return search(caller, "papers", SearchRequest(**fields))


def exact_neighbors(
    vectors: np.ndarray[Any, np.dtype[np.float32]], query: int, among: list[int] | None = None
) -> list[str]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    order = np.argsort(-(unit @ unit[query]))
    return [str(i) for i in order if among is None or i in among]


def test_the_shared_shelf_is_one_partition_read_by_its_primary_key(
    rows: Caller, plans: Plans, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    # Small tables would be read whole: the plan is that of a shelf which many spaces share.
    with db.writing() as session:
        session.execute(text("ANALYZE embeddings"))
        session.execute(text("ANALYZE sparse_embeddings"))
    event.listen(db.engine(), "begin", no_sequential_scans)
    try:
        result = ask(rows, query="common word3", vector=vectors[3])
    finally:
        event.remove(db.engine(), "begin", no_sequential_scans)
    assert result.plan == "exact"
    assert plans.relations() == {"embeddings_0", "sparse_embeddings_0"}
    assert {name for name in plans.indexes() if "embeddings_0" in name} == {
        "embeddings_0_pkey",
        "sparse_embeddings_0_pkey",
    }
    assert [hit.document.external_id for hit in ask(rows, vector=vectors[3]).hits] == (
        exact_neighbors(vectors, 3)[:10]
    )


def no_sequential_scans(connection: Any) -> None:
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")


def test_an_own_shelf_answers_by_its_hnsw_index(
    own_shelf: Caller, plans: Plans, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    result = ask(own_shelf, vector=vectors[3])
    assert result.plan == "hnsw"
    assert result.complete
    (relation,) = plans.relations()
    assert relation.startswith("embeddings_")
    assert relation != "embeddings_0"
    assert f"{relation}_hnsw" in plans.indexes()
    found = [hit.document.external_id for hit in result.hits]
    assert len(set(found) & set(exact_neighbors(vectors, 3)[:10])) >= 9
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(1, abs=1e-6)


def test_few_rows_behind_a_filter_are_compared_exactly(
    own_shelf: Caller, plans: Plans, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    result = ask(own_shelf, vector=vectors[3], filter={"color": "rare"})
    assert result.plan == "exact"
    assert result.complete
    assert not any(name.endswith("_hnsw") for name in plans.indexes())
    rare = list(range(0, N_ROWS, 100))
    found = [hit.document.external_id for hit in result.hits]
    assert found == exact_neighbors(vectors, 3, rare)


@pytest.mark.parametrize("principals", [None, ("alice",), ()])
def test_many_rows_behind_a_filter_fill_the_page_from_the_index(
    own_shelf: Caller,
    vectors: np.ndarray[Any, np.dtype[np.float32]],
    principals: tuple[str, ...] | None,
) -> None:
    result = ask(own_shelf, vector=vectors[3], filter={"color": "red"}, principals=principals)
    assert result.plan == "hnsw"
    assert result.complete
    assert len(result.hits) == 10
    red = [i for i in range(N_ROWS) if i % 3 == 0 and i % 100 and (principals != () or i % 2 == 0)]
    found = [hit.document.external_id for hit in result.hits]
    assert set(found) <= {str(i) for i in red}
    assert len(set(found) & set(exact_neighbors(vectors, 3, red)[:10])) >= 8


def test_a_scan_that_gives_up_is_finished_exactly_or_confessed(
    own_shelf: Caller,
    vectors: np.ndarray[Any, np.dtype[np.float32]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dense, "ef_search_for", lambda *_: 5)
    monkeypatch.setattr(dense, "MAX_SCAN_TUPLES", 1)
    not_blue = {"color": {"$ne": "blue"}}
    override_config(candidate_pool=400, exact_fallback_rows=599)
    try:
        confessed = ask(own_shelf, vector=vectors[3], filter=not_blue, limit=400)
        assert confessed.plan == "hnsw"
        assert {note.code for note in confessed.notes} >= {NoteCode.DENSE_SHORT}
        assert not confessed.complete
        override_config(exact_fallback_rows=600)
        finished = ask(own_shelf, vector=vectors[3], filter=not_blue, limit=400, explain=True)
    finally:
        override_config(exact_fallback_rows=1_000_000)
    assert finished.plan == "exact"
    assert finished.complete
    among = [i for i in range(N_ROWS) if i % 100 == 0 or i % 3 != 2]
    found = [hit.document.external_id for hit in finished.hits]
    assert found == exact_neighbors(vectors, 3, among)[:400]
    (leg,) = finished.legs
    # what the scan handed out before it gave up counts as well
    assert leg.scanned_rows is not None
    assert leg.scanned_rows > N_ROWS
    assert "ended before" in leg.reason


def test_common_words_are_cut_and_it_is_said(own_shelf: Caller, plans: Plans) -> None:
    whole = ask(own_shelf, query="unique77 word27", mode=Mode.LEXICAL)
    assert whole.complete
    assert whole.hits[0].document.external_id == "77"
    assert any(name.startswith("sparse_embeddings_") for name in plans.indexes())
    cut = ask(own_shelf, query="common filler", mode=Mode.LEXICAL)
    assert {note.code for note in cut.notes} >= {NoteCode.LEXICAL_CUT}
    assert not cut.complete
    assert len(cut.hits) == 10


def test_the_cap_counts_rows_that_pass_the_filter(own_shelf: Caller) -> None:
    result = ask(
        own_shelf, query="common filler", mode=Mode.LEXICAL, filter={"color": "rare"}, limit=50
    )
    assert sorted(int(hit.document.external_id) for hit in result.hits) == list(
        range(0, N_ROWS, 100)
    )
    assert result.complete


def test_a_capped_list_is_the_whole_list_where_it_says_so(own_shelf: Caller) -> None:
    queries = ["unique5 common", "word3 word4 filler", "unique1 unique2 unique3 word9 common"]
    for query in queries:
        capped = ask(own_shelf, query=query, mode=Mode.LEXICAL, limit=5)
        override_config(lexical_cap=10_000)
        whole = ask(own_shelf, query=query, mode=Mode.LEXICAL, limit=5)
        override_config(lexical_cap=100)
        assert whole.complete
        if capped.complete:
            assert [hit.chunk.id for hit in capped.hits] == [hit.chunk.id for hit in whole.hits]


def test_what_one_leg_found_the_other_scores_by_its_primary_key(
    own_shelf: Caller, plans: Plans, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    # Small tables would be read whole: the plan is that of a large shelf.
    event.listen(db.engine(), "begin", no_sequential_scans)
    try:
        result = ask(own_shelf, query="unique77 word27", vector=vectors[3], explain=True)
    finally:
        event.remove(db.engine(), "begin", no_sequential_scans)
    looked_up = {name for name in plans.indexes() if name.endswith("_pkey")}
    assert {name.partition("_pkey")[0] for name in looked_up} >= plans.relations()
    for hit in result.hits:
        assert hit.explain is not None
        assert all(leg.score is not None for leg in hit.explain.legs)
    unranked = [
        leg
        for hit in result.hits
        if hit.explain is not None
        for leg in hit.explain.legs
        if leg.rank is None
    ]
    assert {leg.leg.value for leg in unranked} >= {"dense", "lexical"}


def test_phrases_are_found_by_the_index_on_words_and_compared_by_primary_key(
    own_shelf: Caller, plans: Plans, vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    event.listen(db.engine(), "begin", no_sequential_scans)
    try:
        result = ask(own_shelf, query='"unique77"', vector=vectors[3])
    finally:
        event.remove(db.engine(), "begin", no_sequential_scans)
    assert [hit.document.external_id for hit in result.hits] == ["77"]
    assert result.plan == "exact"
    (words,) = {name for name in plans.relations() if name.startswith("sparse_")}
    assert any(name.startswith(f"{words}_") and name != f"{words}_pkey" for name in plans.indexes())
    assert not any(name.endswith("_hnsw") for name in plans.indexes())
