"""What of a search does not wait for a vector: its collections, their state, and its words.

While the query is encoded it is laid in a transaction that ends by itself. If the query is encoded
by the time it is laid, the search is answered there. Else it builds on it only in a snapshot that
sees the same; where none does, it is laid again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from embedhub.config import get_config
from embedhub.errors import NotFound
from embedhub.search.candidates import Source, lexical_lists
from embedhub.search.demands import Scope, demanded
from embedhub.search.queries import target as queries
from embedhub.search.queries.restriction import Restriction
from embedhub.search.queries.target import Moment, Target
from embedhub.search.question import EncoderKey, Question, Search, make_question, wanted_encoder
from embedhub.search.request import Mode, Note, NoteCode
from embedhub.search.terms import analyse
from embedhub.spaces.service import LiveSpaces

FILTERS_PENDING = "filters do not see all of the metadata and access changed lately"


@dataclass(frozen=True, slots=True)
class Groundwork:
    """The collections of a search as they were at a moment, their questions still without vectors.

    `encoders` are those that the queries have to be encoded by, for each collection that has one.
    """

    sources: tuple[Source, ...]
    notes: tuple[Note, ...]
    encoders: Mapping[str, EncoderKey]
    moment: Moment


def lay(session: Session, search: Search) -> Groundwork:
    """Return the groundwork of a search in this snapshot; raises NotFound, and for a bad filter."""
    asked, principals = search.asked, search.caller.principals
    targets = [_find(session, search, slug) for slug in search.slugs]
    spaces = [LiveSpaces(one.spaces.get("dense"), one.spaces.get("sparse")) for one in targets]
    states = [target.state for target in targets]
    wanted = [wanted_encoder(asked.request, own) for own in spaces]
    is_alone = len(targets) == 1
    questions = [
        make_question(asked, target.collection, principals=principals, is_alone=is_alone)
        for target in targets
    ]
    with search.watch.part("lexical"):
        terms, notes = analyse(session, questions, spaces)
        scopes = [
            Scope(own.sparse, question.configuration, _plain(question, target))
            for question, own, target in zip(questions, spaces, targets, strict=True)
        ]
        restrictions, relaxed = demanded(session, asked, scopes)
    notes += relaxed
    is_filtered = bool(asked.request.filter) or principals is not None
    if is_filtered and any(state.has_stale_filters for state in states):
        notes.append(Note(NoteCode.FILTERS_PENDING, FILTERS_PENDING))
    return Groundwork(
        sources=tuple(
            Source(question, own, words, restriction, state.has_pending, state.has_curations)
            for question, own, words, restriction, state in zip(
                questions, spaces, terms, restrictions, states, strict=True
            )
        ),
        notes=tuple(notes),
        encoders={slug: key for slug, key in zip(search.slugs, wanted, strict=True) if key},
        moment=states[0].moment,
    )


def lay_ahead(session: Session, *, search: Search) -> Groundwork:
    """Return the groundwork with the words' lists, where these do not wait for the vectors'."""
    ground, limit = lay(session, search), get_config().candidate_pool
    return replace(
        ground,
        sources=tuple(
            # Under a restriction a leg learns from the other how many rows pass.
            replace(source, ready={limit: lexical_lists(session, source, search.watch, limit)})
            if source.restriction.is_empty
            else source
            for source in ground.sources
        ),
    )


def may_be_laid_ahead(search: Search) -> bool:
    """Return whether words are searched, too, by a search whose query is being encoded."""
    return not search.is_encoded and search.asked.request.mode is Mode.HYBRID


def still_holds(session: Session, ground: Groundwork) -> bool:
    """Return whether this snapshot sees exactly what the groundwork's did."""
    return queries.is_unchanged(
        session,
        since=ground.moment,
        collection_ids=[source.question.collection_id for source in ground.sources],
    )


def _find(session: Session, search: Search, slug: str) -> Target:
    found = queries.find_target(session, workspace_id=search.caller.workspace_id, slug=slug)
    if found is None or not search.caller.may_open(found.collection.id):
        raise NotFound("collection", slug)
    return found


def _plain(question: Question, target: Target) -> Restriction:
    return Restriction(question.filter, question.principals, target.state.expired_documents)
