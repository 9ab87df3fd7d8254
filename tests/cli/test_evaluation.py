"""`embedhub eval`: what its options ask for, which files it finds, and how figures are shown."""

from pathlib import Path
from typing import Any

import click
import pytest

from embedhub.cli.evaluation import named_ranking, settings_of, tally_words
from embedhub.cli.figures import print_evaluation
from embedhub.cli.judged_files import corpus_documents, find_judged, text_of
from embedhub.errors import HubError


def test_options_become_settings_the_live_one_first() -> None:
    given: dict[str, Any] = {
        "variants": ("saved",),
        "weights": (0.7,),
        "modes": ("lexical",),
        "others": ("shadow",),
        "rankings": ('diverse={"diversity": 0.3}',),
    }
    assert settings_of(given) == [
        {"name": "live"},
        {"variant": "saved"},
        {"name": "meaning 0.7", "ranking": {"weights": {"dense": 0.7}}},
        {"name": "lexical only", "mode": "lexical"},
        {"name": "shadow", "collection": "shadow"},
        {"name": "diverse", "ranking": {"diversity": 0.3}},
    ]


@pytest.mark.parametrize("text", ["diverse", "diverse={", "diverse=[1]", "diverse=1"])
def test_a_broken_ranking_is_a_usage_error(text: str) -> None:
    with pytest.raises(click.BadParameter):
        named_ranking(text)


def test_the_sets_of_a_beir_folder_and_of_ours(tmp_path: Path) -> None:
    with pytest.raises(HubError, match=r"has no queries\.jsonl"):
        find_judged(tmp_path, None)
    (tmp_path / "queries.jsonl").write_text('{"_id": "1", "text": "one"}\n')
    with pytest.raises(HubError, match=r"qrels\.tsv"):
        find_judged(tmp_path, None)
    (tmp_path / "qrels").mkdir()
    for name in ("dev", "test"):
        (tmp_path / "qrels" / f"{name}.tsv").write_text("1\ta\t1\n")
    (tmp_path / "qrels_train.tsv").write_text("1\tb\t1\n")
    assert [one.split for one in find_judged(tmp_path, None)] == ["dev", "test", "train"]
    [train] = find_judged(tmp_path, "train")
    assert train.body()["qrels"] == "1\tb\t1\n"
    with pytest.raises(HubError, match=r"qrels/none\.tsv"):
        find_judged(tmp_path, "none")


def test_documents_of_a_folder_and_those_without_text(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text(
        '{"_id": "1", "title": "T", "text": "x"}\n{"id": "2", "title": "", "text": " "}\n'
    )
    kept, refused = corpus_documents(tmp_path)
    assert (kept.external_id if hasattr(kept, "external_id") else "") == "1"
    assert "neither" in getattr(refused, "reason", "")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "qrels.tsv").write_bytes(b"\xff\xfe1\x00")
    with pytest.raises(HubError, match="not UTF-8"):
        text_of(tmp_path / "qrels.tsv")


def test_figures_are_shown_with_what_to_know(capsys: pytest.CaptureFixture[str]) -> None:
    metric = {"metric": "ndcg@10", "mean": 0.5, "low": 0.4, "high": 0.6}
    compared = {**metric, "mean": -0.1, "p_value": 0.25, "n_better": 0, "n_worse": 1}
    result = {"name": "live", "metrics": [metric], "n_without_hits": 0, "notes": {}}
    other = {**result, "name": "[b]words[/b]", "n_without_hits": 3, "notes": {"lexical_cut": 2}}
    print_evaluation(
        {
            "id": 7,
            "n_queries": 12,
            "n_skipped": 1,
            "n_missing": 2,
            "results": [
                {**result, "median_ms": 12.4, "comparison": None},
                {**other, "median_ms": 3.0, "comparison": [compared]},
            ],
        }
    )
    shown = capsys.readouterr().out
    for words in ("0.5000 [0.400, 0.600]", "[b]words[/b]", "-0.1000, p=0.2500", "12 queries",
                  "1 queries have nothing", "2 relevant documents", "3 queries without hits",
                  "lexical_cut in 2"):  # fmt: skip
        assert words in shown


def test_an_import_says_what_it_left_out() -> None:
    tally = {
        "n_queries": 2,
        "n_judgments": 3,
        "n_without_text": 1,
        "n_without_judgments": 4,
        "n_negative": 5,
    }
    words = tally_words(tally)
    assert words.startswith("2 queries, 3 judgments")
    assert words.count(";") == 3
