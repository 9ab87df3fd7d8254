"""Settings measured side by side through the search that callers use."""

from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import (
    CollectionChanges,
    collection_status,
    delete_collection,
    get_collection,
    update_collection,
)
from embedhub.errors import Conflict, InvalidInput, NotFound, TooLarge
from embedhub.evaluation import evaluations, service, variants
from embedhub.evaluation.evaluations import EvaluationView
from embedhub.evaluation.inputs import JudgedInput
from embedhub.evaluation.service import put_judged
from embedhub.evaluation.setting import Setting
from embedhub.jobs import Job
from embedhub.runs.service import cancel_run, get_run
from embedhub.search.request import Mode, SearchRequest
from embedhub.search.search_log import writer
from embedhub.search.service import search
from tests.evaluation.conftest import QUERIES, carried_out, fill
from tests.factories import make_collection

LEXICAL = {"name": "words", "mode": "lexical"}


def evaluated(caller: Caller, *settings: dict[str, Any], **asked: Any) -> EvaluationView:
    """Have settings measured and return what came out."""
    view = evaluations.start_evaluation(caller, "papers", settings or ({"name": "live"},), **asked)
    assert carried_out(caller, view.run_id).status == "succeeded"
    return evaluations.get_evaluation(caller, "papers", view.id)


def means(view: EvaluationView, place: int = 0) -> dict[str, float]:
    return {one["metric"]: one["mean"] for one in view.results[place]["metrics"]}


def test_two_settings_side_by_side(
    judged: Caller, sent_jobs: list[tuple[Job, dict[str, object]]]
) -> None:
    view = evaluated(judged, {"name": "live"}, LEXICAL)
    assert sent_jobs[-1] == (Job.ENCODING_RUN, {"run_id": view.run_id})
    assert (view.status, view.progress) == ("succeeded", 1.0)
    # "nothing relevant" is left out and told; "zyzzyva" finds nothing by words and counts as 0.
    assert (view.n_queries, view.n_skipped, view.n_missing) == (4, 1, 0)
    words = means(view, 1)
    assert words["ndcg@10"] == words["recall@10"] == words["success@10"] == words["mrr"] == 0.75
    assert view.results[1]["n_without_hits"] == 1
    live = means(view)
    assert live["recall@10"] == 1  # five documents, each has a neighbour by meaning
    compared = {one["metric"]: one for one in view.results[1]["comparison"]}
    assert compared["recall@10"]["mean"] == -0.25
    assert (compared["recall@10"]["n_better"], compared["recall@10"]["n_worse"]) == (0, 1)
    assert compared["recall@10"]["p_value"] == 1
    assert view.results[0]["comparison"] is None
    rows = evaluations.evaluated_queries(judged, "papers", view.id)
    assert [row.query for row in rows] == list(QUERIES)[:4]
    assert [row.figures["mrr"][1] for row in rows] == [1, 1, 1, 0]
    assert [row.n_relevant for row in rows] == [1, 1, 1, 1]


def test_it_measures_what_callers_get(judged: Caller) -> None:
    """The collection's own ranking is live, a setting's takes its place for its searches alone."""
    update_collection(judged, "papers", CollectionChanges(ranking={"weights": {"dense": 0.0}}))
    ranking = {"weights": {"dense": 1.0}}
    override = {"name": "meaning", "ranking": ranking}
    view = evaluated(judged, {"name": "live"}, LEXICAL, override, k=5, depth=5)
    for place, request in enumerate(
        (
            SearchRequest(query="largest animal", limit=5),
            SearchRequest(query="largest animal", limit=5, mode=Mode.LEXICAL),
            SearchRequest(query="largest animal", limit=5, ranking=ranking),
        )
    ):
        hits = [hit.document.external_id for hit in search(judged, "papers", request).hits]
        [row] = [
            row
            for row in evaluations.evaluated_queries(judged, "papers", view.id)
            if row.query == "largest animal"
        ]
        assert row.figures["mrr"][place] == pytest.approx(1 / (1 + hits.index("whales")))
    assert get_collection(judged, "papers").ranking == {"weights": {"dense": 0.0}}


def test_documents_that_are_not_there_count_as_not_found(judged: Caller) -> None:
    service.judge(judged, "papers", "molten rock", {"gone": 1}, judged_by="sam")
    view = evaluated(judged)
    assert view.n_missing == 1
    rows = evaluations.evaluated_queries(judged, "papers", view.id)
    assert rows[1].figures["recall@10"] == [0.5]


def test_a_query_that_no_search_takes_finds_nothing(judged: Caller) -> None:
    before = evaluated(judged)
    put_judged(judged, "papers", [JudgedInput("-dogs", "refused", relevance={"0": 1})])
    view = evaluated(judged)
    assert view.status == "succeeded", view.error
    assert before.n_queries is not None
    assert view.n_queries == before.n_queries + 1
    assert view.results[0]["notes"]["query_refused"] == 1
    assert view.results[0]["n_without_hits"] == before.results[0]["n_without_hits"] + 1


def test_another_collection_can_be_tried_beside(judged: Caller) -> None:
    fill(judged, "shadow", chunking={"strategy": "document"})
    view = evaluated(judged, {"name": "live"}, {"name": "shadow", "collection": "shadow"})
    assert means(view) == means(view, 1)
    with pytest.raises(InvalidInput) as raised:
        evaluations.start_evaluation(
            judged, "papers", [{"name": "live"}, {"name": "b", "collection": "none"}]
        )
    assert raised.value.field == "settings.1.collection"


def test_a_split_is_measured_alone(judged: Caller) -> None:
    service.import_judged(
        judged,
        "papers",
        queries_text="1\tbats hear",
        qrels_text="1 0 bats 1",
        split="train",
    )
    assert evaluated(judged, split="train").n_queries == 1
    with pytest.raises(Conflict, match="no judged query"):
        evaluations.start_evaluation(judged, "papers", split="dev")


def test_searches_of_an_evaluation_leave_no_trace(judged: Caller) -> None:
    evaluated(judged)
    assert writer.flush()
    with db.reading() as session:
        assert session.execute(text("SELECT count(*) FROM search_log")).scalar_one() == 0


@pytest.mark.parametrize(
    ("settings", "asked", "field"),
    [
        ([{"name": "a"}, {"name": "a"}], {}, "settings.1.name"),
        ([{"name": ""}], {}, "settings.0.name"),
        ([{"name": "a", "mode": "best"}], {}, "settings.0.mode"),
        ([{"name": "a", "ranking": {"sparkle": 1}}], {}, "settings.0.ranking.sparkle"),
        ([{"name": "a", "ranking": {"diversity": 7}}], {}, "settings.0.ranking.diversity"),
        ([{"variant": "none"}], {}, "settings.0.variant"),
        ([{"name": str(i)} for i in range(6)], {}, "settings"),
        ([{"name": "a"}], {"k": 0}, "k"),
        ([{"name": "a"}], {"k": 11, "depth": 10}, "k"),
        ([{"name": "a"}], {"depth": 10_000}, "depth"),
    ],
)
def test_what_cannot_be_measured_names_its_place(
    judged: Caller, settings: list[dict[str, Any]], asked: dict[str, Any], field: str
) -> None:
    with pytest.raises((InvalidInput, TooLarge)) as raised:
        evaluations.start_evaluation(judged, "papers", settings, **asked)
    assert getattr(raised.value, "field", None) == field
    assert evaluations.list_evaluations(judged, "papers") == []


def test_nothing_judged_is_said_at_once(caller: Caller) -> None:
    make_collection(caller)
    with pytest.raises(Conflict, match="judge some in the admin"):
        evaluations.start_evaluation(caller, "papers")


def test_the_history_keeps_every_evaluation_newest_first(judged: Caller, stranger: Caller) -> None:
    ids = [evaluated(judged).id for _ in range(3)]
    assert [one.id for one in evaluations.list_evaluations(judged, "papers")] == ids[::-1]
    assert [one.id for one in evaluations.list_evaluations(judged, "papers", before=ids[1])] == [
        ids[0]
    ]
    make_collection(stranger)
    assert evaluations.list_evaluations(stranger, "papers") == []
    for call in (evaluations.get_evaluation, evaluations.evaluated_queries):
        with pytest.raises(NotFound):
            call(stranger, "papers", ids[0])
    with pytest.raises(NotFound):
        evaluations.delete_evaluation(stranger, "papers", ids[0])
    evaluations.delete_evaluation(judged, "papers", ids[0])
    with pytest.raises(NotFound):
        evaluations.get_evaluation(judged, "papers", ids[0])


def test_a_cancelled_and_a_failed_one_say_so(judged: Caller) -> None:
    view = evaluations.start_evaluation(judged, "papers")
    assert view.status == "queued"
    assert view.run_id is not None
    cancel_run(judged, view.run_id)
    assert evaluations.get_evaluation(judged, "papers", view.id).status == "cancelled"
    view = evaluations.start_evaluation(judged, "papers")
    service.delete_judged(judged, "papers", None)
    assert carried_out(judged, view.run_id).status == "failed"
    view = evaluations.get_evaluation(judged, "papers", view.id)
    assert (view.status, view.results) == ("failed", [])
    assert "no judged query" in str(view.error)


def test_a_collection_takes_all_of_it_along(judged: Caller) -> None:
    from tests.factories import SilentProgress

    evaluated(judged)
    variants.save_variant(judged, "papers", Setting("b", Mode.LEXICAL))
    collection_id = get_collection(judged, "papers").id
    run = get_run(judged, delete_collection(judged, "papers"))
    assert run.kind == "delete_collection"
    from embedhub.collections.purge import purge_collection

    purge_collection(SilentProgress(), {"collection_id": collection_id})
    with db.reading() as session:
        for table in (
            "judged_queries",
            "judgments",
            "evaluations",
            "evaluated_queries",
            "variants",
        ):
            assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0


def test_texts_that_wait_for_vectors_have_their_turns_during_a_run(judged: Caller) -> None:
    """One process does both: an evaluation of many queries must not hold up the encoding."""
    from embedhub.evaluation.measuring import carry_out_evaluation
    from tests.factories import SilentProgress, send
    from workers.embed import Turns

    send(judged, {"external_id": "late", "text": "sent while an evaluation runs"})
    view = evaluations.start_evaluation(judged, "papers")
    arguments = {"collection_id": get_collection(judged, "papers").id, "evaluation_id": view.id}
    carry_out_evaluation(SilentProgress(), arguments, between=Turns(3600))
    assert collection_status(judged, "papers").n_pending == 1
    carry_out_evaluation(SilentProgress(), arguments, between=Turns(0.001))
    assert collection_status(judged, "papers").n_pending == 0
