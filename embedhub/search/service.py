"""Search: what a caller may rely on.

The query is encoded before the transaction is open; both legs, the grouping and the hits then see
one snapshot.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy.orm import Session

from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.errors import NotFound, NotReady
from embedhub.replica import service as replica
from embedhub.search.checks import check_request
from embedhub.search.cursor import fingerprint, read_cursor, write_cursor
from embedhub.search.hits import UNMARKED, make_hit, mark_texts
from embedhub.search.legs import BM25, QueryTerms, analyse_query, with_scanned_rows
from embedhub.search.observed import observer
from embedhub.search.pages import Page, Progress, Ranker, ScoresWanted
from embedhub.search.queries import hydration
from embedhub.search.queries.hydration import ShownChunk
from embedhub.search.queries.restriction import Restriction
from embedhub.search.queries.search_log import LogEntry
from embedhub.search.queries.target import find_target
from embedhub.search.question import (
    EncodedQuery,
    EncoderKey,
    Question,
    encode,
    make_question,
    needs_encoding,
    wanted_encoder,
)
from embedhub.search.ranking import service as ranking
from embedhub.search.request import (
    INCOMPLETE,
    Hit,
    Leg,
    Note,
    NoteCode,
    SearchRequest,
    SearchResult,
)
from embedhub.search.search_log import forget_old, writer
from embedhub.search.stopwatch import Stopwatch
from embedhub.spaces.service import LiveSpaces
from embedhub.tables import Collection

__all__ = ["forget_old", "search"]

FILTERS_PENDING = "filters do not see all of the metadata and access changed lately"
# How often a search begins again: the collection has another encoder than was thought, or a
# reranker is asked.
ATTEMPTS = 4
# Collections whose encoder is remembered, so that one transaction is enough.
MAX_REMEMBERED = 10_000

_encoders: dict[tuple[int, str], EncoderKey] = {}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One search, with its query encoded as far as the encoder was known."""

    caller: Caller
    slug: str
    request: SearchRequest
    encoded: EncodedQuery | None
    progress: Progress


@dataclass(frozen=True, slots=True)
class _ToScore:
    """Passages that a reranker scores before the search begins again."""

    question: Question
    passages: dict[int, str]


def search(
    caller: Caller,
    slug: str,
    request: SearchRequest,
    *,
    after: int | None = None,
    is_counted: bool = True,
) -> SearchResult:
    """Return one page of the best chunks or documents of a collection that the caller may see.

    Nothing is left out silently: `complete` and `notes` say what may be missing. The read replica
    may answer; with `after`, a position in the log, only from a state that holds all up to there.
    A search that is not counted leaves no trace in the search log and in what is measured.
    Raises NotFound for a collection the caller may not know of, InvalidInput and TooLarge naming
    the part of the request, NotReady if mode dense has no encoder or no vectors yet.
    """
    caller.require("read")
    caller = caller.narrowed(request.principals)
    check_request(request)
    watch = Stopwatch()
    encoder = _encoders.get((caller.workspace_id, slug))
    encoded = None
    progress = Progress()
    for _ in range(ATTEMPTS):
        is_encoded = encoded is not None and encoded.encoder == encoder
        if encoder is not None and needs_encoding(request) and not is_encoded:
            with watch.part("encode"):
                encoded = encode(request, encoder)
        asked = _Asked(caller, slug, request, encoded, progress)
        found = replica.read(partial(_try, asked=asked, watch=watch), after=after)
        if isinstance(found, EncoderKey):
            encoder, progress = found, Progress()
            _remember(caller.workspace_id, slug, encoder)
            continue
        if isinstance(found, _ToScore):
            with watch.part("rerank"):
                progress.scores = ranking.score(found.question, found.passages)
            continue
        question, result = found
        if is_counted:
            _log(caller, question, result)
            observer.note(question, result)
        return result
    raise NotReady("the collection's encoder is being switched", retry_after_s=1)


def _try(
    session: Session, *, asked: _Asked, watch: Stopwatch
) -> EncoderKey | _ToScore | tuple[Question, SearchResult]:
    """Return the answer, or what it takes to begin again: an encoder for the query, or scores."""
    caller, encoded = asked.caller, asked.encoded
    collection, spaces = _find(session, caller, asked.slug)
    wanted = wanted_encoder(asked.request, spaces)
    if wanted is not None and (encoded is None or encoded.encoder != wanted):
        return wanted
    question = make_question(
        asked.request,
        collection=collection,
        spaces=spaces,
        principals=caller.principals,
        encoded=None if wanted is None else encoded,
    )
    question = ranking.with_examples(session, question, spaces)
    try:
        return question, _answer(session, question, spaces, asked.progress, watch)
    except ScoresWanted as wanted_scores:
        shown = _shown(session, question, wanted_scores.chunk_ids)
        passages = {chunk_id: ranking.passage_of(chunk) for chunk_id, chunk in shown.items()}
        return _ToScore(question, passages)


def _find(session: Session, caller: Caller, slug: str) -> tuple[Collection, LiveSpaces]:
    found = find_target(session, workspace_id=caller.workspace_id, slug=slug)
    if found is None or not caller.may_open(found[0].id):
        raise NotFound("collection", slug)
    collection, spaces = found
    return collection, LiveSpaces(dense=spaces.get("dense"), sparse=spaces.get("sparse"))


def _remember(workspace_id: int, slug: str, encoder: EncoderKey) -> None:
    if len(_encoders) >= MAX_REMEMBERED:
        _encoders.clear()
    _encoders[workspace_id, slug] = encoder


def _answer(
    session: Session,
    question: Question,
    spaces: LiveSpaces,
    progress: Progress,
    watch: Stopwatch,
) -> SearchResult:
    request = question.request
    mark = fingerprint(question.collection_id, request, question.principals)
    position = read_cursor(request.cursor, mark)
    state = hydration.collection_state(
        session,
        collection_id=question.collection_id,
        dense_space_id=None if spaces.dense is None else spaces.dense.id,
    )
    restriction = Restriction(question.filter, question.principals, state.expired_documents)
    with watch.part("lexical"):
        terms = _terms(session, question, spaces)
    ranker = Ranker(
        session,
        question,
        spaces,
        terms,
        restriction,
        watch,
        progress,
        state.has_pending,
        state.has_curations,
    )
    page = ranker.page(position)
    hits = _hits(session, ranker, page)
    notes = [*question.notes, *page.notes]
    if state.has_stale_filters and (request.filter or question.principals is not None):
        notes.append(Note(NoteCode.FILTERS_PENDING, FILTERS_PENDING))
    took = watch.took()
    legs = tuple(leg.report for leg in page.legs.values())
    if request.explain:
        # Behind the time that is told: a search without it does not count.
        legs = tuple(with_scanned_rows(session, leg, restriction) for leg in page.legs.values())
    dense = page.legs.get(Leg.DENSE)
    return SearchResult(
        request_id=uuid.uuid4(),
        hits=hits,
        plan=BM25 if dense is None else dense.report.plan,
        complete=INCOMPLETE.isdisjoint(note.code for note in notes),
        cursor=None if page.next_position is None else write_cursor(mark, page.next_position),
        notes=tuple(notes),
        legs=legs,
        took=took,
    )


def _terms(session: Session, question: Question, spaces: LiveSpaces) -> QueryTerms | None:
    # Mode dense needs them too, to mark the words.
    if question.prepared is None or spaces.sparse is None:
        return None
    return analyse_query(
        session,
        space=spaces.sparse,
        configuration=question.configuration,
        query=question.prepared,
    )


def _hits(session: Session, ranker: Ranker, page: Page) -> tuple[Hit, ...]:
    question = ranker.question
    with ranker.watch.part("hydrate"):
        wanted = [one.chunk_id for _, ranked in page.ranked for one in (ranked, *ranked.folded)]
        shown = _shown(session, question, wanted)
    ranked = [(tier, one) for tier, one in page.ranked if one.chunk_id in shown]
    texts = [shown[one.chunk_id].text for _, one in ranked]
    marked = [UNMARKED for _ in texts]
    if question.request.highlight and ranker.terms is not None:
        with ranker.watch.part("highlight"):
            marked = mark_texts(
                session,
                texts=texts,
                query=question.request.query or "",
                terms=ranker.terms.terms,
                configuration=question.configuration,
            )
    return tuple(
        make_hit(one, tier, shown, marks) for (tier, one), marks in zip(ranked, marked, strict=True)
    )


def _shown(session: Session, question: Question, chunk_ids: Sequence[int]) -> dict[int, ShownChunk]:
    return hydration.shown_chunks(
        session,
        workspace_id=question.workspace_id,
        collection_id=question.collection_id,
        chunk_ids=chunk_ids,
        principals=question.principals,
    )


def _log(caller: Caller, question: Question, result: SearchResult) -> None:
    if not get_config().search_log_days:
        return
    writer.add(
        LogEntry(
            request_id=result.request_id,
            workspace_id=question.workspace_id,
            collection_id=question.collection_id,
            api_key_id=caller.key_id,
            query=question.request.query,
            mode=question.request.mode.value,
            plan=result.plan,
            is_complete=result.complete,
            n_hits=len(result.hits),
            took_ms=result.took.total,
            created_at=datetime.now(UTC),
        )
    )
