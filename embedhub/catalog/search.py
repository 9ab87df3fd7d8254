"""Searching the items of a catalog by words and by meaning: the legs and the fusion of documents.

The query is encoded before the transaction is open; legs and hits then see one snapshot.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from embedhub.access.caller import Caller
from embedhub.catalog.queries import search as queries
from embedhub.catalog.queries.search import ShownItem
from embedhub.catalog.service import find_catalog
from embedhub.catalog.visibility import only_shown
from embedhub.errors import NotReady
from embedhub.replica import service as replica
from embedhub.search.candidates import Source
from embedhub.search.checks import check_request
from embedhub.search.cursor import fingerprint, read_cursor, write_cursor
from embedhub.search.demands import Scope, demanded
from embedhub.search.hits import UNMARKED, mark_texts
from embedhub.search.legs import BM25, with_scanned_rows
from embedhub.search.lexical import Term
from embedhub.search.pages import Page, Ranker
from embedhub.search.question import (
    Asked,
    EncodedQuery,
    EncoderKey,
    encode,
    make_question,
    needs_encoding,
    wanted_encoder,
    with_vectors,
)
from embedhub.search.request import (
    INCOMPLETE,
    Group,
    HitExplanation,
    Leg,
    LegReport,
    Note,
    SearchRequest,
    Span,
    Took,
)
from embedhub.search.snippets import Marked
from embedhub.search.terms import analyse
from embedhub.spaces.members import live_catalog_spaces
from embedhub.stopwatch import Stopwatch
from embedhub.tables import Catalog

# How often a search begins again: the catalog has another encoder than was thought.
ATTEMPTS = 3
MAX_REMEMBERED = 10_000

_encoders: dict[tuple[int, str], EncoderKey] = {}


@dataclass(frozen=True, slots=True)
class ItemHit:
    """An item that was found; `highlights` and `sentence` are parts of its content."""

    score: float
    item: ShownItem
    highlights: tuple[Span, ...]
    sentence: Span | None
    explain: HitExplanation


@dataclass(frozen=True, slots=True)
class ItemSearchResult:
    """The items of one page, best first; all else as of a search of documents."""

    request_id: uuid.UUID
    hits: tuple[ItemHit, ...]
    plan: str
    complete: bool
    cursor: str | None
    notes: tuple[Note, ...]
    legs: tuple[LegReport, ...]
    took: Took


@dataclass(frozen=True, slots=True)
class SearchedCatalog:
    """A catalog, as a question asks for what it is asked of."""

    id: int
    workspace_id: int
    slug: str
    language: str
    filterable: dict[str, str]
    ranking: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, catalog: Catalog) -> "SearchedCatalog":
        """Return it of a catalog's row."""
        return cls(
            catalog.id, catalog.workspace_id, catalog.slug, catalog.language, catalog.filterable
        )


@dataclass(frozen=True, slots=True)
class _Search:
    caller: Caller
    slug: str
    asked: Asked
    encoded: EncodedQuery | None
    watch: Stopwatch


def search_items(
    caller: Caller, slug: str, request: SearchRequest, *, after: int | None = None
) -> ItemSearchResult:
    """Return one page of the best items of a catalog that may be shown now.

    Filters see attributes, `categories` and `labels`. Nothing is left out silently: `complete` and
    `notes` say what may be missing. The read replica may answer; with `after`, a position in the
    log, only from a state that holds all up to there. Raises NotFound, InvalidInput and TooLarge
    naming the part of the request, NotReady if mode dense has no encoder or no vectors yet.
    """
    caller.require("read")
    request = replace(request, group=Group.CHUNK)
    check_request(request)
    asked, watch = Asked.of(request), Stopwatch()
    key, encoded = _encoders.get((caller.workspace_id, slug)), None
    for _ in range(ATTEMPTS):
        if key is not None and needs_encoding(asked.request):
            with watch.part("encode"):
                encoded = encode(asked.request, key)
        found = replica.read(
            partial(_answer, search=_Search(caller, slug, asked, encoded, watch)), after=after
        )
        if isinstance(found, ItemSearchResult):
            return found
        key = found
        _remember(caller.workspace_id, slug, key)
    raise NotReady("the catalog's encoder is being switched", retry_after_s=1)


def _remember(workspace_id: int, slug: str, key: EncoderKey) -> None:
    if len(_encoders) >= MAX_REMEMBERED:
        _encoders.clear()
    _encoders[workspace_id, slug] = key


def _answer(session: Session, *, search: _Search) -> EncoderKey | ItemSearchResult:
    """Return the answer, or the encoder that the query has to be encoded by first."""
    source, notes = _source_or_key(session, search)
    if isinstance(source, EncoderKey):
        return source
    request, watch = search.asked.written, search.watch
    # Below zero: no cursor of a collection fits.
    mark = fingerprint([-source.question.collection_id], request, None)
    page = Ranker(session, [source], watch).page(read_cursor(request.cursor, mark))
    hits = _hits(session, source, page, watch)
    notes = list(dict.fromkeys([*notes, *page.notes]))
    took = _took(watch)
    legs = tuple(leg.report for leg in page.legs)
    if request.explain:
        legs = tuple(with_scanned_rows(session, leg, source.restriction) for leg in page.legs)
    plans = [leg.plan for leg in legs if leg.leg is Leg.DENSE]
    return ItemSearchResult(
        request_id=uuid.uuid4(),
        hits=hits,
        plan=plans[0] if plans else BM25,
        complete=INCOMPLETE.isdisjoint(note.code for note in notes),
        cursor=None if page.next_position is None else write_cursor(mark, page.next_position),
        notes=tuple(notes),
        legs=legs,
        took=took,
    )


def _source_or_key(session: Session, search: _Search) -> tuple[Source | EncoderKey, list[Note]]:
    catalog = find_catalog(session, search.caller, search.slug)
    spaces = live_catalog_spaces(session, catalog)
    key = wanted_encoder(search.asked.request, spaces)
    encoded = None
    if key is not None:
        if search.encoded is None or search.encoded.encoder != key:
            return key, []
        encoded = search.encoded
    question = make_question(search.asked, SearchedCatalog.of(catalog), principals=None)
    question = with_vectors(question, spaces.dense, encoded)
    state = queries.catalog_state(
        session,
        catalog_id=catalog.id,
        dense_space_id=None if spaces.dense is None else spaces.dense.id,
    )
    if state.has_restricted:
        shown = only_shown(question.filter, datetime.now(UTC))
        question = replace(question, filter=shown)
    with search.watch.part("lexical"):
        terms, corrections = analyse(session, [question], [spaces])
        scope = Scope.filtered(spaces.sparse, question.configuration, question.filter)
        restrictions, relaxed = demanded(session, search.asked, [scope])
    source = Source(question, spaces, terms[0], restrictions[0], state.has_pending)
    return source, [*corrections, *relaxed, *question.notes]


def _hits(session: Session, source: Source, page: Page, watch: Stopwatch) -> tuple[ItemHit, ...]:
    question = source.question
    with watch.part("hydrate"):
        shown = queries.shown_items(
            session,
            workspace_id=question.workspace_id,
            catalog_id=question.collection_id,
            item_ids=[one.chunk_id for _, one in page.ranked],
        )
    ranked = [(tier, one) for tier, one in page.ranked if one.chunk_id in shown]
    marks: Sequence[Marked] = [UNMARKED] * len(ranked)
    if question.request.highlight:
        with watch.part("highlight"):
            terms: dict[str, Term] = {}
            for asked in source.terms:
                terms |= {term.lexeme: term for term in (asked.terms if asked else ())}
            marks = mark_texts(
                session,
                texts=[shown[one.chunk_id].content for _, one in ranked],
                query="\n".join(question.request.texts),
                terms=list(terms.values()),
                configuration=question.configuration,
            )
    return tuple(
        ItemHit(
            score=one.score,
            item=shown[one.chunk_id],
            highlights=marked.highlights,
            sentence=marked.sentence,
            explain=one.explanation(tier),
        )
        for (tier, one), marked in zip(ranked, marks, strict=True)
    )


def _took(watch: Stopwatch) -> Took:
    return Took(
        encode=watch.spent("encode"),
        dense=watch.spent("dense"),
        lexical=watch.spent("lexical"),
        hydrate=watch.spent("hydrate"),
        highlight=watch.spent("highlight"),
        total=watch.total,
    )
