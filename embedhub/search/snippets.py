"""Which words of a passage matched, and its best sentence: by the same analysis as the search."""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from embedhub.search.analysis import UNSPACED, cells_of
from embedhub.search.request import Span

# A passage is a few hundred words; of a whole book taken as one, only the beginning is marked.
MAX_MARKED_CHARS = 50_000
ASCII_WORD = re.compile(r"([A-Za-z0-9]+)")
# Letters and digits, with the marks that belong to them (accents, vowel signs).
WORD = re.compile(
    r"(\w[\w\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    r"\u0900-\u0963\u0970-\u0dff]*)"
)
# A sentence ends at a stop that no small letter follows, at an ideographic stop, or a blank line.
# What all of them begin with stands first: the search goes from one such character to the next.
SENTENCE_END = re.compile(
    r"[.!?…。！？｡\n]"
    r"(?:(?<=[.!?…])[.!?…]*[\"'”’)\]]*\s+(?![a-z])|(?<=[。！？｡])[。！？｡]*[」』”）]*|(?<=\n)\s*\n)"
)


@dataclass(frozen=True, slots=True)
class Matched:
    """What of a query can be found in passages.

    `weights` holds each lexeme's idf, `grams` the characters and pairs to find in scripts without
    spaces.
    """

    weights: Mapping[str, float]
    grams: frozenset[str]


@dataclass(frozen=True, slots=True)
class Marked:
    """The matched words of one passage and the sentence that holds the rarest of them."""

    highlights: tuple[Span, ...]
    sentence: Span | None


def words_of(text: str) -> set[str]:
    """Return the distinct words of the part of a passage that is marked, as they are written."""
    text = text[:MAX_MARKED_CHARS]
    words = set(_pattern(text).findall(text.replace("_", " ")))
    return words if text.isascii() else {word for word in words if not UNSPACED.match(word)}


def matching_words(
    words: Iterable[str], lexemes: Mapping[str, Sequence[str]], matched: Matched
) -> dict[str, list[str]]:
    """Return those words that match, each with the query's lexemes in it.

    `lexemes` maps the normalized form of every word to its lexemes.
    """
    asked = matched.weights.keys()
    return {
        word: [own for own in lexemes[normalized(word)] if own in asked]
        for word in words
        if not asked.isdisjoint(lexemes[normalized(word)])
    }


def mark(text: str, matching: Mapping[str, Sequence[str]], matched: Matched) -> Marked:
    """Return where a passage matched; `matching` comes from `matching_words`."""
    text = text[:MAX_MARKED_CHARS]
    # What stands between words, and words, by turns.
    parts = _pattern(text).split(text.replace("_", " "))
    ends = itertools.accumulate(map(len, parts))
    found: list[tuple[Span, Sequence[str]]] = [
        (Span(end - len(part), end), matching[part])
        for part, end in zip(parts, ends, strict=True)
        if part in matching
    ]
    found += [(span, [gram]) for span, gram in _grams(text, matched.grams)]
    found.sort(key=lambda match: (match[0].start, match[0].end))
    return Marked(tuple(_merged(span for span, _ in found)), _best_sentence(text, found, matched))


def _pattern(text: str) -> re.Pattern[str]:
    return ASCII_WORD if text.isascii() else WORD


def normalized(word: str) -> str:
    """Return the word in the form that the analyser sees."""
    return word if word.isascii() else unicodedata.normalize("NFKC", word)


def query_grams(query: str) -> frozenset[str]:
    """Return the pairs to look for in scripts without spaces; of a lone character, itself."""
    grams: set[str] = set()
    for run in UNSPACED.finditer(unicodedata.normalize("NFKC", query)):
        cells = cells_of(run[0])
        pairs = [left + right for left, right in itertools.pairwise(cells)]
        grams.update(pairs or cells)
    return frozenset(grams)


def sentences(text: str) -> Iterator[Span]:
    """Yield the sentences of a text, without the space around them."""
    start = 0
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    for end in [*ends, len(text)]:
        part = text[start:end]
        stripped = part.strip()
        if stripped:
            begin = start + part.index(stripped)
            yield Span(begin, begin + len(stripped))
        start = end


def _grams(text: str, grams: frozenset[str]) -> Iterator[tuple[Span, str]]:
    if not grams:
        return
    for run in UNSPACED.finditer(text):
        cells = cells_of(run[0])
        start = run.start()
        for position, cell in enumerate(cells):
            pair = cell + cells[position + 1] if position + 1 < len(cells) else ""
            for gram in (cell, pair):
                if gram in grams:
                    yield Span(start, start + len(gram)), gram
            start += len(cell)


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    last: Span | None = None
    for span in spans:
        if last is not None and span.start < last.end:
            last = Span(last.start, max(last.end, span.end))
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


def _best_sentence(
    text: str, found: Sequence[tuple[Span, Sequence[str]]], matched: Matched
) -> Span | None:
    """Return the sentence whose different matched lexemes weigh most; of equals the shortest."""
    if not found:
        return None
    best, best_rank = None, (0.0, 0)
    left = iter(found)
    span, lexemes = next(left)
    for sentence in sentences(text):
        held: set[str] = set()
        while span.start < sentence.end:
            held.update(lexemes)
            span, lexemes = next(left, (Span(len(text), len(text)), ()))
        rank = (sum(matched.weights.get(lexeme, 1.0) for lexeme in held), -len_of(sentence))
        if held and (best is None or rank > best_rank):
            best, best_rank = sentence, rank
    return best


def len_of(span: Span) -> int:
    """Return how many characters a span covers."""
    return span.end - span.start
