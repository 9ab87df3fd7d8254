"""One page of a ranking in two tiers, without offsets.

Tier 1 fuses the first pool of each leg. Tier 2 fuses the deep pool of each leg and leaves out what
tier 1 ranked; it is appended after tier 1, so going deeper never reorders what was shown.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from embedhub.config import get_config
from embedhub.search.candidates import (
    Found,
    Source,
    joint_best,
    near_ones_heard,
    run_legs,
    scored_lists,
    vectors_to_compare,
)
from embedhub.search.checks import leg_weights
from embedhub.search.cursor import Position, after
from embedhub.search.fusion import Ranked, Strand, best_of_documents, fuse, single
from embedhub.search.groundwork import Groundwork
from embedhub.search.legs import LegResult
from embedhub.search.ranking.context import Ranking, RankingContext, Scores
from embedhub.search.ranking.plan import PLAIN
from embedhub.search.ranking.service import rank as rank_behind_fusion
from embedhub.search.request import Group, Leg, Mode, Note, NoteCode, SearchRequest
from embedhub.stopwatch import Stopwatch

PENDING = "some passages have no vector yet: only their words can be found"


class ScoresWanted(Exception):
    """A reranker has to score these chunks before there can be a page; raised to leave a snapshot.

    Not an error: no transaction is open while a reranker runs, so the search begins again with its
    scores.
    """

    def __init__(self, chunk_ids: Sequence[int]) -> None:
        super().__init__(f"{len(chunk_ids)} chunks to score")
        self.chunk_ids = chunk_ids


@dataclass(frozen=True, slots=True)
class Page:
    """Ranked chunks with their tier, how the legs did, and where the next page begins.

    `sources` says in which collection, counted from 0, each ranked chunk was found.
    """

    ranked: list[tuple[int, Ranked]]
    sources: Mapping[int, int]
    found: Sequence[Found]
    notes: list[Note]
    next_position: Position | None

    @property
    def legs(self) -> list[LegResult]:
        """Return how each leg did."""
        return [leg for lists in self.found for leg in lists.values()]


@dataclass(slots=True)
class Progress:
    """What a search keeps when it begins again: its legs' lists by size, a reranker's scores.

    `ground` is what it began with while its query was encoded.
    """

    ground: Groundwork | None = None
    found: dict[int, list[Found]] = field(default_factory=dict)
    scores: Scores | None = None


@dataclass(frozen=True, slots=True)
class Ranker:
    """Ranks the candidates of one search within one snapshot."""

    session: Session
    sources: Sequence[Source]
    watch: Stopwatch
    progress: Progress = field(default_factory=Progress)

    @property
    def request(self) -> SearchRequest:
        """Return the request, the same for all collections."""
        return self.sources[0].question.request

    def page(self, position: Position) -> Page:
        """Return the hits after a position, best first; raises ScoresWanted."""
        config, limit = get_config(), self.request.limit
        position = position if position.asked_at else replace(position, asked_at=time.time())
        found = self.found(config.candidate_pool)
        rankings = self.rank(found, position)
        first, window = merged(rankings), _window(rankings)
        ranked = [(1, one) for one in after(first, position, 1, window)]
        is_deep = len(ranked) < limit and has_more(found, config.candidate_pool)
        if is_deep:
            found = self.found(config.deep_pool)
            shown = [ranking.ranked for ranking in rankings]
            second = self.without(merged(self.rank(found, position, shown)), first)
            ranked += [(2, one) for one in after(second, position, 2)]
        page, rest = ranked[:limit], ranked[limit:]
        may_go_on = has_more(found, config.deep_pool if is_deep else config.candidate_pool)
        notes = self.notes(found, rankings)
        following = None
        if page and (rest or (may_go_on and not is_deep)):
            following = self.following(page, position, window)
        elif is_deep and may_go_on:
            message = f"only the best {config.deep_pool} of each leg are ranked; more may match"
            notes.append(Note(NoteCode.POOL_EXHAUSTED, message))
        return Page(page, _places(rankings, found), found, notes, following)

    def notes(self, found: Sequence[Found], rankings: Sequence[Ranking]) -> list[Note]:
        """Return what is to be said about the lists, each thing once."""
        notes = [note for lists in found for leg in lists.values() for note in leg.notes]
        notes += [note for ranking in rankings for note in ranking.notes]
        for source, lists in zip(self.sources, found, strict=True):
            if source.has_pending and any(strand.leg is Leg.DENSE for strand in lists):
                notes.append(Note(NoteCode.VECTORS_PENDING, PENDING))
        return list(dict.fromkeys(notes))

    def following(
        self, page: Sequence[tuple[int, Ranked]], position: Position, window: frozenset[int]
    ) -> Position:
        """Return where the next page begins."""
        tier, last = page[-1]
        following = Position(tier, last.score, last.chunk_id)
        if all(source.question.ranking is PLAIN for source in self.sources):
            return following
        read = [one.chunk_id for _, one in page if one.chunk_id in window]
        return replace(following, asked_at=position.asked_at, shown=(*position.shown, *read))

    def found(self, limit: int) -> list[Found]:
        """Return the legs' lists; those of the first try where the search began again."""
        if self.progress.scores is None or limit not in self.progress.found:
            self.progress.found[limit] = [
                run_legs(self.session, source, self.watch, limit) for source in self.sources
            ]
        return self.progress.found[limit]

    def rank(
        self,
        found: Sequence[Found],
        position: Position,
        first: Sequence[Sequence[Ranked]] | None = None,
    ) -> list[Ranking]:
        """Return the candidates of each collection, best first; grouped if the request says so.

        `first` are the first tiers, when the second ones are ranked. Raises ScoresWanted.
        """
        best = joint_best(self.sources, found)
        rankings = []
        for number, source in enumerate(self.sources):
            shown = None if first is None else first[number]
            fused = self.fused(source, found[number], best[number])
            ranking = self.behind_fusion(source, fused, position, shown)
            if self.request.group is Group.DOCUMENT:
                ranking = replace(ranking, ranked=best_of_documents(ranking.ranked))
            rankings.append(ranking)
        return rankings

    def fused(self, source: Source, found: Found, best: Mapping[Strand, float]) -> list[Ranked]:
        """Return the candidates of all legs of a collection, best first.

        A single list keeps its own scores, unless it has to be compared with others.
        """
        if self.request.mode is not Mode.HYBRID and not best and len(found) <= 1:
            return [
                one for strand, leg in found.items() for one in single(strand.leg, leg.candidates)
            ]
        own = source.question.ranking.settings.dense_weight
        weights = leg_weights(self.request.weights, own)
        if any(not weights[leg] or Strand(leg) not in found for leg in (Leg.DENSE, Leg.LEXICAL)):
            # One leg is to rank alone.
            return fuse(scored_lists(self.session, source, found, best, self.watch), weights)
        vectors = vectors_to_compare(self.session, source, found, self.watch)
        lists = scored_lists(self.session, source, found, best, self.watch, vectors=vectors)
        fused = fuse(lists, weights)
        return near_ones_heard(self.session, source, fused, self.watch, vectors=vectors)

    def behind_fusion(
        self,
        source: Source,
        fused: Sequence[Ranked],
        position: Position,
        first: Sequence[Ranked] | None,
    ) -> Ranking:
        """Return what the ranking stage makes of the fused candidates; raises ScoresWanted."""
        scores = self.progress.scores
        context = RankingContext(
            self.session,
            source.question,
            source.spaces,
            self.watch,
            position=position,
            first=first,
            scores=scores,
            terms=source.terms[0],
            has_curations=source.has_curations,
            words=source.restriction.words,
        )
        result = rank_behind_fusion(context, fused)
        if scores is None and result.to_score:
            raise ScoresWanted(result.to_score)
        return result

    def without(self, ranked: Sequence[Ranked], shown: Sequence[Ranked]) -> list[Ranked]:
        """Return what of a ranking another one does not hold: documents if grouped, or chunks."""
        if self.request.group is Group.DOCUMENT:
            documents = {one.document_id for one in shown}
            return [one for one in ranked if one.document_id not in documents]
        chunks = {one.chunk_id for one in shown}
        return [one for one in ranked if one.chunk_id not in chunks]


def has_more(found: Sequence[Found], pool: int) -> bool:
    """Return whether a leg's list was filled, so that a deeper one may hold more."""
    return any(len(leg.candidates) >= pool for lists in found for leg in lists.values())


def merged(rankings: Sequence[Ranking]) -> list[Ranked]:
    """Return the rankings of several collections as one, each in its own order.

    The one whose next is best goes on: what stands first for another reason than its score (pinned,
    diverse) stays first in its collection.
    """
    if len(rankings) == 1:
        return list(rankings[0].ranked)
    return list(_by_turns([ranking.ranked for ranking in rankings]))


def _by_turns(lists: Sequence[Sequence[Ranked]]) -> Iterator[Ranked]:
    places = [0] * len(lists)
    while True:
        heads = [
            (-one[place].score, number)
            for number, (one, place) in enumerate(zip(lists, places, strict=True))
            if place < len(one)
        ]
        if not heads:
            return
        _, number = min(heads)
        yield lists[number][places[number]]
        places[number] += 1


def _window(rankings: Sequence[Ranking]) -> frozenset[int]:
    return frozenset[int]().union(*(ranking.window for ranking in rankings))


def _places(rankings: Sequence[Ranking], found: Sequence[Found]) -> dict[int, int]:
    """Return for each chunk the number of the collection that it was found in."""
    places = {
        one.chunk_id: number
        for number, lists in enumerate(found)
        for leg in lists.values()
        for one in leg.candidates
    }
    # Pinned chunks need not be among the candidates.
    for number, ranking in enumerate(rankings):
        for one in ranking.ranked:
            places.setdefault(one.chunk_id, number)
    return places
