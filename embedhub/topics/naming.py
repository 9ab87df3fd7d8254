"""Names of topics from the words of their rows: what they say more often than the others; pure."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from embedhub.search.analysis import UNSPACED, ngrams

# Of a text so much is read: what it is about stands at its beginning.
READ_CHARS = 2_000
MAX_WORD_CHARS = 40
WORDS_KEPT = 10
WORDS_OF_NAME = 3
CANDIDATES = 40
# How much a word's weight counts against its likeness to those before it.
WEIGHT = 0.7
# A word of fewer rows is one row's whim, unless a topic has few.
FEWEST_ROWS = 2
# A word is left out for a pair that so much of its rows say.
COVERED = 0.6
SHARED_START = 4

WORD = re.compile(r"[^\W_]+(?:['’+#.-](?=[^\W_]|[+#])[^\W_]*|[+#]+)*")


@dataclass(frozen=True, slots=True)
class Word:
    """A word or pair of words of a topic, as most of its rows write it; `score` is c-TF-IDF."""

    text: str
    score: float


def tokens(text: str) -> list[str]:
    """Return the words of a text as they are written; pairs of characters where none are spaced."""
    found = []
    for match in WORD.finditer(text[:READ_CHARS]):
        word = match.group().strip(".-'’")
        if UNSPACED.search(word):
            found += [pair for pair in ngrams(word) if len(pair) > 1]
        elif 1 < len(word) <= MAX_WORD_CHARS and not word.isdigit():
            found.append(word)
    return found


def vocabulary(documents: Sequence[Sequence[str]], at_most: int) -> list[str]:
    """Return the words that most documents hold, in small letters: those that may be stop words."""
    counts = Counter(word for document in documents for word in {one.lower() for one in document})
    return [word for word, _ in counts.most_common(at_most)]


def terms(document: Sequence[str], stop_words: AbstractSet[str]) -> Iterator[str]:
    """Yield the words of a document and its pairs of neighbours, without stop words."""
    before = None
    for word in document:
        if word.lower() in stop_words:
            before = None
            continue
        yield word
        if before is not None and before.lower() != word.lower():
            yield f"{before} {word}"
        before = word


def weigh(
    groups: Sequence[Sequence[Sequence[str]]], stop_words: AbstractSet[str]
) -> list[list[Word]]:
    """Return the words of each group of documents by c-TF-IDF, several apart in meaning (MMR).

    A word weighs its share in the group times log(1 + A / f) (Grootendorst 2022). A document counts
    each of its words once, so f counts documents with the word in all groups, and A is the mean
    number of documents in one: a word of every second document says nothing, stop word or not.
    """
    counted = [_count(group, stop_words) for group in groups]
    total: Counter[str] = Counter()
    for one in counted:
        total.update(one.rows)
    mean = sum(one.n for one in counted) / max(len(groups), 1)
    found = []
    for one in counted:
        fewest = FEWEST_ROWS if one.n >= 2 * FEWEST_ROWS else 1
        covered = one.covered()
        scored = [
            (rows / one.n * math.log(1 + mean / total[term]), term)
            for term, rows in one.rows.items()
            if rows >= fewest and term not in covered
        ]
        scored.sort(key=lambda pair: (-pair[0], pair[1]))
        found.append(_apart([(term, score) for score, term in scored[:CANDIDATES]], one))
    return found


def name_of(words: Sequence[Word], taken: AbstractSet[str], number: int) -> str:
    """Return a name of a topic that no other has; of one without words, its number."""
    for n in range(WORDS_OF_NAME, len(words) + 1):
        name = ", ".join(word.text for word in words[:n])
        if name not in taken:
            return name
    name = ", ".join(word.text for word in words[:WORDS_OF_NAME])
    return f"{name} ({number})" if name else f"Topic {number}"


@dataclass(frozen=True)
class _Counted:
    n: int
    # how many documents hold a term, and how they write it
    rows: Counter[str]
    written: dict[str, Counter[str]]

    def covered(self) -> set[str]:
        """Return the words that mostly stand in one pair: that says the same, and more."""
        return {
            word
            for term, n in self.rows.items()
            if " " in term
            for word in term.split()
            if n >= COVERED * self.rows[word]
        }


def _count(group: Sequence[Sequence[str]], stop_words: AbstractSet[str]) -> _Counted:
    rows: Counter[str] = Counter()
    written: dict[str, Counter[str]] = {}
    for document in group:
        held: dict[str, str] = {}
        for term in terms(document, stop_words):
            held.setdefault(term.lower(), term)
        rows.update(held.keys())
        for key, term in held.items():
            written.setdefault(key, Counter())[term] += 1
    return _Counted(len(group), rows, written)


def _apart(scored: Sequence[tuple[str, float]], counted: _Counted) -> list[Word]:
    """Return the best words by weight and unlikeness to those chosen before."""
    if not scored:
        return []
    left, chosen = dict(scored), list[str]()
    best = scored[0][1] or 1.0
    while left and len(chosen) < WORDS_KEPT:
        term = max(
            left,
            key=lambda one: (
                WEIGHT * left[one] / best
                - (1 - WEIGHT) * max((likeness(one, other) for other in chosen), default=0.0),
                one,
            ),
        )
        del left[term]
        # A form or a part of a word that stands there already says nothing more.
        if all(likeness(term, other) < 1 for other in chosen):
            chosen.append(term)
    scores = dict(scored)
    return [
        Word(counted.written[term].most_common(1)[0][0], round(scores[term], 6)) for term in chosen
    ]


def likeness(one: str, other: str) -> float:
    """Return how much two terms share: 1 where one is a form or a part of the other."""
    own, others = one.split(), other.split()
    alike = sum(any(is_form(word, second) for second in others) for word in own)
    back = sum(any(is_form(word, second) for second in own) for word in others)
    if alike == len(own) or back == len(others):
        return 1.0
    return max(alike / len(own), back / len(others))


def is_form(one: str, other: str) -> bool:
    """Say whether two words are forms of one: equal but for up to three letters at the end."""
    if one == other:
        return True
    n_shared = next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return n_shared >= SHARED_START and max(len(one), len(other)) - n_shared <= 3
