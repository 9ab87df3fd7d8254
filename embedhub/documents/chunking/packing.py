"""Pieces of a text packed into passages: as few and as full as may be, parted where it hurts least.

Of all ways to part the next few passages the one with the smallest sum is taken: one for each, up
to one for what it leaves empty, and the price of the place where it begins. So a passage of 250
tokens becomes two of 125 rather than one of 200 and a scrap, and a heading stands with what it
heads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedhub.documents.chunking.pieces import Block, Break, Kind, Piece
from embedhub.documents.chunking.tokens import MAX_CHARS_PER_TOKEN, TokenOffsets

# The price of beginning a passage at each kind of place; chosen as docs/chunking.md tells.
PRICES = {
    Break.BLOCK: 0.0,
    Break.LINE: 0.04,
    Break.ITEM: 0.08,
    Break.SENTENCE: 0.15,
    Break.WORD: 0.5,
}
# A heading is a good place to begin, the higher the better.
HEADING_PRICE, PRICE_OF_LEVEL, DEEPEST_LEVEL = -0.2, 0.025, 8
# For each step of indent: better between two definitions than inside one.
PRICE_OF_DEPTH, DEEPEST = 0.03, 8
# Lists, tables and fenced code that fit into one passage: dearer to part than a passage more.
KEPT_TOGETHER = 3.0
KEPT_KINDS = (Kind.LIST, Kind.TABLE, Kind.FENCED)
# What introduces something: "For example:".
LEAD_IN_PRICE = 0.1
# A heading never closes a passage where anything else is possible.
HEADING_AT_END = 6.0
# How far is looked before it is settled where a passage ends.
PASSAGES_AHEAD = 4

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Packable:
    """Pieces none of which is too large, with the price of beginning a passage at each."""

    pieces: Sequence[Piece]
    prices: Sequence[float]
    is_heading: Sequence[bool]


def packable(blocks: Sequence[Block], tokens: TokenOffsets, capacity: int) -> Packable:
    """Return the blocks' pieces with their prices, long ones cut to the capacity."""
    pieces: list[Piece] = []
    prices: list[float] = []
    is_heading: list[bool] = []
    for block in blocks:
        fits = (
            block.kind in KEPT_KINDS
            and tokens.count(block.pieces[0].start, block.pieces[-1].end) <= capacity
        )
        kept = KEPT_TOGETHER if fits else 0.0
        for whole in block.pieces:
            for piece in _cut_to(whole, tokens, capacity):
                price = _price(block.kind, piece)
                if piece.begins is not Break.BLOCK:
                    price += kept
                elif pieces and tokens.text[pieces[-1].end - 1] == ":":
                    price += LEAD_IN_PRICE
                pieces.append(piece)
                prices.append(price)
                is_heading.append(block.kind is Kind.HEADING)
    return Packable(pieces, prices, is_heading)


def pack(
    packed: Packable, tokens: TokenOffsets, *, capacity: int, overlap: int
) -> list[tuple[int, int]]:
    """Return (first piece shown, piece behind the last) of each passage.

    A passage shows whole pieces of the one before, up to `overlap` tokens of them. Where one ends
    follows from the text a few passages ahead, so that an edit changes the passages around it only.
    """
    packer = _Packer(packed, tokens, capacity, overlap)
    passages = []
    first = 0
    while first < len(packed.pieces):
        last = packer.end_of_passage(first)
        passages.append((packer.shown_from(first), last))
        first = last
    return passages


class _Packer:
    """Finds where a passage that begins with a given piece had best end."""

    def __init__(self, packed: Packable, tokens: TokenOffsets, capacity: int, overlap: int) -> None:
        self.n_pieces = len(packed.pieces)
        self.capacity = capacity
        self.sizes = _Sizes(packed.pieces, tokens)
        self.prices = packed.prices
        self._shown = _shown_from(packed, self.sizes, overlap)
        self._at_end = np.zeros(self.n_pieces)
        self._at_end[:-1] = [HEADING_AT_END if one else 0.0 for one in packed.is_heading[:-1]]

    def shown_from(self, first: int) -> int:
        """Return from which piece on a passage shows text: its own first one, or some before it."""
        shown = self._shown[first]
        # With what would be repeated not even one piece may fit.
        return shown if self.sizes.last_fitting(shown, self.capacity) > first else first

    def end_of_passage(self, first: int) -> int:
        """Return the piece behind the last one, by the cheapest way to part what lies ahead."""
        horizon = self.sizes.last_fitting(first, self.capacity * PASSAGES_AHEAD)
        horizon = max(horizon, first + 1)
        best = np.full(horizon - first + 1, np.inf)
        best[0] = 0.0
        came_from = np.zeros(len(best), dtype=np.int64)
        for begin in range(first, horizon):
            shown = self.shown_from(begin)
            last = min(max(self.sizes.last_fitting(shown, self.capacity), begin + 1), horizon)
            size = self.sizes.between(shown, begin + 1, last)
            empty = (1 - size / self.capacity).clip(min=0)
            costs = best[begin - first] + 1 + self.prices[begin] + empty**2
            costs += self._at_end[begin:last]
            reached = slice(begin + 1 - first, last + 1 - first)
            is_better = costs < best[reached]
            best[reached][is_better] = costs[is_better]
            came_from[reached][is_better] = begin - first
        end = horizon - first if horizon == self.n_pieces else self._cheapest(best, first)
        while came_from[end]:
            end = int(came_from[end])
        return first + end

    def _cheapest(self, best: Numbers, first: int) -> int:
        """Return the end near the horizon with the best price for the text covered.

        What begins behind it is part of the price, so that it does not lie within a table.
        """
        covered = self.sizes.between(first, first + 1, first + len(best) - 1) / self.capacity
        is_near = covered >= covered[-1] - 1
        behind = np.array(self.prices[first + 1 : first + len(best)])
        return 1 + int(np.argmin(np.where(is_near, best[1:] - covered + behind, np.inf)))


class _Sizes:
    """How large any stretch of pieces is, in tokens."""

    def __init__(self, pieces: Sequence[Piece], tokens: TokenOffsets) -> None:
        self.starts: Counts = np.array([piece.start for piece in pieces], dtype=np.int64)
        self.ends: Counts = np.array([piece.end for piece in pieces], dtype=np.int64)
        halves = [tokens.cuts_a_word(piece.start) for piece in pieces]
        self._before = tokens.before(self.starts) - np.array(halves, dtype=np.int64)
        self._through = tokens.before(self.ends)

    def between(self, first: int, least: int, most: int) -> Counts:
        """Return the sizes from a piece on to before each of the pieces `least` to `most`."""
        behind = slice(least - 1, most)
        n_tokens = self._through[behind] - self._before[first]
        n_chars = self.ends[behind] - self.starts[first]
        sizes: Counts = np.maximum(n_tokens, -(-n_chars // MAX_CHARS_PER_TOKEN))
        return sizes

    def last_fitting(self, first: int, capacity: int) -> int:
        """Return the piece before which a stretch from `first` on must end at the latest."""
        by_tokens = np.searchsorted(self._through, self._before[first] + capacity, side="right")
        longest = self.starts[first] + capacity * MAX_CHARS_PER_TOKEN
        by_chars = np.searchsorted(self.ends, longest, side="right")
        return int(min(by_tokens, by_chars))


def _shown_from(packed: Packable, sizes: _Sizes, overlap: int) -> list[int]:
    """Return for each piece, were it the first of a passage, from which piece on it would show."""
    shown = list(range(len(packed.pieces)))
    if not overlap:
        return shown
    lowest = 0
    for place in range(1, len(shown)):
        if packed.is_heading[place]:
            # What belongs to the section before is not repeated in this one.
            lowest = place
        while lowest < place and sizes.between(lowest, place, place)[0] > overlap:
            lowest += 1
        shown[place] = lowest
    return shown


def _price(kind: Kind, piece: Piece) -> float:
    if kind is Kind.HEADING and piece.begins is Break.BLOCK:
        return HEADING_PRICE + PRICE_OF_LEVEL * min(piece.depth, DEEPEST_LEVEL)
    price = PRICES[piece.begins]
    if piece.begins in {Break.BLOCK, Break.LINE, Break.ITEM}:
        price += PRICE_OF_DEPTH * min(piece.depth, DEEPEST)
    return price


def _cut_to(piece: Piece, tokens: TokenOffsets, capacity: int) -> list[Piece]:
    """Return the piece in parts that fit, each but the first beginning in mid-sentence."""
    parts = []
    start, begins = piece.start, piece.begins
    while tokens.count(start, piece.end) > capacity:
        cut = tokens.last_cut(start, capacity)
        if cut >= piece.end:
            break
        end = start + len(tokens.text[start:cut].rstrip())
        parts.append(Piece(start, end, begins, piece.depth))
        begins = Break.WORD
        rest = tokens.text[cut : piece.end]
        start = cut + len(rest) - len(rest.lstrip())
    parts.append(Piece(start, piece.end, begins, piece.depth))
    return parts
