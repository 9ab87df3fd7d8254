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
# Elsewhere a comma is that of a decimal: 3,5 is not 35.
THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
WORD = re.compile(r"\w")
NUMERAL = re.compile(r"\s*(\d{1,2})[.)]\s+")
# The stop is the word's own: titles, initials and what is shortened, what counts, ordinals.
SHORTENED = re.compile(
    r"(?:^|[\s(])(?:Dr|Mrs?|Ms|Prof|St|vs|cf|vgl|bzw|[A-Z]|[A-Za-z](?:\.\s?[A-Za-z])+)\.\s*$"
)
COUNTING = re.compile(
    r"(?:^|[\s(])(?:No|Nr|Figs?|Eq|Sec|Vol|Abb|Tab|pp?|ca|approx|S)\.\s*$", re.IGNORECASE
)
ORDINAL = re.compile(r"(?:^|\s)\d{1,2}\.\s*$")
NUMBER_ALONE = re.compile(r"\s*\d+[.)]\s*")
MONTH = re.compile(
    r"(?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)\b"
)
# Backed by words alone; or by some words and a sentence of the same meaning.
MIN_WORDS, MIN_SOME_WORDS, MIN_COSINE = 0.65, 0.3, 0.55


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of an answer: where it stands, what it says without marks, what it cites."""

    span: Span
    text: str
    numbers: tuple[int, ...]


def claims(text: str) -> list[Claim]:
    """Return the sentences of an answer in order, without the numerals of a list.

    Marks behind a stop belong before it, and so do marks alone on a line; those in front of a line
    are the line's own.
    """
    found: list[Span] = []
    for start, end in _lines(text):
        for sentence in _sentences(text[start:end]):
            span = Span(start + sentence.start, start + sentence.end)
            marks = MARKS_IN_FRONT.match(text, span.start, span.end)
            is_own = span.start == start and marks is not None and marks.end() < span.end
            if marks and found and not is_own:
                found[-1] = Span(found[-1].start, span.start + len(marks[0].rstrip()))
                span = Span(marks.end(), span.end)
            if span.end > span.start:
                found.append(span)
    read = [_claim(text, span) for span in found]
    return [claim for claim in read if WORD.search(claim.text)]


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the lines begin, behind the numeral of an item, and end."""
    counted = 0
    for line in LINE.finditer(text):
        start = line.start() + len(line[0]) - len(line[0].lstrip())
        numeral = NUMERAL.match(text, line.start(), line.end())
        if numeral and int(numeral[1]) in {1, counted + 1}:
            counted = int(numeral[1])
            start = numeral.end()
        yield start, line.end()


def _sentences(line: str) -> Iterator[Span]:
    # A mark between stop and space hides the end of the sentence from the splitter.
    plain = re.sub(r"([.!?…])((?:\[[\d,\s]+\])+)(?=\s)", _swap, line)
    begun: Span | None = None
    for span in sentences(plain):
        begun = span if begun is None else Span(begun.start, span.end)
        if not _goes_on(plain[begun.start : begun.end], plain[begun.end :].lstrip()):
            yield begun
            begun = None
    if begun is not None:
        yield begun


def _goes_on(sentence: str, rest: str) -> bool:
    """Return whether the stop of a sentence is that of its last word."""
    if not rest:
        return False
    if ORDINAL.search(sentence) and MONTH.match(rest):
        return True
    if COUNTING.search(sentence) and rest[0].isdigit():
        return True
    return bool(NUMBER_ALONE.fullmatch(sentence) or SHORTENED.search(sentence))


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
    is_denied: bool = False,
) -> bool:
    """Return whether a sentence is backed by the text it cites.

    `words` is the share of its words that the cited text holds, `cosine` that to the nearest
    sentence there. A number that the cited text does not hold is never backed, nor what the cited
    text denies, however much alike the words are.
    """
    if not cites or is_denied or not _numbers(says) <= _numbers(cited):
        return False
    if words >= MIN_WORDS:
        return True
    return cosine is not None and cosine >= MIN_COSINE and words >= MIN_SOME_WORDS


def shared_words(
    weights: Mapping[str, float], said: frozenset[str], cited: frozenset[str]
) -> float:
    """Return the share of what is said that the cited text holds, rare words weighing more.

    0 for a sentence of such words alone as every text has: "No, it is not" is backed by none.
    """
    return coverage({word: weights.get(word, 1.0) for word in said}, cited)


def _numbers(text: str) -> set[str]:
    return {
        number.replace(",", "") if THOUSANDS.fullmatch(number) else number
        for number in NUMBER.findall(text)
    }
