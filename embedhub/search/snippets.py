"""Which words of a passage matched, and its best sentence: by the same analysis as the search."""

import itertools
import math
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

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


@dataclass(frozen=True, slots=True)
class Passage:
    """The part of a passage that is marked, and its pieces: by turns no word and a word."""

    text: str
    pieces: Sequence[str]

    @classmethod
    def of(cls, text: str) -> "Passage":
        """Return a passage taken apart."""
        text = text[:MAX_MARKED_CHARS]
        pattern = ASCII_WORD if text.isascii() else WORD
        return cls(text, pattern.split(text.replace("_", " ")))

    @property
    def words(self) -> set[str]:
        """Return its distinct words, as they are written."""
        words = set(self.pieces[1::2])
        return words if self.text.isascii() else {w for w in words if not UNSPACED.match(w)}


def words_of(text: str) -> set[str]:
    """Return the distinct words of the part of a passage that is marked, as they are written."""
    return Passage.of(text).words


def matching_words(
    words: Iterable[str], lexemes: Mapping[str, Sequence[str]], matched: Matched
) -> dict[str, list[str]]:
    """Return those words that match, each with the query's lexemes in it.

    `lexemes` maps the normalized form of every word to its lexemes.
    """
    are_apart = matched.weights.keys().isdisjoint
    found = {}
    for word in words:
        own = lexemes[word if word.isascii() else normalized(word)]
        if not are_apart(own):
            found[word] = [one for one in own if one in matched.weights]
    return found


def mark(passage: Passage, matching: Mapping[str, Sequence[str]], matched: Matched) -> Marked:
    """Return where a passage matched; `matching` comes from `matching_words`."""
    text, pieces = passage.text, passage.pieces
    places = [place for place, word in enumerate(pieces[1::2]) if word in matching]
    ends = list(itertools.accumulate(map(len, pieces))) if places else []
    found = [
        # The end of what stands before it, and its own.
        _Match(ends[2 * place], ends[2 * place + 1], matching[pieces[2 * place + 1]])
        for place in places
    ]
    if matched.grams:
        found += _grams(text, matched.grams)
        found.sort(key=lambda match: (match.start, match.end))
    return Marked(tuple(_merged(found)), _best_sentence(text, found, matched))


class _Match(NamedTuple):
    """A place that matched, and the query's lexemes or characters there."""

    start: int
    end: int
    lexemes: Sequence[str]


def normalized(word: str) -> str:
    """Return the word in the form that the analyser sees."""
    return word if word.isascii() else unicodedata.normalize("NFKC", word)


def normalized_all(words: set[str]) -> set[str]:
    """Return words in the form that the analyser sees; most of them are as they are written."""
    others = [word for word in words if not word.isascii()]
    return words.difference(others).union(map(normalized, others)) if others else words


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
    for start, end in itertools.pairwise([0, *_sentence_ends(text), len(text)]):
        found = _stripped(text, start, end)
        if found.start < found.end:
            yield found


def _sentence_ends(text: str) -> list[int]:
    return [match.end() for match in SENTENCE_END.finditer(text)]


def _stripped(text: str, start: int, end: int) -> Span:
    """Return a range without the space around it."""
    part = text[start:end]
    begin = end - len(part.lstrip())
    return Span(begin, begin + len(part.strip()))


def _grams(text: str, grams: frozenset[str]) -> Iterator[_Match]:
    for run in UNSPACED.finditer(text):
        cells = cells_of(run[0])
        start = run.start()
        for position, cell in enumerate(cells):
            pair = cell + cells[position + 1] if position + 1 < len(cells) else ""
            for gram in (cell, pair):
                if gram in grams:
                    yield _Match(start, start + len(gram), (gram,))
            start += len(cell)


def _merged(found: Sequence[_Match]) -> Iterator[Span]:
    """Yield the places that matched, in order, as one where they overlap."""
    if not found:
        return
    start, end, _ = found[0]
    for match in found:
        if match.start < end:
            end = max(end, match.end)
            continue
        yield Span(start, end)
        start, end, _ = match
    yield Span(start, end)


def _best_sentence(text: str, found: Sequence[_Match], matched: Matched) -> Span | None:
    """Return the sentence whose different matched lexemes weigh most; of equals the shortest."""
    ends = [*_sentence_ends(text), len(text)]
    held: dict[int, set[str]] = {}
    for match in found:
        held.setdefault(bisect_right(ends, match.start), set()).update(match.lexemes)
    best, best_rank = None, (0.0, 0)
    for place, lexemes in held.items():
        weight = math.fsum(matched.weights.get(lexeme, 1.0) for lexeme in lexemes)
        if best is not None and weight < best_rank[0]:
            continue
        sentence = _stripped(text, ends[place - 1] if place else 0, ends[place])
        rank = (weight, -len_of(sentence))
        if best is None or rank > best_rank:
            best, best_rank = sentence, rank
    return best


def len_of(span: Span) -> int:
    """Return how many characters a span covers."""
    return span.end - span.start
