"""What is asked for an answer and what comes back: the dataclasses of the service."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from embedhub.search.request import Note, Span


class Method(StrEnum):
    """How an answer is put into words; `auto` generates where a language model is configured."""

    AUTO = "auto"
    EXTRACTIVE = "extractive"
    GENERATED = "generated"


class Role(StrEnum):
    """Who said a turn of a conversation."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """One question; exactly what the caller sent, checked by the service.

    None stands for the configured default. `max_words` and `max_citations` bound an extractive
    answer, `max_citations` also the nearest passages; `context_tokens` is what the passages may
    take of a prompt. `min_evidence` is the evidence (0 to 1) below which the answer is "not found
    in the documents"; 0 always answers.
    `history` is what was said before, oldest first: a follow-up is made a question of its own with
    it where a language model is configured. `filter`, `principals`, `language` and `weights` are
    those of a search.
    """

    question: str
    method: Method = Method.AUTO
    filter: Mapping[str, Any] | None = None
    principals: tuple[str, ...] | None = None
    language: str | None = None
    weights: Mapping[str, float] | None = None
    max_citations: int | None = None
    max_words: int | None = None
    context_tokens: int | None = None
    min_evidence: float | None = None
    history: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A stretch of one stored document version that an answer may be drawn from.

    `number`, from 1, is what [n] in an answer stands for. `text` is the version's text from `start`
    to `end` (code points). `page` is the one on which it begins, from 1, None where pages are not
    known. `heading` is the path of headings above it, empty if there is none. `score` is the best
    of its passages in the search.
    """

    number: int
    collection: str
    external_id: str
    title: str
    url: str | None
    metadata: Mapping[str, Any]
    version: int
    start: int
    end: int
    text: str
    page: int | None
    heading: str
    score: float


@dataclass(frozen=True, slots=True)
class Context:
    """The sources of one answer, packed to a budget: by document, each in the order of its text.

    `n_tokens` counts the texts, titles and headings in tokens of the collection's encoder.
    """

    sources: tuple[Source, ...]
    n_tokens: int


@dataclass(frozen=True, slots=True)
class Citation:
    """What backs a part of an answer: a range of a stored document version.

    `number` is that of its source and of the marks [n] in the answer. `start` and `end` bound the
    sentences that support, `text` is the version's text between them, `page` where it begins.
    """

    number: int
    collection: str
    external_id: str
    title: str
    url: str | None
    version: int
    start: int
    end: int
    text: str
    page: int | None


@dataclass(frozen=True, slots=True)
class CheckedSentence:
    """A sentence of an answer beside the text it cites.

    `span` is its place in the answer's text, marks included. A sentence that the cited text denies
    or that names a number it does not hold is not supported, whatever they share. `lexical` is the
    share of what it says in words (rare words weigh more) that the cited text says too; `semantic`
    the cosine to the nearest sentence cited, None where nothing encodes. A sentence that cites
    nothing is held against all sources, and is not supported: `citations` is empty.
    """

    span: Span
    citations: tuple[int, ...]
    is_supported: bool
    lexical: float
    semantic: float | None


@dataclass(frozen=True, slots=True)
class AnswerTook:
    """Milliseconds spent in each part; `total` also holds what lies between."""

    search: float
    read: float
    encode: float
    generate: float
    total: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question with what backs it.

    `question` is what was searched for: the one asked, or the standalone form of a follow-up.
    `found` is false where the documents hold too little evidence; then `text` says so, there are
    no citations, and `nearest` holds the passages that come closest, best first. `evidence` and
    `min_evidence` are what was compared. `is_supported`: every sentence is. `complete` and `notes`
    are those of the search: what may be missing.
    """

    request_id: uuid.UUID
    question: str
    method: Method
    found: bool
    text: str
    sentences: tuple[CheckedSentence, ...]
    citations: tuple[Citation, ...]
    nearest: tuple[Source, ...]
    evidence: float
    min_evidence: float
    complete: bool
    notes: tuple[Note, ...]
    took: AnswerTook

    @property
    def is_supported(self) -> bool:
        """Whether every sentence of the answer is backed by what it cites."""
        return all(sentence.is_supported for sentence in self.sentences)
