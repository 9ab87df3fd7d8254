"""What a collection says of its chunking, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from embedhub.errors import InvalidInput

# Chosen by measurement, docs/chunking.md.
DEFAULT_MAX_TOKENS, MIN_MAX_TOKENS, MAX_MAX_TOKENS = 200, 16, 8_192
DEFAULT_OVERLAP_TOKENS = 0
DEFAULT_WINDOW_SENTENCES, MAX_WINDOW_SENTENCES = 2, 20
FIELDS = frozenset({"strategy", "max_tokens", "overlap_tokens", "window_sentences"})


class ChunkingStrategy(StrEnum):
    """How a document becomes passages: many short ones, single sentences, or one that is all."""

    PASSAGES = "passages"
    SENTENCE_WINDOW = "sentence_window"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Chunking:
    """A collection's chunking; the numbers matter to the strategies that split.

    `max_tokens` is the most one passage's own text may have. What the encoder reads besides it
    (title, headings, special tokens) comes on top, and passages get shorter where it would not
    fit: nothing of a passage stays unread. Neighbours of strategy passages share up to
    `overlap_tokens`. `window_sentences` is how many passages before and behind a sentence belong
    to its window, the parent that a search can return.
    """

    strategy: ChunkingStrategy = ChunkingStrategy.PASSAGES
    max_tokens: int = DEFAULT_MAX_TOKENS
    overlap_tokens: int = DEFAULT_OVERLAP_TOKENS
    window_sentences: int = DEFAULT_WINDOW_SENTENCES

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "Chunking":
        """Return the chunking a caller described; InvalidInput names the field that is wrong."""
        unknown = mapping.keys() - FIELDS
        if unknown:
            raise InvalidInput("unknown field", f"chunking.{min(map(str, unknown))}")
        strategy = mapping.get("strategy", ChunkingStrategy.PASSAGES)
        if strategy not in list(ChunkingStrategy):
            raise InvalidInput(f"must be one of {[*ChunkingStrategy]}", "chunking.strategy")
        is_windows = strategy == ChunkingStrategy.SENTENCE_WINDOW
        if "window_sentences" in mapping and not is_windows:
            raise InvalidInput(
                'is for strategy "sentence_window" alone', "chunking.window_sentences"
            )
        max_tokens = _whole_number(
            mapping, "max_tokens", DEFAULT_MAX_TOKENS, MIN_MAX_TOKENS, MAX_MAX_TOKENS
        )
        # More than half would repeat every sentence in three passages or more; windows overlap
        # by themselves.
        most = 0 if is_windows else max_tokens // 2
        overlap = _whole_number(mapping, "overlap_tokens", DEFAULT_OVERLAP_TOKENS, 0, most)
        window = _whole_number(
            mapping, "window_sentences", DEFAULT_WINDOW_SENTENCES, 0, MAX_WINDOW_SENTENCES
        )
        return cls(ChunkingStrategy(strategy), max_tokens, overlap, window)

    def as_mapping(self) -> dict[str, str | int]:
        """Return what from_mapping turns into an equal chunking."""
        mapping: dict[str, str | int] = {
            "strategy": self.strategy.value,
            "max_tokens": self.max_tokens,
            "overlap_tokens": self.overlap_tokens,
        }
        if self.strategy is ChunkingStrategy.SENTENCE_WINDOW:
            mapping["window_sentences"] = self.window_sentences
        return mapping


def _whole_number(
    mapping: Mapping[str, Any], key: str, default: int, lowest: int, highest: int
) -> int:
    number = mapping.get(key, default)
    if type(number) is not int or not lowest <= number <= highest:
        raise InvalidInput(f"must be a whole number from {lowest} to {highest}", f"chunking.{key}")
    return number
