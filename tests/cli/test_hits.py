"""What a terminal shows of an answer."""

from typing import Any

import click
import pytest

from embedhub.cli.hits import leg_line, print_answer, sentence_of

TEXT = "First things.  The temporary\ndirectory goes. Last."


def hit(**changes: Any) -> dict[str, Any]:
    return {
        "score": 0.87654,
        "document": {"external_id": "a/1", "title": "Files", "url": None, "metadata": {}},
        "chunk": {"text": TEXT, "start": 0, "end": len(TEXT), "position": 0},
        "highlights": [{"start": 19, "end": 28}, {"start": 0, "end": 5}],
        "sentence": {"start": 15, "end": 44},
        "explain": None,
    } | changes


def test_the_best_sentence_stands_on_one_line_with_its_words_marked() -> None:
    line = sentence_of(hit())
    assert click.unstyle(line) == "The temporary directory goes."
    assert click.style("temporary", underline=True) in line
    assert line.count("\x1b[4m") == 1


def test_without_a_best_sentence_the_passage_begins() -> None:
    assert click.unstyle(sentence_of(hit(sentence=None))).startswith("First things.")


def test_a_long_sentence_is_cut() -> None:
    chunk = {"text": "x" * 1000, "start": 0, "end": 1000, "position": 0}
    line = sentence_of(hit(chunk=chunk, highlights=[], sentence=None))
    assert len(line) < 240
    assert line.endswith(" …")


def test_an_answer_says_what_it_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    notes = [{"code": "vectors_pending", "message": "3 passages have no vector yet"}]
    print_answer({"hits": [hit()], "notes": notes, "complete": False})
    shown = click.unstyle(capsys.readouterr().out)
    assert "0.877  Files  [a/1]" in shown
    assert "(3 passages have no vector yet)" in shown
    assert "may lack rows" in shown


def test_no_hits_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_answer({"hits": [], "notes": [], "complete": True})
    assert capsys.readouterr().out == "  no hits\n"


def test_a_leg_that_missed_a_hit_says_so() -> None:
    found = {"leg": "dense", "rank": 2, "score": 0.6123, "share": 0.4}
    missed = {"leg": "lexical", "rank": None, "score": None, "share": 0.0}
    assert leg_line(found) == "dense    rank 2, score 0.612, share 0.400"
    assert leg_line(missed) == "lexical  not among its candidates, share 0.000"
