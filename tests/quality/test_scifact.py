"""The bars of search quality on SciFact's test questions, where the data is at hand."""

import statistics
from pathlib import Path
from typing import Any

import pytest

from embedhub.access.caller import Caller
from embedhub.encoders.checkpoint import bundled_folder
from embedhub.evaluation.evaluations import get_evaluation, start_evaluation
from embedhub.evaluation.judged import JudgedSet, ndcg, read_set
from embedhub.evaluation.service import import_judged
from embedhub.search.request import Mode, SearchRequest
from embedhub.search.service import search
from tests.evaluation.conftest import carried_out
from tests.factories import encode_everything, make_collection, send

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "retrieval" / "scifact"

pytestmark = [
    pytest.mark.usefixtures("sent_jobs"),
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no evaluation data at {FOLDER}"),
]


@pytest.fixture(scope="module")
def scifact() -> JudgedSet:
    return read_set(FOLDER)


def fill(caller: Caller, judged: JudgedSet, **wanted: Any) -> None:
    make_collection(caller, **wanted)
    documents = [
        {"external_id": d["id"], "title": d["title"], "text": d["text"]} for d in judged.documents()
    ]
    for start in range(0, len(documents), 500):
        send(caller, *documents[start : start + 500])


def mean_ndcg(caller: Caller, judged: JudgedSet, mode: Mode) -> float:
    gains = []
    for query, relevant in judged.judgments.items():
        result = search(caller, "papers", SearchRequest(query=judged.queries[query], mode=mode))
        gains.append(ndcg([hit.document.external_id for hit in result.hits], relevant))
    return statistics.mean(gains)


def evaluated_ndcg(caller: Caller, judged: JudgedSet, mode: Mode) -> float:
    """Return what an evaluation of the imported set says: the same as the definition."""
    tally = import_judged(
        caller,
        "papers",
        queries_text=(judged.folder / "queries.jsonl").read_text(),
        qrels_text=(judged.folder / "qrels.tsv").read_text(),
    )
    assert tally.n_queries == len(judged.judgments) == 300
    asked = [{"name": mode.value, "mode": mode.value}]
    view = start_evaluation(caller, "papers", asked, k=10, depth=10)
    assert carried_out(caller, view.run_id).status == "succeeded"
    [result] = get_evaluation(caller, "papers", view.id).results
    return float(result["metrics"][0]["mean"])


def test_words_alone(caller: Caller, scifact: JudgedSet) -> None:
    fill(caller, scifact, chunking={"strategy": "document"})
    mean = mean_ndcg(caller, scifact, Mode.LEXICAL)
    assert mean >= 0.688
    assert evaluated_ndcg(caller, scifact, Mode.LEXICAL) == pytest.approx(mean, abs=1e-9)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_meaning_and_both(caller: Caller, scifact: JudgedSet) -> None:
    if bundled_folder() is None:
        pytest.skip("the bundled weights are not installed")
    # Everything else is as a new collection has it.
    fill(caller, scifact, encoder="all-MiniLM-L6-v2")
    while encode_everything():
        pass
    assert mean_ndcg(caller, scifact, Mode.DENSE) >= 0.674
    assert mean_ndcg(caller, scifact, Mode.HYBRID) >= 0.74
