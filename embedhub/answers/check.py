"""Every sentence of an answer beside what it cites: is it backed; pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from embedhub.answers.evidence import coverage
from embedhub.search.request import Span
from embedhub.search.snippets import sentences

MARK = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
MARKS_IN_FRONT = re.compile(r"\s*(?:\[\d{1,3}(?:\s*,\s*\d{1,3})*\][\s.,;:]*)+")
LINE = re.compile(r"[^\n]+")
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
WORD = re.compile(r"\w")
# Backed by words alone; or by some words and a sentence of the same meaning.
MIN_WORDS, MIN_SOME_WORDS, MIN_COSINE = 0.65, 0.3, 0.55


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of an answer: where it stands, what it says without marks, what it cites."""

    span: Span
    text: str
    numbers: tuple[int, ...]


def claims(text: str) -> list[Claim]:
    """Return the sentences of an answer in order; marks behind a stop belong before it."""
    found: list[Span] = []
    for line in LINE.finditer(text):
        for sentence in _sentences(line[0]):
            span = Span(line.start() + sentence.start, line.start() + sentence.end)
            marks = MARKS_IN_FRONT.match(text, span.start, span.end)
            if marks and found:
                found[-1] = Span(found[-1].start, span.start + len(marks[0].rstrip()))
                span = Span(marks.end(), span.end)
            if span.end > span.start:
                found.append(span)
    read = [_claim(text, span) for span in found]
    return [claim for claim in read if WORD.search(claim.text)]


def _sentences(line: str) -> Iterator[Span]:
    # A mark between stop and space hides the end of the sentence from the splitter.
    yield from sentences(re.sub(r"([.!?…])((?:\[[\d,\s]+\])+)(?=\s)", _swap, line))


def _swap(found: re.Match[str]) -> str:
    return f"{found[2]}{found[1]}"


def _claim(text: str, span: Span) -> Claim:
    own = text[span.start : span.end]
    numbers = dict.fromkeys(
        int(number) for mark in MARK.finditer(own) for number in mark[1].split(",")
    )
    return Claim(span, MARK.sub("", own).strip(), tuple(numbers))


def is_supported(
    *,
    cites: bool,
    words: float,
    cosine: float | None,
    says: str,
    cited: str,
) -> bool:
    """Return whether a sentence is backed by the text it cites.

    `words` is the share of its words that the cited text holds, `cosine` that to the nearest
    sentence there. A number that the cited text does not hold is never backed.
    """
    if not cites or not _numbers(says) <= _numbers(cited):
        return False
    if words >= MIN_WORDS:
        return True
    return cosine is not None and cosine >= MIN_COSINE and words >= MIN_SOME_WORDS


def shared_words(
    weights: Mapping[str, float], said: frozenset[str], cited: frozenset[str]
) -> float:
    """Return the share of what is said that the cited text holds, rare words weighing more."""
    wanted = {word: weights.get(word, 1.0) for word in said}
    return coverage(wanted, cited) if wanted else 1.0


def _numbers(text: str) -> set[str]:
    return {number.replace(",", "") for number in NUMBER.findall(text)}
