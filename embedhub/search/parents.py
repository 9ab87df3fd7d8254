"""The larger passage that a hit stands in, for whoever has to understand it: pure, and one read."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from embedhub.config import get_config
from embedhub.documents.chunking import Chunking, ChunkingStrategy
from embedhub.search.queries import parents as queries
from embedhub.search.queries.parents import Neighborhood, Relative
from embedhub.search.request import HitParent

# Passages are looked at so far before and behind a hit: enough for the budget of any but tiny ones.
REACH = 40


def parents_of(
    session: Session, *, workspace_id: int, collection_id: int, chunk_ids: Sequence[int]
) -> dict[int, HitParent]:
    """Return the parent passage of each chunk, which the caller must have found visible.

    It is a range of the text of the version that the chunk belongs to. Of single sentences it is
    the collection's window around them, else what stands under the same headings, as near as fits
    into `parent_tokens`.
    """
    found = queries.neighborhoods(
        session,
        workspace_id=workspace_id,
        collection_id=collection_id,
        chunk_ids=chunk_ids,
        reach=REACH,
    )
    budget = get_config().parent_tokens
    ranges: dict[int, tuple[int, int]] = {}
    for chunk_id, around in found.items():
        first, last = _ends(around, budget)
        ranges[chunk_id] = (first.start, last.end)
    texts = queries.texts(session, ranges)
    return {
        chunk_id: HitParent(texts[chunk_id], start, end, found[chunk_id].own.heading_path)
        for chunk_id, (start, end) in ranges.items()
    }


def _ends(around: Neighborhood, budget: int) -> tuple[Relative, Relative]:
    chunking = Chunking.from_mapping(around.chunking)
    if chunking.strategy is ChunkingStrategy.SENTENCE_WINDOW:
        return window(around.relatives, around.place, chunking.window_sentences)
    return section(around.relatives, around.place, budget)


def window(relatives: Sequence[Relative], place: int, reach: int) -> tuple[Relative, Relative]:
    """Return the first and the last passage of a window with so many on both sides of one."""
    return relatives[max(place - reach, 0)], relatives[min(place + reach, len(relatives) - 1)]


def section(relatives: Sequence[Relative], place: int, budget: int) -> tuple[Relative, Relative]:
    """Return the first and the last passage of what stands under one's headings, within a budget.

    It grows to both sides in turn; a passage alone may be larger than the budget of tokens.
    """
    own = relatives[place]
    first = last = place
    left = budget - own.n_tokens
    open_before = open_behind = True
    while open_before or open_behind:
        for step in (-1, 1):
            if not (open_before if step < 0 else open_behind):
                continue
            following = first - 1 if step < 0 else last + 1
            fits = (
                0 <= following < len(relatives)
                and relatives[following].heading_path == own.heading_path
                and relatives[following].n_tokens <= left
            )
            if fits:
                left -= relatives[following].n_tokens
                first, last = min(first, following), max(last, following)
            elif step < 0:
                open_before = False
            else:
                open_behind = False
    return relatives[first], relatives[last]
