"""Passages follow what a text is made of: sections, lists, tables, code, sentences."""

from itertools import pairwise

import pytest

from embedhub.documents.chunking import Chunking, ChunkingStrategy, Passage, split
from embedhub.documents.chunking.headings import find_headings
from embedhub.encoders import load_tokenizer

WORDS = load_tokenizer("hashing")
SENTENCES = Chunking(ChunkingStrategy.SENTENCE_WINDOW)


def prose(n_words: int) -> str:
    return " ".join(["word"] * (n_words - 1)) + " end."


def cut(text: str, written_in: str = "markdown", most: int = 40, overlap: int = 0) -> list[Passage]:
    chunking = Chunking(max_tokens=most, overlap_tokens=overlap)
    return split(text, chunking, WORDS, written_in=written_in)


LIST = "\n".join(f"- item {n} has five words" for n in range(5))
TABLE = "| a | b |\n|---|---|\n" + "\n".join(f"| x{n} | y |" for n in range(4))
CODE = "```py\n# no heading\n\ndef f():\n    return 1\n\nx = f()\n```"


@pytest.mark.parametrize("block", [LIST, TABLE, CODE], ids=["list", "table", "code"])
@pytest.mark.parametrize("n_before", [5, 20, 35])
def test_what_fits_into_a_passage_is_kept_together(block: str, n_before: int) -> None:
    text = f"{prose(n_before)}\n\n{block}\n\n{prose(30)}"
    assert [passage for passage in cut(text) if block in passage.text]


def test_a_list_that_is_too_long_is_parted_between_its_items() -> None:
    text = "\n".join(f"- item {n} has five words. And more of it." for n in range(30))
    passages = cut(text)
    assert len(passages) > 5
    assert all(passage.text.startswith("- item") for passage in passages)


def test_a_table_that_is_too_long_is_parted_between_its_rows() -> None:
    text = "| a | b |\n|---|---|\n" + "\n".join(f"| x{n} | y. Z |" for n in range(40))
    assert all(passage.text.startswith("|") for passage in cut(text))
    assert all(passage.text.endswith("|") for passage in cut(text))


def test_a_heading_stands_with_what_it_heads() -> None:
    text = "\n\n".join(f"## Part {n}\n\n{prose(15)}" for n in range(12))
    for passage in cut(text):
        assert passage.text.startswith("## Part")
        assert passage.text.endswith("end.")


def test_a_long_text_is_parted_evenly_and_not_into_full_ones_and_a_scrap() -> None:
    text = " ".join(prose(5).capitalize() for _ in range(9))
    assert [passage.n_tokens for passage in cut(text)] == [20, 25]


def test_the_overlap_does_not_reach_over_a_heading() -> None:
    part = " ".join(prose(8).capitalize() for _ in range(6))
    passages = cut(f"# One\n\n{part}\n\n# Two\n\n{part}", overlap=10)
    assert any(before.end > after.start for before, after in pairwise(passages))
    assert all("# Two" not in passage.text[1:] for passage in passages)


@pytest.mark.parametrize("sign", ["==", "= ="])
def test_headings_of_wiki_pages_are_known_in_plain_text(sign: str) -> None:
    text = f" = Castle = \n {prose(30)} \n {sign} History {sign} \n {prose(30)} \n"
    passages = cut(text, "plain")
    assert [passage.heading_path for passage in passages] == ["Castle", "Castle > History"]
    assert passages[1].text.startswith(f"{sign} History")


def test_lines_that_only_resemble_headings_are_none() -> None:
    for line in ("a == b", "==", "= = =", "== x", "=====", "# comment", "= " + "x" * 600 + " ="):
        assert find_headings(line, markdown=False) == []


def test_code_is_parted_between_its_definitions_and_knows_them() -> None:
    body = "\n".join(f"        step_{n} = call(n)" for n in range(8))
    text = (
        f"import os\n\nclass Store:\n    def load(self):\n{body}\n\n    def save(self):\n{body}\n"
    )
    passages = cut(text, "code", most=28)
    assert [passage.heading_path for passage in passages] == ["", "Store > load", "Store > save"]
    assert passages[-1].text.startswith("def save")


def test_sentences_are_passages_of_their_own_and_short_ones_join_the_next() -> None:
    text = (
        "# Talks\n\nYes. The council agreed to meet again in the coming spring. "
        "Mr. Smith brought the plans of the harbour with him that evening."
    )
    first, second = split(text, SENTENCES, WORDS, written_in="markdown")
    assert first.text.startswith("# Talks")
    assert first.text.endswith("coming spring.")
    assert second.text.startswith("Mr. Smith")
    assert second.heading_path == "Talks"


def test_sentences_keep_tables_and_code_whole() -> None:
    before = "Here are eight words that stand before it."
    for block in (TABLE, CODE):
        passages = split(f"{before}\n\n{block}", SENTENCES, WORDS, written_in="markdown")
        assert [passage.text for passage in passages] == [before, block]


def test_chinese_sentences_are_parted_without_spaces() -> None:
    text = "這是第一句話。這是第二句話！這是第三句話？"
    chunking = Chunking(ChunkingStrategy.SENTENCE_WINDOW, max_tokens=16)
    passages = split(text * 20, chunking, WORDS)
    assert {passage.text[-1] for passage in passages} <= set("。！？")
