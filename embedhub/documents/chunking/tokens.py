"""How many tokens any part of a text has, from one pass of the tokenizer over all of it."""

import re
import unicodedata
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

# Text is tokenised in windows, so that time and memory grow no faster than its length.
WINDOW_CHARS = 100_000
# Tokenizers may take quadratic time over a run without any boundary.
RUN_WITHOUT_BOUNDARY = re.compile(r"[^\s.!?。！？]{2000}")
SMALL_WINDOW_CHARS = 2_000
# A run without spaces can be a single unknown token; this keeps its passages short all the same.
MAX_CHARS_PER_TOKEN = 16

Offsets = NDArray[np.int64]


def count_tokens(text: str, tokenizer: Tokenizer) -> int:
    """Return how many tokens the text has, special tokens left out."""
    return len(tokenizer.encode_batch_fast([text], add_special_tokens=False)[0])


class TokenOffsets:
    """Where each token of a text begins."""

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        self.text = text
        parts = [np.empty(0, dtype=np.int64)]
        for start, end in _windows(text):
            encoding = tokenizer.encode(text[start:end], add_special_tokens=False)
            parts.append(np.array([begin + start for begin, _ in encoding.offsets], dtype=np.int64))
        self.starts: Offsets = np.concatenate(parts)

    def before(self, offsets: Offsets) -> Offsets:
        """Return how many tokens begin before each of the offsets: shape as given."""
        return np.searchsorted(self.starts, offsets)

    def count(self, start: int, end: int) -> int:
        """Return the size of a part in tokens, as `sizes` does."""
        n_tokens = int(self.starts.searchsorted(end) - self.starts.searchsorted(start))
        n_tokens += self.cuts_a_word(start)
        return max(n_tokens, -(-(end - start) // MAX_CHARS_PER_TOKEN))

    def cuts_a_word(self, offset: int) -> bool:
        """Say whether an offset lies within a run without white space."""
        return 0 < offset < len(self.text) and not (
            self.text[offset - 1].isspace() or self.text[offset].isspace()
        )

    def last_cut(self, start: int, capacity: int) -> int:
        """Return the largest offset behind `start` at which a part of that many tokens may end.

        At white space if there is any on the way, else between two tokens; never between a sign
        and the accents or joiners that follow it.
        """
        text, first = self.text, int(self.starts.searchsorted(start))
        limit = min(start + capacity * MAX_CHARS_PER_TOKEN, len(text))
        # One fewer where the part begins within a word: its first half-word counts as well.
        behind = first + max(capacity - self.cuts_a_word(start), 1)
        if behind < len(self.starts):
            limit = min(limit, int(self.starts[behind]))
        for cut in range(limit, start, -1):
            if limit == len(text) or text[cut - 1].isspace():
                return cut
        return character_boundary(text, start, max(limit, start + 1))


def character_boundary(text: str, lowest: int, offset: int) -> int:
    """Return the last offset not past this one where nothing combines with what comes before."""
    cut = offset
    while cut > lowest + 1 and cut < len(text) and unicodedata.category(text[cut])[0] in "MC":
        cut -= 1
    return cut


def _windows(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        size = WINDOW_CHARS
        if RUN_WITHOUT_BOUNDARY.search(text, start, start + size):
            size = SMALL_WINDOW_CHARS
        end = min(start + size, len(text))
        if end < len(text):
            end = _window_end(text, start + size // 2, end)
        yield start, end
        start = end


def _window_end(text: str, lowest: int, highest: int) -> int:
    for separator in ("\n", ". ", "。", " "):
        found = text.rfind(separator, lowest, highest)
        if found >= 0:
            return found + len(separator)
    return character_boundary(text, lowest, highest)
