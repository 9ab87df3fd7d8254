"""A request made ready within its snapshot: catalog, user, history, version, what is permitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
from sqlalchemy.orm import Session

from embedhub.access.caller import Caller
from embedhub.catalog.service import find_catalog
from embedhub.config import get_config
from embedhub.errors import NotFound
from embedhub.recommend import placements, versions
from embedhub.recommend.cursor import Place, fingerprint, read_cursor
from embedhub.recommend.history import Event, Past, past_of
from embedhub.recommend.interactions import Floats
from embedhub.recommend.placements import Decision
from embedhub.recommend.queries import histories, impressions
from embedhub.recommend.queries import versions as version_queries
from embedhub.recommend.queries.permits import Permit
from embedhub.recommend.request import Kind, Note, NoteCode, RecommendationRequest
from embedhub.recommend.versions import Status, Version
from embedhub.search.filters import parse_filter
from embedhub.spaces.members import Subject, all_catalog_spaces, is_content
from embedhub.tables import Catalog, Space

# Of an experiment's version: one that was dropped cannot answer.
ANSWERING = (Status.LIVE, Status.READY, Status.RETIRED)


@dataclass(frozen=True, slots=True)
class Texts:
    """Vectors of a request's texts, and the encoder that made them."""

    encoder: str
    revision: str
    like: Floats | None = None
    unlike: Floats | None = None


@dataclass
class Opened:
    """A request with what it is about; `ids` lead from the caller's ids of items to ours.

    `notes` grow while the list is made.
    """

    request: RecommendationRequest
    catalog: Catalog
    place: Place
    mark: bytes
    user_id: int | None
    past: Past
    ids: Mapping[str, int]
    permit: Permit
    version: Version | None
    spaces: Mapping[int, Space]
    contents: Space | None
    user_contents: Space | None
    decision: Decision
    texts: Texts | None
    shown: tuple[int, ...] = ()
    # of the user's latest interactions, those that count as seen
    seen_ids: frozenset[int] = frozenset()
    notes: list[Note] = field(default_factory=list)

    def note(self, code: NoteCode, message: str) -> None:
        """Say something about the list, once."""
        if all(note.code is not code for note in self.notes):
            self.notes.append(Note(code, message))

    def known(self, external_ids: tuple[str, ...]) -> list[int]:
        """Return the ids of those items that the catalog knows, in the order given."""
        return [self.ids[name] for name in external_ids if name in self.ids]

    @property
    def welcome_types(self) -> list[str]:
        """The types of interactions that count for an item."""
        return [name for name, weight in self.catalog.interaction_weights.items() if weight > 0]


def open_request(
    session: Session,
    caller: Caller,
    slug: str,
    asked: RecommendationRequest,
    texts: Texts | None,
    *,
    decision: Decision | None = None,
) -> Opened:
    """Return a checked request with all that it names looked up.

    Raises NotFound for the catalog, InvalidInput and TooLarge for filter, cursor and variant. Users
    and items that the catalog does not know are told in notes: they may be on their way.
    """
    catalog = find_catalog(session, caller, slug)
    mark = fingerprint(catalog.id, asked)
    place = read_cursor(asked.cursor, mark)
    if decision is None:
        decision = placements.decide(
            session,
            catalog,
            asked.placement,
            subject=asked.user or asked.visitor,
            variant=asked.variant,
        )
    request = _decided(asked, decision)
    person = _person(session, catalog, request)
    ids = _ids(session, catalog, request, decision)
    spaces = all_catalog_spaces(session, catalog)
    now = datetime.now(UTC)
    opened = Opened(
        request=request,
        catalog=catalog,
        place=place,
        mark=mark,
        user_id=person.user_id,
        past=person.past,
        ids=ids,
        permit=_permit(request, catalog, ids, person=person, now=now),
        version=_version(session, catalog, decision),
        spaces=spaces,
        contents=_contents(spaces, catalog, Subject.ITEM),
        user_contents=_contents(spaces, catalog, Subject.USER),
        decision=decision,
        texts=texts,
        shown=_shown(session, catalog, place),
        seen_ids=_seen(request, person, now),
    )
    _note_unknown(opened)
    return opened


@dataclass(frozen=True, slots=True)
class _Person:
    """The user of a request and what they did: the latest events, first what counts of them."""

    user_id: int | None = None
    past: Past = field(default_factory=Past)
    events: Sequence[Event] = ()


def _person(session: Session, catalog: Catalog, request: RecommendationRequest) -> _Person:
    if request.user is None:
        return _Person()
    most = get_config().max_history
    user_id = histories.find_user(
        session,
        workspace_id=catalog.workspace_id,
        catalog_id=catalog.id,
        external_id=request.user,
    )
    if user_id is None:
        return _Person()
    events = histories.latest_events(session, catalog_id=catalog.id, user_id=user_id, most=most + 1)
    return _Person(user_id, past_of(events, catalog.interaction_weights, most), events)


def _contents(spaces: Mapping[int, Space], catalog: Catalog, subject: Subject) -> Space | None:
    return next((one for one in spaces.values() if is_content(one, catalog, subject)), None)


def _shown(session: Session, catalog: Catalog, place: Place) -> tuple[int, ...]:
    """Return what earlier pages of the list have shown."""
    if not place.n_shown:
        return ()
    return tuple(
        impressions.shown(
            session,
            place.request_id,
            workspace_id=catalog.workspace_id,
            catalog_id=catalog.id,
            up_to=place.n_shown,
        )
    )


def _seen(request: RecommendationRequest, person: _Person, now: datetime) -> frozenset[int]:
    """Return the items of those events that count as seen."""
    types, within = request.seen.types, request.seen.within
    return frozenset(
        event.item_id
        for event in person.events
        if (types is None or event.type in types)
        and (within is None or event.happened_at > now - within)
    )


def _decided(request: RecommendationRequest, decision: Decision) -> RecommendationRequest:
    """Return the request as the variant has it; what is asked for by itself stays."""
    changes = dict(decision.request)
    if request.kind is not Kind.PERSONAL:
        changes.pop("kind", None)
    if request.relevance is not None:
        changes.pop("relevance", None)
    return replace(request, **changes) if changes else request


def _ids(
    session: Session, catalog: Catalog, request: RecommendationRequest, decision: Decision
) -> dict[str, int]:
    named = {
        *request.session, *request.like, *request.unlike, *request.basket,
        *(request.candidates or ()), *decision.rules.pinned,
    }  # fmt: skip
    if not named:
        return {}
    return histories.ids_of_items(
        session,
        workspace_id=catalog.workspace_id,
        catalog_id=catalog.id,
        external_ids=sorted(named),
    )


def _version(session: Session, catalog: Catalog, decision: Decision) -> Version | None:
    if decision.version is not None:
        row = version_queries.find_version(session, catalog_id=catalog.id, number=decision.version)
        if row is not None and row.status in ANSWERING:
            return versions.load(session, row)
    return versions.live(session, catalog.id)


def _permit(
    request: RecommendationRequest,
    catalog: Catalog,
    ids: Mapping[str, int],
    *,
    person: _Person,
    now: datetime,
) -> Permit:
    examples = (*request.like, *request.unlike, *request.basket)
    if request.seen.is_excluded and request.seen.decay is None:
        examples = (*examples, *request.session)
    return Permit(
        workspace_id=catalog.workspace_id,
        catalog_id=catalog.id,
        now=now,
        filter=parse_filter(request.filter, catalog.filterable),
        categories=request.categories,
        principals=request.principals,
        candidate_ids=None
        if request.candidates is None
        else [ids[name] for name in request.candidates if name in ids],
        excluded_ids=sorted({ids[name] for name in examples if name in ids}),
        disliked_ids=sorted(person.past.unwelcome),
        user_id=person.user_id,
        seen=request.seen,
    )


def _note_unknown(opened: Opened) -> None:
    request = opened.request
    if request.user is not None and opened.user_id is None:
        opened.note(NoteCode.UNKNOWN_USER, f"the catalog does not know the user {request.user!r}")
    named = (*request.session, *request.like, *request.unlike, *request.basket)
    unknown = [n for n in (*named, *(request.candidates or ())) if n not in opened.ids]
    if unknown:
        opened.note(
            NoteCode.UNKNOWN_ITEMS,
            f"the catalog does not know {len(unknown)} of the items, such as {unknown[0]!r}",
        )
    if opened.past.is_cut:
        most = get_config().max_history
        opened.note(NoteCode.HISTORY_CUT, f"only the latest {most:,} interactions count")


def get_item_id(session: Session, catalog: Catalog, external_id: str) -> int:
    """Return the id of an item; raises NotFound."""
    found = histories.ids_of_items(
        session,
        workspace_id=catalog.workspace_id,
        catalog_id=catalog.id,
        external_ids=[external_id],
    )
    if external_id not in found:
        raise NotFound("item", external_id)
    return found[external_id]


def unit(vector: Floats) -> Floats:
    """Return a vector of length 1, or 0."""
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector
