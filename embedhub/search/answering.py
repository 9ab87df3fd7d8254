"""One search within its snapshot: legs run, a page ranked, its hits shown."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from embedhub.search.candidates import Source
from embedhub.search.cursor import fingerprint, read_cursor, write_cursor
from embedhub.search.groundwork import Groundwork, lay, lay_ahead, still_holds
from embedhub.search.hits import UNMARKED, make_hit, mark_texts
from embedhub.search.legs import BM25, with_scanned_rows
from embedhub.search.lexical import Term
from embedhub.search.pages import Page, Progress, Ranker, ScoresWanted
from embedhub.search.parents import parents_of
from embedhub.search.queries import hydration
from embedhub.search.queries.hydration import ShownChunk
from embedhub.search.question import EncoderKey, Question, Search, wanted_encoder, with_vectors
from embedhub.search.ranking import service as ranking
from embedhub.search.request import (
    INCOMPLETE,
    Hit,
    HitContext,
    HitParent,
    Leg,
    Note,
    SearchResult,
    Took,
)
from embedhub.search.snippets import Marked
from embedhub.stopwatch import Stopwatch


@dataclass(frozen=True, slots=True)
class EncodersWanted:
    """The encoder of each collection, of which one was not known: the search begins again."""

    by_slug: Mapping[str, EncoderKey]


@dataclass(frozen=True, slots=True)
class ToScore:
    """Passages that a reranker scores before the search begins again."""

    question: Question
    passages: dict[int, str]


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer, and what was asked of each collection."""

    questions: tuple[Question, ...]
    result: SearchResult


Outcome = EncodersWanted | ToScore | Answered


def begin(session: Session, *, search: Search, progress: Progress) -> Outcome | None:
    """Lay the groundwork of a search whose queries are being encoded; never waits for these.

    Returns what `answer` does where they are encoded by then, else None: the groundwork is kept.
    """
    ground = lay_ahead(session, search=search)
    progress.ground = ground
    return _answer_on(session, ground, search, progress) if search.is_encoded else None


def answer(session: Session, *, search: Search, progress: Progress) -> Outcome:
    """Return the answer, or what it takes to begin again: encoders for the query, or scores.

    The queries must be encoded by now.
    """
    ground = progress.ground
    if ground is None or not still_holds(session, ground):
        ground = lay(session, search)
    return _answer_on(session, ground, search, progress)


def _answer_on(session: Session, ground: Groundwork, search: Search, progress: Progress) -> Outcome:
    if not search.encoded.keys() >= set(ground.encoders.values()):
        return EncodersWanted(ground.encoders)
    sources = [_with_vectors(session, source, search) for source in ground.sources]
    try:
        result = _answer(session, sources, ground.notes, search, progress)
    except ScoresWanted as scores:
        (source,) = sources
        shown = _shown(session, source.question, scores.chunk_ids)
        passages = {key: ranking.passage_of(chunk) for key, chunk in shown.items()}
        return ToScore(source.question, passages)
    return Answered(tuple(source.question for source in sources), result)


def _with_vectors(session: Session, source: Source, search: Search) -> Source:
    key = wanted_encoder(search.asked.request, source.spaces)
    encoded = None if key is None else search.encoded[key].result()
    question = with_vectors(source.question, source.spaces.dense, encoded)
    return replace(source, question=ranking.with_examples(session, question, source.spaces))


def _answer(
    session: Session,
    sources: Sequence[Source],
    told: Sequence[Note],
    search: Search,
    progress: Progress,
) -> SearchResult:
    request, watch = search.asked.written, search.watch
    collection_ids = [source.question.collection_id for source in sources]
    mark = fingerprint(collection_ids, request, search.caller.principals)
    position = read_cursor(request.cursor, mark)
    page = Ranker(session, sources, watch, progress).page(position)
    hits = _hits(session, sources, page, watch)
    own = [note for source in sources for note in source.question.notes]
    notes = list(dict.fromkeys([*told, *own, *page.notes]))
    took = _took(watch)
    legs = tuple(leg.report for leg in page.legs)
    if request.explain:
        # Behind the time that is told: a search without it does not count.
        legs = tuple(
            with_scanned_rows(session, leg, source.restriction)
            for source, found in zip(sources, page.found, strict=True)
            for leg in found.values()
        )
    plans = [leg.plan for leg in legs if leg.leg is Leg.DENSE]
    return SearchResult(
        request_id=uuid.uuid4(),
        hits=hits,
        plan=plans[0] if plans else BM25,
        complete=INCOMPLETE.isdisjoint(note.code for note in notes),
        cursor=None if page.next_position is None else write_cursor(mark, page.next_position),
        notes=tuple(notes),
        legs=legs,
        took=took,
    )


def _took(watch: Stopwatch) -> Took:
    return Took(
        encode=watch.spent("encode"),
        dense=watch.spent("dense"),
        lexical=watch.spent("lexical"),
        rerank=watch.spent("rerank"),
        hydrate=watch.spent("hydrate"),
        highlight=watch.spent("highlight"),
        total=watch.total,
    )


def _hits(
    session: Session, sources: Sequence[Source], page: Page, watch: Stopwatch
) -> tuple[Hit, ...]:
    wanted: list[list[int]] = [[] for _ in sources]
    for _, hit in page.ranked:
        number = page.sources[hit.chunk_id]
        wanted[number] += [one.chunk_id for one in (hit, *hit.folded)]
    shown: dict[int, ShownChunk] = {}
    with watch.part("hydrate"):
        for source, chunk_ids in zip(sources, wanted, strict=True):
            if chunk_ids or len(sources) == 1:
                shown |= _shown(session, source.question, chunk_ids)
    ranked = [(tier, one) for tier, one in page.ranked if one.chunk_id in shown]
    marks = {one.chunk_id: UNMARKED for _, one in ranked}
    if sources[0].question.request.highlight:
        with watch.part("highlight"):
            for number, source in enumerate(sources):
                own = [i for i in marks if page.sources[i] == number]
                texts = [shown[chunk_id].text for chunk_id in own]
                marks |= dict(zip(own, _marked(session, source, texts), strict=True))
    hits = tuple(
        make_hit(one, tier, shown, marks[one.chunk_id], _slug(sources, page, one.chunk_id))
        for tier, one in ranked
    )
    if sources[0].question.request.context is not HitContext.PARENT:
        return hits
    with watch.part("hydrate"):
        return _with_parents(session, sources, page, hits)


def _with_parents(
    session: Session, sources: Sequence[Source], page: Page, hits: Sequence[Hit]
) -> tuple[Hit, ...]:
    parents: dict[int, HitParent] = {}
    for number, source in enumerate(sources):
        parents |= parents_of(
            session,
            workspace_id=source.question.workspace_id,
            collection_id=source.question.collection_id,
            chunk_ids=[hit.chunk.id for hit in hits if page.sources[hit.chunk.id] == number],
        )
    return tuple(replace(hit, parent=parents.get(hit.chunk.id)) for hit in hits)


def _slug(sources: Sequence[Source], page: Page, chunk_id: int) -> str:
    return sources[page.sources[chunk_id]].question.slug


def _marked(session: Session, source: Source, texts: Sequence[str]) -> list[Marked]:
    terms: dict[str, Term] = {}
    for asked in source.terms:
        terms |= {term.lexeme: term for term in (asked.terms if asked is not None else ())}
    return mark_texts(
        session,
        texts=texts,
        query="\n".join(source.question.request.texts),
        terms=list(terms.values()),
        configuration=source.question.configuration,
    )


def _shown(session: Session, question: Question, chunk_ids: Sequence[int]) -> dict[int, ShownChunk]:
    return hydration.shown_chunks(
        session,
        workspace_id=question.workspace_id,
        collection_id=question.collection_id,
        chunk_ids=chunk_ids,
        principals=question.principals,
    )
