"""Passages: exact offsets, nothing lost, never too long, split in bounded time."""

import random
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedhub.documents.chunking import (
    Chunking,
    ChunkingStrategy,
    Passage,
    count_tokens,
    encoder_input,
    input_hash,
    split,
)
from embedhub.encoders import describe_encoder, load_tokenizer
from embedhub.encoders.checkpoint import BUNDLED_NAME
from embedhub.errors import InvalidInput, NotReady

WORDS = load_tokenizer("hashing")
ALPHABET = "ab Z.?!\n\t\r,;-#`ée\u0301東京。日👨\u200d👩\u200d👧🇫🇷กข\u00a0\u2028ß\x0b"
texts = st.one_of(
    st.text(alphabet=st.sampled_from(ALPHABET), max_size=400),
    st.lists(
        st.sampled_from(["one ", "two. ", "three\n\n", "Ünï ", "# Head\n", "東京都"]), max_size=200
    ).map("".join),
    st.text(max_size=120).filter(lambda text: text.isprintable()),
)
chunkings = st.builds(
    lambda strategy, most, share: Chunking(strategy, most, most * share // 100),
    st.sampled_from([ChunkingStrategy.PASSAGES, ChunkingStrategy.SENTENCE_WINDOW]),
    st.integers(16, 60),
    st.integers(0, 50),
)


@pytest.fixture(scope="session")
def minilm_name() -> str:
    try:
        return describe_encoder(BUNDLED_NAME).name
    except NotReady as error:
        pytest.skip(str(error))


def prose(n_sentences: int) -> str:
    chance = random.Random(7)
    vocabulary = ["worker", "leases", "a", "batch", "and", "stores", "vectors", "unless", "deleted"]
    return " ".join(
        " ".join(chance.choices(vocabulary, k=chance.randint(4, 14))).capitalize() + "."
        for _ in range(n_sentences)
    )


def overlaps(passages: list[Passage], text: str) -> Iterator[str]:
    for before, after in pairwise(passages):
        yield text[after.start : max(before.end, after.start)]


@given(texts, chunkings, st.sampled_from(["plain", "markdown", "code"]))
@settings(max_examples=300, deadline=None)
def test_passages_are_exact_pieces_that_together_cover_everything_but_white_space(
    text: str, chunking: Chunking, written_in: str
) -> None:
    passages = split(text, chunking, WORDS, written_in=written_in)
    covered = [False] * len(text)
    for position, passage in enumerate(passages):
        assert passage.position == position
        assert passage.text == text[passage.start : passage.end]
        assert passage.text.strip()
        assert count_tokens(passage.text, WORDS) == passage.n_tokens <= chunking.max_tokens
        for index in range(passage.start, passage.end):
            covered[index] = True
    assert all(
        is_covered or character.isspace()
        for character, is_covered in zip(text, covered, strict=True)
    )
    starts = [(passage.start, passage.end) for passage in passages]
    assert starts == sorted(starts)


@given(texts, chunkings)
@settings(max_examples=100, deadline=None)
def test_neighbours_share_no_more_than_the_overlap(text: str, chunking: Chunking) -> None:
    for shared in overlaps(split(text, chunking, WORDS), text):
        assert count_tokens(shared, WORDS) <= chunking.overlap_tokens


@pytest.mark.parametrize("written_in", ["plain", "markdown"])
@pytest.mark.parametrize(
    "text",
    [
        prose(120),
        "\n\n".join(prose(9) for _ in range(8)),
        "internationalization_of_identifiers " * 200,
        "東京都大阪市。日本語の文章です。" * 60,
        "cafe\u0301 naïve 👨\u200d👩\u200d👧 🇫🇷 " * 90,
        "x" * 3_000,
        "https://example.org/a/b/c?d=e&f=g#h/" * 60,
    ],
    ids=["prose", "paragraphs", "identifiers", "chinese", "emoji", "one word", "addresses"],
)
def test_real_tokens_stay_within_the_budget(minilm_name: str, text: str, written_in: str) -> None:
    tokenizer = load_tokenizer(minilm_name)
    passages = split(
        text, Chunking(max_tokens=64, overlap_tokens=16), tokenizer, written_in=written_in
    )
    assert max(count_tokens(passage.text, tokenizer) for passage in passages) <= 64
    assert all(passage.n_tokens <= 64 for passage in passages)
    assert all(passage.text == text[passage.start : passage.end] for passage in passages)


def test_passages_end_at_sentences_and_overlap_by_whole_ones() -> None:
    text = prose(60)
    passages = split(text, Chunking(max_tokens=60, overlap_tokens=15), WORDS)
    assert len(passages) > 5
    assert all(passage.text.endswith(".") for passage in passages)
    assert all(passage.text[0].isupper() for passage in passages)
    assert any(overlaps(passages, text))


def test_a_text_within_the_budget_is_one_passage_without_its_margins() -> None:
    text = "\n  Two words. \n"
    assert split(text, Chunking(), WORDS) == [Passage(0, 3, 13, "Two words.", "", 2)]


def test_the_document_strategy_gives_one_passage_that_covers_everything() -> None:
    text = "  " + prose(200) + "\n"
    (passage,) = split(text, Chunking(ChunkingStrategy.DOCUMENT), WORDS)
    assert (passage.start, passage.end, passage.text) == (0, len(text), text)
    assert 0.5 < passage.n_tokens / count_tokens(text, WORDS) < 2


@pytest.mark.parametrize("strategy", list(ChunkingStrategy))
@pytest.mark.parametrize("text", ["", " \n\t\u00a0"])
def test_a_blank_text_has_a_passage_only_for_its_title(
    strategy: ChunkingStrategy, text: str
) -> None:
    chunking = Chunking(strategy)
    assert split(text, chunking, WORDS) == []
    assert split(text, chunking, WORDS, title=" \n") == []
    assert split(text, chunking, WORDS, title="Empty page") == [Passage(0, 0, 0, "", "", 0)]


def test_title_and_headings_get_room_within_what_the_encoder_reads(minilm_name: str) -> None:
    tokenizer = load_tokenizer(minilm_name)
    title = "A manual of everything that can be configured " * 5
    text = "# Installation\n\n" + "## On many machines with very long names\n\n" + prose(200)
    chunking = Chunking(max_tokens=250, overlap_tokens=20)
    passages = split(
        text, chunking, tokenizer, title=title, encoder_tokens=256, written_in="markdown"
    )
    for passage in passages:
        encoded = encoder_input(title, passage.heading_path, passage.text)
        assert len(tokenizer.encode(encoded).ids) <= 256
    assert max(passage.n_tokens for passage in passages) > 100


def test_a_passage_knows_the_headings_above_it() -> None:
    body = prose(12)
    text = (
        f"# Guide\n\n{body}\n\n## Install\n\n{body}\n\n```sh\n# not a heading\n```\n\n{body}\n\n"
        f"Upgrade\n-------\n\n{body}\n\n# Reference\n\n### Deep\n\n{body}\n"
    )
    passages = split(text, Chunking(max_tokens=40, overlap_tokens=0), WORDS, written_in="markdown")
    seen = list(dict.fromkeys(passage.heading_path for passage in passages))
    assert seen == ["Guide", "Guide > Install", "Guide > Upgrade", "Reference > Deep"]
    assert split(text, Chunking(), WORDS)[0].heading_path == ""


def test_what_is_encoded_is_title_and_text_with_headings_between() -> None:
    assert encoder_input("Title", "", "Text") == "Title Text"
    assert encoder_input("", "", "Text") == "Text"
    assert encoder_input("Title", "", "") == "Title"
    assert encoder_input("Guide", "Guide > Install", "Text") == "Guide Install Text"
    assert encoder_input("Go", "Golang > Install", "Text") == "Go Golang > Install Text"


def test_a_huge_title_does_not_displace_the_text() -> None:
    encoded = encoder_input("題" * 2_000, "部" * 2_000, "Text")
    assert encoded.endswith(" Text")
    assert len(encoded) < 200


def test_the_hash_follows_what_is_encoded() -> None:
    assert input_hash(encoder_input("a", "", "b")) == input_hash(encoder_input("a", "b", ""))
    assert input_hash("a b") != input_hash("a c")
    assert len(input_hash("")) == 32


def test_chunking_survives_its_mapping() -> None:
    chunking = Chunking.from_mapping({"strategy": "passages", "max_tokens": 99})
    assert chunking == Chunking(ChunkingStrategy.PASSAGES, 99, 0)
    assert Chunking.from_mapping(chunking.as_mapping()) == chunking
    windows = Chunking(ChunkingStrategy.SENTENCE_WINDOW, window_sentences=3)
    assert Chunking.from_mapping(windows.as_mapping()) == windows
    assert Chunking.from_mapping({}) == Chunking()


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ({"strategy": "sentences"}, "chunking.strategy"),
        ({"window_sentences": 3}, "chunking.window_sentences"),
        ({"strategy": "sentence_window", "window_sentences": 21}, "chunking.window_sentences"),
        ({"strategy": "sentence_window", "overlap_tokens": 1}, "chunking.overlap_tokens"),
        ({"strategy": ["passages"]}, "chunking.strategy"),
        ({"max_tokens": 15}, "chunking.max_tokens"),
        ({"max_tokens": 1e9}, "chunking.max_tokens"),
        ({"max_tokens": "200"}, "chunking.max_tokens"),
        ({"max_tokens": True}, "chunking.max_tokens"),
        ({"max_tokens": None}, "chunking.max_tokens"),
        ({"max_tokens": 100, "overlap_tokens": 51}, "chunking.overlap_tokens"),
        ({"overlap_tokens": -1}, "chunking.overlap_tokens"),
        ({"overlap": 3}, "chunking.overlap"),
    ],
)
def test_a_wrong_chunking_is_refused_by_name(mapping: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Chunking.from_mapping(mapping)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "text",
    [
        prose(4_000),
        "word " * 60_000,
        "a" * 300_000,
        "".join(random.Random(3).choices("東京都大阪市日本語研究開発", k=100_000)),
        "-" * 200_000,
        " " * 300_000 + "end",
        "\n" * 300_000 + "end",
        "# a\n" * 20_000,
        "[" * 100_000,
    ],
    ids=[
        "prose",
        "no stops",
        "letter",
        "chinese",
        "rule",
        "spaces",
        "lines",
        "headings",
        "brackets",
    ],
)
def test_hostile_long_texts_are_split_in_bounded_time(minilm_name: str, text: str) -> None:
    tokenizer = load_tokenizer(minilm_name)
    began = time.process_time()
    passages = split(text, Chunking(), tokenizer, written_in="markdown")
    assert time.process_time() - began < 8
    assert passages[-1].end == len(text.rstrip())
