"""The measures themselves: a wrong nDCG would make every figure wrong."""

import math
from pathlib import Path

import pytest

from embedhub.evaluation.judged import find_sets, ndcg, read_judgments, read_set, recall


def test_ndcg_by_hand() -> None:
    relevant = {"a": 3, "b": 1, "c": 0}
    ideal = 3 / math.log2(2) + 1 / math.log2(3)
    assert ndcg(["a", "b"], relevant) == 1
    assert ndcg(["b", "a"], relevant) == pytest.approx((1 + 3 / math.log2(3)) / ideal)
    assert ndcg(["x", "c", "a"], relevant) == pytest.approx((3 / 2) / ideal)
    assert ndcg([], relevant) == 0


def test_the_ideal_list_uses_judgments_that_were_not_found() -> None:
    relevant = {str(i): 1 for i in range(30)}
    assert ndcg(["0"], relevant) == pytest.approx(
        1 / sum(1 / math.log2(i + 1) for i in range(1, 11))
    )


def test_recall_counts_relevant_documents_alone() -> None:
    assert recall(["a", "x", "c"], {"a": 1, "b": 2, "c": 0}) == 0.5
    assert recall(["x"] * 100 + ["a"], {"a": 1}) == 0


def test_a_set_is_read_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "sets" / "toy"
    folder.mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(
        '{"id": "1", "title": "T", "text": "x"}\n{"id": "2", "title": "", "text": " "}\n'
    )
    (folder / "queries.jsonl").write_text('{"id": "q", "text": "x?"}\n')
    (folder / "qrels.tsv").write_text("qid\tdocid\trel\nq\t1\t2\nr\t1\t0\n")
    assert find_sets([tmp_path]) == [folder]
    judged = read_set(folder, tmp_path)
    assert judged.name == "sets-toy"
    assert [document["id"] for document in judged.documents()] == ["1"]
    assert judged.judgments == {"q": {"1": 2}}  # r has nothing relevant to find
    assert judged.training == read_judgments(folder / "missing.tsv") == {}
