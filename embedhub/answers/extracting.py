"""Chosen sentences as an answer with marks, and as citations of their exact ranges; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from embedhub.answers.check import MARK, Claim
from embedhub.answers.context import cite, place_of
from embedhub.answers.extract import ReadSentence, spoken
from embedhub.answers.passages import PageStarts, Place
from embedhub.answers.request import Citation, Context, Source
from embedhub.search.request import Span


def cite_first(context: Context, chosen: Sequence[ReadSentence]) -> Context:
    """Return the context with what the sentences cite in front, in their order, as [1], [2], ..."""
    cited = list(dict.fromkeys(_source_of(context, one).number for one in chosen))
    behind = [source.number for source in context.sources if source.number not in cited]
    sources = {source.number: source for source in context.sources}
    ordered = [
        replace(sources[old], number=new) for new, old in enumerate([*cited, *behind], start=1)
    ]
    return replace(context, sources=tuple(ordered))


def compose(context: Context, chosen: Sequence[ReadSentence]) -> tuple[str, list[Claim]]:
    """Return the answer's text and its sentences, each with the mark of its source."""
    text = ""
    found: list[Claim] = []
    for one in chosen:
        number = _source_of(context, one).number
        # What looks like one of our marks in a document is none.
        said = MARK.sub(lambda mark: f"[ {mark[1]} ]", spoken(one.text))
        start = len(text) + bool(text)
        text = f"{text} {said} [{number}]" if text else f"{said} [{number}]"
        found.append(Claim(Span(start, len(text)), said, (number,)))
    return text, found


def exact_citations(
    context: Context, chosen: Sequence[ReadSentence], pages: Mapping[Place, PageStarts]
) -> dict[int, Citation]:
    """Return for each cited number the range from its first chosen sentence to its last."""
    found: dict[int, list[ReadSentence]] = {}
    for one in chosen:
        found.setdefault(_source_of(context, one).number, []).append(one)
    sources = {source.number: source for source in context.sources}
    return {
        number: cite(
            sources[number],
            min(one.start for one in said),
            max(one.end for one in said),
            pages.get(place_of(sources[number])),
        )
        for number, said in found.items()
    }


def quotable(context: Context, sentences: Sequence[ReadSentence]) -> list[ReadSentence]:
    """Return the sentences that stand in one of the sources."""
    return [one for one in sentences if _find_source(context, one) is not None]


def _source_of(context: Context, sentence: ReadSentence) -> Source:
    source = _find_source(context, sentence)
    if source is None:
        raise LookupError("a sentence stands in no source")
    return source


def _find_source(context: Context, sentence: ReadSentence) -> Source | None:
    for source in context.sources:
        is_in = source.start <= sentence.start and sentence.end <= source.end
        if is_in and place_of(source) == sentence.passage.place:
            return source
    return None
