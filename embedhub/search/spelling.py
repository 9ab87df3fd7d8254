"""Words that no document holds, and those close to them that some do.

Distances are Damerau's: a letter too many, too few, another one, or two neighbours swapped.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Shorter words have too many neighbours that mean something else.
MIN_LETTERS, MIN_LETTERS_FOR_TWO = 5, 9
MAX_LETTERS = 30
# A shorter word is near some rare word by chance: only a usual one was meant.
SURE_LETTERS, USUAL_ROWS = 7, 5
# Unknown words of one query that are tried.
MAX_TRIED = 4
# With two errors the first letters have to be right: they are what the index finds by.
PREFIX_LETTERS = 4
# A word that was guessed counts so much of what the same word counts as it was written.
WEIGHT_OF_ONE, WEIGHT_OF_TWO = 0.9, 0.7

ALPHABETS = {
    "LATIN": "abcdefghijklmnopqrstuvwxyz",
    "CYRILLIC": "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґ",
    "GREEK": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώ",
    "ARABIC": "ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئةى",
    "HEBREW": "אבגדהוזחטיכלמנסעפצקרשתךםןףץ",
}
ACCENTED = {
    "danish": "åæø", "dutch": "ëï", "finnish": "äö", "french": "àâçéèêëîïôœùû",
    "german": "äöüß", "hungarian": "áéíóöőúüű", "italian": "àèéìòù", "norwegian": "åæø",
    "portuguese": "ãâáàçéêíóôõú", "romanian": "ăâîșț", "spanish": "áéíñóúü", "swedish": "åäö",
    "turkish": "çğıöşü",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """A word that some rows hold, as it is written and as the index keeps it."""

    word: str
    lexeme: str
    place: int
    n_rows: int


def is_correctable(word: str) -> bool:
    """Return whether a word is looked at: letters alone, not too short."""
    return MIN_LETTERS <= len(word) <= MAX_LETTERS and word.isalpha()


def neighbours(word: str, configuration: str) -> Iterator[str]:
    """Yield the words at distance one, in no order; some twice."""
    alphabet = _alphabet(word, configuration)
    for at in range(len(word) + 1):
        head, tail = word[:at], word[at:]
        if tail:
            yield head + tail[1:]
            yield from (head + letter + tail[1:] for letter in alphabet)
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        yield from (head + letter + tail for letter in alphabet)


def _alphabet(word: str, configuration: str) -> str:
    script = unicodedata.name(word[0], "").split(" ")[0]
    letters = ALPHABETS.get(script, "")
    return letters + ACCENTED.get(configuration, "") if script == "LATIN" else letters


def best_neighbour(word: str, known: Iterable[Known]) -> Known | None:
    """Return which of the known words was meant: first letters are seldom wrong, then the usual."""
    return max(
        (
            one
            for one in known
            if one.word != word and (len(word) >= SURE_LETTERS or one.n_rows >= USUAL_ROWS)
        ),
        key=lambda one: (one.word[0] == word[0], one.n_rows, one.word),
        default=None,
    )


def best_within_two(lexeme: str, known: Iterable[Known]) -> Known | None:
    """Return the most usual known lexeme at distance two at most; None if there is none."""
    near = (
        one
        for one in known
        if abs(len(one.lexeme) - len(lexeme)) <= 2 and distance(lexeme, one.lexeme) <= 2
    )
    return max(near, key=lambda one: (one.n_rows, one.lexeme), default=None)


def distance(left: str, right: str) -> int:
    """Return how many errors lie between two words (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, letter in enumerate(left, start=1):
        last, before, row = before, row, [i]
        for j, other in enumerate(right, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == right[j - 2] and left[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
