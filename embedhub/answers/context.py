"""Passages packed into the sources of an answer, within a budget of tokens; pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from embedhub.answers.passages import MAX_GAP, PageStarts, Passage, Place, page_of
from embedhub.answers.request import Citation, Context, Source

CountTokens = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Passages of one stored version that overlap or follow each other, as one range."""

    first: Passage
    end: int
    text: str
    tail: str
    rank: int
    score: float

    @property
    def start(self) -> int:
        """Return where in the version's text it begins."""
        return self.first.start


def pack(passages: Sequence[Passage], count_tokens: CountTokens, budget: int) -> Context:
    """Return the sources that fit: by document, the best first, each in the order of its text.

    Passages are taken from the best on; one that does not fit is left out, smaller ones behind it
    may still fit. Overlapping and neighbouring ones become one source, the same text twice counts
    once. The best passage is always in, cut if need be.
    """
    taken: list[Passage] = []
    texts: set[str] = set()
    left = budget
    for passage in sorted(passages, key=lambda one: one.rank):
        plain = " ".join(passage.text.split())
        if plain in texts:
            continue
        cost = count_tokens(f"{passage.title} {passage.heading} {passage.text}")
        if cost <= left:
            taken.append(passage)
        elif not taken:
            taken.append(cut(passage, count_tokens, left))
            cost = left
        else:
            continue
        texts.add(plain)
        left -= cost
    sources = [source_of(number, one) for number, one in enumerate(in_order(join(taken)), start=1)]
    return Context(tuple(sources), budget - left)


def cut(passage: Passage, count_tokens: CountTokens, budget: int) -> Passage:
    """Return the beginning of a passage that fits into so many tokens."""
    tokens = max(1, count_tokens(passage.text))
    n_chars = max(1, len(passage.text) * budget // tokens)
    text = passage.text[:n_chars]
    return replace(passage, text=text, end=passage.start + len(text))


def join(passages: Sequence[Passage]) -> list[Stretch]:
    """Return the passages with overlapping and neighbouring ones of a version made one."""
    found: list[Stretch] = []
    for passage in sorted(passages, key=lambda one: (one.place, one.start, one.end)):
        if found and is_joined(found[-1], passage):
            found[-1] = joined(found[-1], passage)
        else:
            alone = (passage.end, passage.text, passage.tail, passage.rank, passage.score)
            found.append(Stretch(passage, *alone))
    return found


def is_joined(before: Stretch, passage: Passage) -> bool:
    """Return whether a passage overlaps what stands before it, or only space lies between."""
    gap = passage.start - before.end
    between = before.tail[: max(0, gap)]
    return (
        before.first.place == passage.place
        and gap <= MAX_GAP
        and (gap <= 0 or (len(between) == gap and between.isspace()))
    )


def joined(before: Stretch, passage: Passage) -> Stretch:
    """Return a stretch with a passage that begins in it or right behind it."""
    rank, score = min(before.rank, passage.rank), max(before.score, passage.score)
    if passage.end <= before.end:
        return replace(before, rank=rank, score=score)
    between = before.tail[: max(0, passage.start - before.end)]
    text = before.text + between + passage.text[max(0, before.end - passage.start) :]
    return Stretch(before.first, passage.end, text, passage.tail, rank, score)


def in_order(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Return the stretches by document, the one with the best passage first, then by offset."""
    best: dict[int, int] = {}
    for one in stretches:
        ident = one.first.document_id
        best[ident] = min(best.get(ident, one.rank), one.rank)
    return sorted(stretches, key=lambda one: (best[one.first.document_id], one.start))


def source_of(number: int, stretch: Stretch) -> Source:
    """Return a stretch as the source of a number."""
    first = stretch.first
    return Source(
        number=number,
        collection=first.collection,
        external_id=first.external_id,
        title=first.title,
        url=first.url,
        metadata=first.metadata,
        version=first.version,
        start=stretch.start,
        end=stretch.end,
        text=stretch.text,
        page=page_of(first.page_starts, stretch.start),
        heading=first.heading,
        score=stretch.score,
    )


def place_of(source: Source) -> Place:
    """Return which stored version a source is of."""
    return source.collection, source.external_id, source.version


def cite(source: Source, start: int, end: int, page_starts: PageStarts) -> Citation:
    """Return a range of a source as its citation; offsets are the version's."""
    return Citation(
        number=source.number,
        collection=source.collection,
        external_id=source.external_id,
        title=source.title,
        url=source.url,
        version=source.version,
        start=start,
        end=end,
        text=source.text[start - source.start : end - source.start],
        page=page_of(page_starts, start),
    )
