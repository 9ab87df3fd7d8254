"""How a text is written, and where its pages begin."""

from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise

from embedhub.errors import InvalidInput, TooLarge

MAX_PAGES = 100_000


class DocumentFormat(StrEnum):
    """What a text's headings, lists and blocks are written in."""

    PLAIN = "plain"
    MARKDOWN = "markdown"
    CODE = "code"


def page_of(offset: int, page_starts: Sequence[int] | None) -> int | None:
    """Return the page, from 1, on which a character of a text stands; None without pages."""
    return max(1, bisect_right(page_starts, offset)) if page_starts else None


def parse_format(value: object, field: str) -> DocumentFormat | None:
    """Return the format named; None stays None. Raises InvalidInput."""
    if value is None:
        return None
    if not isinstance(value, str) or value not in list(DocumentFormat):
        raise InvalidInput(f"must be one of {', '.join(DocumentFormat)}", field)
    return DocumentFormat(value)


def parse_page_starts(value: object, n_chars: int, field: str) -> tuple[int, ...] | None:
    """Return where pages begin in a text of so many characters; raises InvalidInput, TooLarge."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(start) is int for start in value):
        raise InvalidInput("must be a list of whole numbers", field)
    if len(value) > MAX_PAGES:
        raise TooLarge(f"{len(value):,} pages; at most {MAX_PAGES:,} are accepted", field)
    ascending = all(before <= after for before, after in pairwise(value))
    if not value or value[0] != 0 or value[-1] > n_chars or not ascending:
        raise InvalidInput("must begin with 0, never fall, and stay within the text", field)
    return tuple(value)
