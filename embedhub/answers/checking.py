"""An answer held against its sources, sentence by sentence: by words and by meaning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from embedhub.access.caller import Caller
from embedhub.answers.check import Claim, is_supported, shared_words
from embedhub.answers.context import cite, place_of
from embedhub.answers.encoding import text_vectors
from embedhub.answers.extract import says, spoken
from embedhub.answers.passages import units
from embedhub.answers.polarity import is_denied, stance
from embedhub.answers.reading import Found
from embedhub.answers.request import CheckedSentence, Citation, Context, Source
from embedhub.encoders import SUPPLIED
from embedhub.replica import service as replica
from embedhub.search.request import Span
from embedhub.search.wording import Wording, read_wording

# Sentences of the cited sources that one sentence of an answer is compared with in meaning.
MAX_COMPARED = 6
# A sentence that shares about as much with it as the nearest one may be what it is drawn from.
MIN_AS_NEAR = 0.8


@dataclass(frozen=True, slots=True)
class Checked:
    """The sentences of an answer, checked, and what they cite, by number."""

    sentences: tuple[CheckedSentence, ...]
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """A sentence of a source, with its lexemes; the span is the source text's."""

    source: Source
    span: Span
    held: frozenset[str]

    @property
    def text(self) -> str:
        return self.source.text[self.span.start : self.span.end]


@dataclass(slots=True)
class _Held:
    """A claim beside what it cites."""

    claim: Claim
    cited: list[Source]
    words: float
    is_verbatim: bool
    is_denied: bool
    nearest: list[_Part] = field(default_factory=list)


def check_answer(
    caller: Caller,
    found: Found,
    context: Context,
    claims: Sequence[Claim],
    known: Mapping[int, Citation],
) -> Checked:
    """Return every sentence of an answer held against what it cites, and the citations.

    `known` are citations whose ranges are exact already; of others the range is that of the
    sentences which back most. One transaction for the words, and one encoding.
    """
    by_number = {source.number: source for source in context.sources}
    wordings = _wordings(caller, found, context, claims)
    parts = {
        number: [
            _Part(source, span, _of(wordings, source, source.text[span.start : span.end]))
            for span in units(source.text)
        ]
        for number, source in by_number.items()
        if any(number in claim.numbers for claim in claims)
        or any(not claim.numbers for claim in claims)
    }
    held = [_hold(claim, by_number, wordings, parts) for claim in claims]
    cosines = _cosines(found, held)
    sentences = tuple(
        CheckedSentence(
            span=one.claim.span,
            citations=tuple(n for n in one.claim.numbers if n in by_number),
            is_supported=is_supported(
                cites=any(n in by_number for n in one.claim.numbers),
                words=one.words,
                cosine=cosine,
                says=one.claim.text,
                cited="\n".join(source.text for source in one.cited),
                is_denied=one.is_denied,
            ),
            lexical=one.words,
            semantic=cosine,
        )
        for one, cosine in zip(held, cosines, strict=True)
    )
    numbers = dict.fromkeys(number for one in sentences for number in one.citations)
    citations = tuple(
        known.get(number) or _citation(by_number[number], held, found) for number in sorted(numbers)
    )
    return Checked(sentences, citations)


def _wordings(
    caller: Caller, found: Found, context: Context, claims: Sequence[Claim]
) -> dict[str, Wording]:
    said = "\n".join(claim.text for claim in claims)
    by_slug: dict[str, list[str]] = {}
    for source in context.sources:
        by_slug.setdefault(source.collection, []).append(source.text)
    return replica.read(
        lambda session: {
            slug: read_wording(
                session,
                workspace_id=caller.workspace_id,
                slug=slug,
                weighed=said,
                texts=texts,
                language=found.language,
            )
            for slug, texts in by_slug.items()
        }
    )


def _of(wordings: Mapping[str, Wording], source: Source, text: str) -> frozenset[str]:
    return wordings[source.collection].of(text)


def _hold(
    claim: Claim,
    by_number: Mapping[int, Source],
    wordings: Mapping[str, Wording],
    parts: Mapping[int, Sequence[_Part]],
) -> _Held:
    cited = [by_number[number] for number in claim.numbers if number in by_number]
    if not cited:
        cited = list(by_number.values())
    wording = wordings[cited[0].collection]
    said = wording.of(claim.text)
    told = frozenset[str]().union(
        *(part.held for source in cited for part in parts.get(source.number, ()))
    )
    is_verbatim = any(says(source.text, claim.text) for source in cited)
    words = 1.0 if is_verbatim else shared_words(wording.idf, said, told)
    nearest = sorted(
        (part for source in cited for part in parts.get(source.number, ())),
        key=lambda part: -len(said & part.held),
    )
    denied = _is_denied(claim, said, nearest, wording)
    return _Held(claim, cited, words, is_verbatim, denied, nearest[:MAX_COMPARED])


def _is_denied(
    claim: Claim, said: frozenset[str], nearest: Sequence[_Part], wording: Wording
) -> bool:
    """Return whether the cited sentences that share most with a claim say the opposite.

    A claim that is one of them as it stands is not denied by it: what a quotation leaves away may.
    """
    most = len(said & nearest[0].held) if nearest else 0
    if not most or any(spoken(part.text) == spoken(claim.text) for part in nearest):
        return False
    cited = [part for part in nearest if len(said & part.held) >= MIN_AS_NEAR * most]
    stances = [stance(part.text, wording.of) for part in cited[:MAX_COMPARED]]
    return is_denied(stance(claim.text, wording.of), stances, wording.idf)


def _cosines(found: Found, held: Sequence[_Held]) -> list[float | None]:
    """Return for each claim the cosine to the nearest sentence cited; None if nothing encodes."""
    encoders = dict.fromkeys(found.encoders.get(one.cited[0].collection) for one in held)
    done: dict[int, float] = {}
    for encoder in encoders:
        own = [
            (place, one)
            for place, one in enumerate(held)
            if found.encoders.get(one.cited[0].collection) == encoder
        ]
        told = [one for _, one in own if not one.is_verbatim and one.nearest]
        texts = [text for one in told for text in (one.claim.text, *(p.text for p in one.nearest))]
        vectors = text_vectors(encoder, texts)
        start = 0
        for place, one in own:
            if one.is_verbatim and encoder not in {None, SUPPLIED}:
                done[place] = 1.0
            elif vectors is not None and one.nearest:
                end = start + 1 + len(one.nearest)
                rows = np.asarray(vectors[start:end], dtype=np.float64)
                done[place] = float((rows[1:] @ rows[0]).max())
                start = end
    return [done.get(place) for place in range(len(held))]


def _citation(source: Source, held: Sequence[_Held], found: Found) -> Citation:
    # The nearest come first: those that hold most of what is said.
    backing = [
        next((part.span for part in one.nearest if part.source is source), None)
        for one in held
        if source.number in one.claim.numbers
    ]
    backed = [span for span in backing if span is not None]
    start = min((span.start for span in backed), default=0)
    end = max((span.end for span in backed), default=len(source.text))
    pages = found.pages.get(place_of(source))
    return cite(source, source.start + start, source.start + end, pages)
