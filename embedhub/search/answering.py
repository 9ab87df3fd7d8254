"""One search within its snapshot: collections found, legs run, a page ranked, its hits shown."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from embedhub.access.caller import Caller
from embedhub.errors import NotFound
from embedhub.search.candidates import Source
from embedhub.search.cursor import fingerprint, read_cursor, write_cursor
from embedhub.search.demands import Scope, demanded
from embedhub.search.hits import UNMARKED, make_hit, mark_texts
from embedhub.search.legs import BM25, with_scanned_rows
from embedhub.search.lexical import Term
from embedhub.search.pages import Page, Progress, Ranker, ScoresWanted
from embedhub.search.parents import parents_of
from embedhub.search.queries import hydration
from embedhub.search.queries.hydration import CollectionState, ShownChunk
from embedhub.search.queries.restriction import Restriction
from embedhub.search.queries.target import find_target
from embedhub.search.question import (
    Asked,
    EncodedQuery,
    EncoderKey,
    Question,
    make_question,
    wanted_encoder,
)
from embedhub.search.ranking import service as ranking
from embedhub.search.request import (
    INCOMPLETE,
    Hit,
    HitContext,
    HitParent,
    Leg,
    Note,
    NoteCode,
    SearchResult,
    Took,
)
from embedhub.search.snippets import Marked
from embedhub.search.terms import analyse
from embedhub.spaces.service import LiveSpaces
from embedhub.stopwatch import Stopwatch
from embedhub.tables import Collection

FILTERS_PENDING = "filters do not see all of the metadata and access changed lately"


@dataclass(frozen=True, slots=True)
class Search:
    """One search, with its queries encoded by the encoders that are known to be needed."""

    caller: Caller
    slugs: tuple[str, ...]
    asked: Asked
    encoded: Mapping[EncoderKey, EncodedQuery]
    progress: Progress
    watch: Stopwatch


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


def answer(session: Session, *, search: Search) -> EncodersWanted | ToScore | Answered:
    """Return the answer, or what it takes to begin again: encoders for the query, or scores."""
    targets = [_find(session, search.caller, slug) for slug in search.slugs]
    wanted = [wanted_encoder(search.asked.request, spaces) for _, spaces in targets]
    known = {slug: key for slug, key in zip(search.slugs, wanted, strict=True) if key is not None}
    if not search.encoded.keys() >= set(known.values()):
        return EncodersWanted(known)
    questions = []
    for (collection, spaces), key in zip(targets, wanted, strict=True):
        question = make_question(
            search.asked,
            collection=collection,
            spaces=spaces,
            principals=search.caller.principals,
            encoded=None if key is None else search.encoded[key],
            is_alone=len(targets) == 1,
        )
        questions.append(ranking.with_examples(session, question, spaces))
    try:
        result = _answer(session, questions, [spaces for _, spaces in targets], search)
    except ScoresWanted as scores:
        (question,) = questions
        shown = _shown(session, question, scores.chunk_ids)
        return ToScore(question, {key: ranking.passage_of(chunk) for key, chunk in shown.items()})
    return Answered(tuple(questions), result)


def _find(session: Session, caller: Caller, slug: str) -> tuple[Collection, LiveSpaces]:
    found = find_target(session, workspace_id=caller.workspace_id, slug=slug)
    if found is None or not caller.may_open(found[0].id):
        raise NotFound("collection", slug)
    collection, spaces = found
    return collection, LiveSpaces(dense=spaces.get("dense"), sparse=spaces.get("sparse"))


def _answer(
    session: Session,
    questions: Sequence[Question],
    spaces: Sequence[LiveSpaces],
    search: Search,
) -> SearchResult:
    request, watch = search.asked.written, search.watch
    collection_ids = [question.collection_id for question in questions]
    mark = fingerprint(collection_ids, request, search.caller.principals)
    position = read_cursor(request.cursor, mark)
    states = [_state(session, *one) for one in zip(questions, spaces, strict=True)]
    with watch.part("lexical"):
        terms, corrections = analyse(session, questions, spaces)
        scopes = [_scope(*one) for one in zip(questions, spaces, states, strict=True)]
        restrictions, relaxed = demanded(session, search.asked, scopes)
    sources = [
        Source(question, own, words, restriction, state.has_pending, state.has_curations)
        for question, own, words, restriction, state in zip(
            questions, spaces, terms, restrictions, states, strict=True
        )
    ]
    notes = [*corrections, *relaxed, *(note for question in questions for note in question.notes)]
    is_filtered = bool(request.filter) or search.caller.principals is not None
    if is_filtered and any(state.has_stale_filters for state in states):
        notes.append(Note(NoteCode.FILTERS_PENDING, FILTERS_PENDING))
    page = Ranker(session, sources, watch, search.progress).page(position)
    hits = _hits(session, sources, page, watch)
    notes = list(dict.fromkeys([*notes, *page.notes]))
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


def _state(session: Session, question: Question, spaces: LiveSpaces) -> CollectionState:
    return hydration.collection_state(
        session,
        collection_id=question.collection_id,
        dense_space_id=None if spaces.dense is None else spaces.dense.id,
    )


def _scope(question: Question, spaces: LiveSpaces, state: CollectionState) -> Scope:
    plain = Restriction(question.filter, question.principals, state.expired_documents)
    return Scope(spaces.sparse, question.configuration, plain)


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
