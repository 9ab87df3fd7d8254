"""What a search found, read against the question: passages, sentences, evidence, context."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy.orm import Session

from embedhub.access.caller import Caller
from embedhub.answers import queries
from embedhub.answers.checks import Limits
from embedhub.answers.context import CountTokens, pack
from embedhub.answers.encoding import token_counter, vectors_of
from embedhub.answers.evidence import (
    N_READ,
    PassageTraits,
    Traits,
    coverage,
    evidence,
    nearness,
)
from embedhub.answers.extract import ReadSentence
from embedhub.answers.likeness import held_share
from embedhub.answers.passages import (
    MAX_GAP,
    MAX_PASSAGE_CHARS,
    PageStarts,
    Passage,
    Place,
    stretches,
    units,
)
from embedhub.answers.request import AnswerRequest, Context
from embedhub.config import get_config
from embedhub.replica import service as replica
from embedhub.search.request import Group, Hit, Leg, Note, SearchRequest
from embedhub.search.service import search_collections
from embedhub.search.wording import Wording, read_wording
from embedhub.stopwatch import Stopwatch

# Sentences of one passage that are encoded, those with most of the question's words.
MAX_SENTENCES = 8
MIN_SENTENCE_WORDS = 3


@dataclass(frozen=True, slots=True)
class Found:
    """What a question found: `sentences` of the best passages, `context` of all that fit.

    `evidence` is 0 to 1; `encoders` names the encoder of each collection that has one.
    """

    request_id: uuid.UUID
    question: str
    sentences: Sequence[ReadSentence]
    context: Context
    evidence: float
    traits: Traits
    encoders: Mapping[str, str]
    pages: Mapping[Place, PageStarts]
    language: str | None
    complete: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """What one transaction read: passages by rank, and the wording of each collection."""

    passages: list[Passage]
    wordings: Mapping[str, Wording]
    encoders: Mapping[str, str]


def find(
    caller: Caller,
    slugs: Sequence[str],
    request: AnswerRequest,
    limits: Limits,
    watch: Stopwatch,
) -> Found:
    """Search the collections for a question and read what was found; no transaction stays open."""
    with watch.part("search"):
        result = search_collections(caller, slugs, _search(request))
    with watch.part("read"):
        read = replica.read(lambda session: _read(session, caller, request, result.hits, slugs))
    chosen = to_read(read.passages, limits.max_citations)
    with watch.part("encode"):
        sentences = _sentences(request.question, chosen, read)
    traits = [traits_of(request.question, slug, sentences, read) for slug in slugs]
    best = max(traits, key=evidence)
    count: CountTokens = token_counter(read.encoders.get(slugs[0]))
    return Found(
        request_id=result.request_id,
        question=request.question,
        sentences=sentences,
        context=pack(read.passages, count, limits.context_tokens),
        evidence=evidence(best) if sentences else 0.0,
        traits=best,
        encoders=read.encoders,
        pages={passage.place: passage.page_starts for passage in read.passages},
        language=request.language,
        complete=result.complete,
        notes=result.notes,
    )


def _search(request: AnswerRequest) -> SearchRequest:
    config = get_config()
    return SearchRequest(
        query=request.question,
        limit=min(config.answer_passages, config.max_limit),
        filter=request.filter,
        group=Group.CHUNK,
        highlight=False,
        language=request.language,
        weights=request.weights,
        operators=False,
    )


def _read(
    session: Session,
    caller: Caller,
    request: AnswerRequest,
    hits: Sequence[Hit],
    slugs: Sequence[str],
) -> _Read:
    places = queries.chunk_places(
        session,
        workspace_id=caller.workspace_id,
        chunk_ids=[hit.chunk.id for hit in hits],
        collection_ids=caller.collection_ids,
        principals=caller.principals,
        n_tail=MAX_GAP,
    )
    found = [
        passage_of(hit.document.collection or slugs[0], hit, places[hit.chunk.id], rank)
        for rank, hit in enumerate(hits)
        if hit.chunk.id in places
    ]
    wordings = {
        slug: read_wording(
            session,
            workspace_id=caller.workspace_id,
            slug=slug,
            weighed=request.question,
            texts=[
                text
                for passage in found
                if passage.collection == slug
                for text in (passage.title, passage.text)
            ],
            language=request.language,
        )
        for slug in slugs
    }
    encoders = queries.live_encoders(session, workspace_id=caller.workspace_id, slugs=slugs)
    narrow = [part for passage in found for part in narrowed(passage, wordings[passage.collection])]
    return _Read(narrow, wordings, encoders)


def passage_of(slug: str, hit: Hit, place: queries.ChunkPlace, rank: int) -> Passage:
    """Return a hit as a passage of the stored version that it was found in."""
    legs = () if hit.explain is None else hit.explain.legs
    return Passage(
        collection=slug,
        document_id=hit.document.id,
        external_id=hit.document.external_id,
        title=hit.document.title,
        url=hit.document.url,
        metadata=hit.document.metadata,
        version=place.version,
        start=place.start,
        end=place.end,
        text=hit.chunk.text,
        heading=place.heading,
        page_starts=place.page_starts,
        score=hit.score,
        cosine=next((leg.score for leg in legs if leg.leg is Leg.DENSE), None),
        rank=rank,
        tail=place.tail,
    )


def narrowed(passage: Passage, wording: Wording) -> Iterator[Passage]:
    """Yield the passage, or of a very long one the two stretches with most of the question."""
    if len(passage.text) <= MAX_PASSAGE_CHARS:
        yield passage
        return
    parts = [passage.part(span) for span in stretches(passage.text)]
    parts.sort(key=lambda part: -coverage(wording.idf, wording.of(part.text)))
    yield from sorted(parts[:2], key=lambda part: part.start)


def to_read(passages: Sequence[Passage], n_documents: int) -> list[Passage]:
    """Return the passages that are read sentence by sentence.

    They are the best ones, and the best of further documents until as many as may be cited.
    """
    chosen = list(passages[:N_READ])
    seen = {passage.document_id for passage in chosen}
    for passage in passages[N_READ:]:
        if len(seen) >= n_documents:
            break
        if passage.document_id not in seen:
            seen.add(passage.document_id)
            chosen.append(passage)
    return chosen


def _sentences(question: str, passages: Sequence[Passage], read: _Read) -> list[ReadSentence]:
    found: list[ReadSentence] = []
    for passage in passages:
        wording = read.wordings[passage.collection]
        held = coverage(wording.idf, wording.of(passage.title) | wording.of(passage.text))
        sentences = [
            ReadSentence(
                passage,
                span,
                coverage(wording.idf, wording.of(passage.text[span.start : span.end])),
                held,
            )
            for span in units(passage.text)
            if len(wording.sequence(passage.text[span.start : span.end])) >= MIN_SENTENCE_WORDS
        ]
        sentences.sort(key=lambda one: -one.words)
        found += sentences[:MAX_SENTENCES]
    return _with_cosines(question, found, read.encoders)


def _with_cosines(
    question: str, sentences: Sequence[ReadSentence], encoders: Mapping[str, str]
) -> list[ReadSentence]:
    done: list[ReadSentence] = []
    for encoder in dict.fromkeys(encoders.get(one.passage.collection) for one in sentences):
        own = [one for one in sentences if encoders.get(one.passage.collection) == encoder]
        vectors = vectors_of(encoder, question, [one.text for one in own])
        if vectors is None:
            done += own
            continue
        asked, told = vectors
        cosines: list[float] = np.asarray(told @ asked, dtype=np.float64).tolist()
        done += [replace(one, cosine=cosine) for one, cosine in zip(own, cosines, strict=True)]
    return done


def traits_of(
    question: str,
    slug: str,
    sentences: Sequence[ReadSentence],
    found: _Read,
) -> Traits:
    """Return what the best passages of one collection have of an answer."""
    wording = found.wordings[slug]
    asked = wording.sequence(question)
    own = [passage for passage in found.passages if passage.collection == slug]
    read: list[PassageTraits] = []
    for passage in own[:N_READ]:
        told = [one for one in sentences if one.passage is passage]
        if not told:
            continue
        best = max(told, key=lambda one: one.words + (one.cosine or 0.0))
        read.append(
            PassageTraits(
                words=held_share(wording.idf, wording.of(passage.title) | wording.of(passage.text)),
                near=nearness(asked, wording.sequence(f"{passage.title} {passage.text}")),
                sentence_words=best.words,
                sentence_cosine=best.cosine,
            )
        )
    return Traits(tuple(read), len(wording.idf))
