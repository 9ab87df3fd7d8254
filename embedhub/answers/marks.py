"""Marks [n] in a text that comes bit by bit; pure."""

from collections.abc import Iterator

from embedhub.answers.check import MARK

# A mark that is cut in two waits for its rest; nothing longer is one.
MAX_MARK_CHARS = 40


class MarkReader:
    """Tells each known number once, when its first mark is whole."""

    def __init__(self, known: set[int]) -> None:
        self._unseen = set(known)
        self._rest = ""

    def read(self, delta: str) -> Iterator[int]:
        """Yield the numbers that are named for the first time, in order."""
        text = self._rest + delta
        end = 0
        for mark in MARK.finditer(text):
            end = mark.end()
            for number in map(int, mark[1].split(",")):
                if number in self._unseen:
                    self._unseen.discard(number)
                    yield number
        opened = text.rfind("[", end)
        self._rest = text[opened:] if opened >= 0 and len(text) - opened < MAX_MARK_CHARS else ""
