"""One page of a ranking in two tiers, without offsets.

Tier 1 fuses the first pool of each leg. Tier 2 fuses the deep pool of each leg and leaves out what
tier 1 ranked; it is appended after tier 1, so going deeper never reorders what was shown.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from embedhub.config import get_config
from embedhub.search.checks import leg_weights
from embedhub.search.cursor import Position, after
from embedhub.search.fusion import Ranked, best_of_documents, fuse, single
from embedhub.search.legs import LegResult, QueryTerms, dense_leg, lexical_leg
from embedhub.search.queries.restriction import Restriction
from embedhub.search.question import Question
from embedhub.search.ranking.context import Ranking, RankingContext, Scores
from embedhub.search.ranking.plan import PLAIN
from embedhub.search.ranking.service import rank as rank_behind_fusion
from embedhub.search.request import Group, Leg, Mode, Note, NoteCode
from embedhub.search.stopwatch import Stopwatch
from embedhub.spaces.service import LiveSpaces

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
    """Ranked chunks with their tier, how the legs did, and where the next page begins."""

    ranked: list[tuple[int, Ranked]]
    legs: Mapping[Leg, LegResult]
    notes: list[Note]
    next_position: Position | None


@dataclass(slots=True)
class Progress:
    """What a search keeps when it begins again: its legs' lists by size, a reranker's scores."""

    legs: dict[int, dict[Leg, LegResult]] = field(default_factory=dict)
    scores: Scores | None = None


@dataclass(frozen=True, slots=True)
class Ranker:
    """Ranks the candidates of one question within one snapshot."""

    session: Session
    question: Question
    spaces: LiveSpaces
    terms: QueryTerms | None
    restriction: Restriction
    watch: Stopwatch
    progress: Progress = field(default_factory=Progress)
    # chunks of the collection still wait for their vectors
    has_pending: bool = False
    # people pinned or hid documents of the collection
    has_curations: bool = False

    def page(self, position: Position) -> Page:
        """Return the hits after a position, best first; raises ScoresWanted."""
        config = get_config()
        limit = self.question.request.limit
        position = position if position.asked_at else replace(position, asked_at=time.time())
        legs = self.found(config.candidate_pool)
        ranking = self.rank(legs, position)
        first = ranking.ranked
        found = [(1, ranked) for ranked in after(first, position, 1, ranking.window)]
        is_deep = len(found) < limit and has_more(legs, config.candidate_pool)
        if is_deep:
            legs = self.found(config.deep_pool)
            second = self.without(self.rank(legs, position, first).ranked, first)
            found += [(2, ranked) for ranked in after(second, position, 2)]
        page, rest = found[:limit], found[limit:]
        notes = [note for leg in legs.values() for note in leg.notes] + list(ranking.notes)
        if Leg.DENSE in legs and self.has_pending:
            notes.append(Note(NoteCode.VECTORS_PENDING, PENDING))
        may_go_on = has_more(legs, config.deep_pool if is_deep else config.candidate_pool)
        if page and (rest or (may_go_on and not is_deep)):
            tier, last = page[-1]
            following = Position(tier, last.score, last.chunk_id)
            if self.question.ranking is not PLAIN:
                read = [one.chunk_id for _, one in page if one.chunk_id in ranking.window]
                following = replace(
                    following, asked_at=position.asked_at, shown=(*position.shown, *read)
                )
            return Page(page, legs, notes, following)
        if is_deep and may_go_on:
            message = f"only the best {config.deep_pool} of each leg are ranked; more may match"
            notes.append(Note(NoteCode.POOL_EXHAUSTED, message))
        return Page(page, legs, notes, None)

    def found(self, limit: int) -> dict[Leg, LegResult]:
        """Return the legs' lists; those of the first try where the search began again."""
        if self.progress.scores is None or limit not in self.progress.legs:
            self.progress.legs[limit] = self.run_legs(limit)
        return self.progress.legs[limit]

    def run_legs(self, limit: int) -> dict[Leg, LegResult]:
        """Return the lists of the legs that run, so many candidates each."""
        legs: dict[Leg, LegResult] = {}
        if self.question.vector is not None and self.spaces.dense is not None:
            with self.watch.part("dense"):
                legs[Leg.DENSE] = dense_leg(
                    self.session,
                    space=self.spaces.dense,
                    vector=self.question.vector,
                    restriction=self.restriction,
                    limit=limit,
                )
        guess = None if Leg.DENSE not in legs else legs[Leg.DENSE].guess
        is_lexical_asked = self.question.request.mode is not Mode.DENSE
        if is_lexical_asked and self.terms is not None and self.spaces.sparse is not None:
            with self.watch.part("lexical"):
                legs[Leg.LEXICAL] = lexical_leg(
                    self.session,
                    space=self.spaces.sparse,
                    asked=self.terms,
                    restriction=self.restriction,
                    limit=limit,
                    guess=guess,
                )
        return legs

    def rank(
        self,
        legs: Mapping[Leg, LegResult],
        position: Position,
        first: Sequence[Ranked] | None = None,
    ) -> Ranking:
        """Return the candidates of all legs, best first; grouped if the request says so.

        `first` is the first tier, when the second is ranked. Raises ScoresWanted.
        """
        request = self.question.request
        lists = {leg: result.candidates for leg, result in legs.items()}
        if request.mode is Mode.HYBRID:
            fused = fuse(lists, self.leg_weights()) if lists else []
        else:
            fused = [one for leg, found in lists.items() for one in single(leg, found)]
        ranking = self.behind_fusion(fused, position, first)
        if request.group is Group.DOCUMENT:
            return replace(ranking, ranked=best_of_documents(ranking.ranked))
        return ranking

    def leg_weights(self) -> dict[Leg, float]:
        """Return the legs' parts of the fused score: the request's, or the collection's."""
        return leg_weights(
            self.question.request.weights, self.question.ranking.settings.dense_weight
        )

    def behind_fusion(
        self, fused: Sequence[Ranked], position: Position, first: Sequence[Ranked] | None
    ) -> Ranking:
        """Return what the ranking stage makes of the fused candidates; raises ScoresWanted."""
        scores = self.progress.scores
        context = RankingContext(
            self.session,
            self.question,
            self.spaces,
            self.watch,
            position=position,
            first=first,
            scores=scores,
            terms=self.terms,
            has_curations=self.has_curations,
        )
        result = rank_behind_fusion(context, fused)
        if scores is None and result.to_score:
            raise ScoresWanted(result.to_score)
        return result

    def without(self, ranked: Sequence[Ranked], shown: Sequence[Ranked]) -> list[Ranked]:
        """Return what of a ranking another one does not hold: documents if grouped, or chunks."""
        if self.question.request.group is Group.DOCUMENT:
            documents = {one.document_id for one in shown}
            return [one for one in ranked if one.document_id not in documents]
        chunks = {one.chunk_id for one in shown}
        return [one for one in ranked if one.chunk_id not in chunks]


def has_more(legs: Mapping[Leg, LegResult], pool: int) -> bool:
    """Return whether a leg's list was filled, so that a deeper one may hold more."""
    return any(len(leg.candidates) >= pool for leg in legs.values())
