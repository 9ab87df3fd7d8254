"""Two texts beside each other, word by word: what both have, and what one has alone; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby

# Of a long text the beginning is compared: the rest is one tail.
MAX_WORDS = 4_000
# Words on each side of a change that are shown where much is the same.
SHOWN_AROUND = 40
CUT = " … "


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of a text: in both, or in this one alone; `is_number` where a number differs."""

    text: str
    is_changed: bool
    is_number: bool = False


def word_diff(left: str, right: str) -> tuple[list[Piece], list[Piece]]:
    """Return the pieces of both texts; long runs that are the same are cut in the middle.

    Case counts, spaces do not.
    """
    ours, theirs = left.split()[:MAX_WORDS], right.split()[:MAX_WORDS]
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    lefts = [(tag != "equal", ours[a:b]) for tag, a, b, _, _ in blocks]
    rights = [(tag != "equal", theirs[a:b]) for tag, _, _, a, b in blocks]
    return _pieces(lefts), _pieces(rights)


def _pieces(runs: Sequence[tuple[bool, Sequence[str]]]) -> list[Piece]:
    found: list[Piece] = []
    last = len(runs) - 1
    for place, (is_changed, words) in enumerate(runs):
        if is_changed:
            found += _changed(words)
        elif words:
            found.append(Piece(_cut(words, is_first=place == 0, is_last=place == last), False))
    return found


def _changed(words: Sequence[str]) -> Iterator[Piece]:
    for is_number, run in groupby(words, key=lambda word: any(map(str.isdigit, word))):
        yield Piece(" ".join(run), is_changed=True, is_number=is_number)


def _cut(words: Sequence[str], *, is_first: bool, is_last: bool) -> str:
    if len(words) <= 2 * SHOWN_AROUND or (is_first and is_last):
        return " ".join(words)
    begin = [] if is_first else words[:SHOWN_AROUND]
    end = [] if is_last else words[-SHOWN_AROUND:]
    return " ".join(begin) + CUT + " ".join(end)
