"""The steps behind fusion, over the candidates of one tier of a search."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from embedhub.search.filters import Filter
from embedhub.search.fusion import Ranked, best_of_documents
from embedhub.search.ranking import reordering
from embedhub.search.ranking.adjusting import (
    DocumentFacts,
    FieldMatch,
    best_score,
    in_order,
    with_boosts,
    with_fields,
    with_recency,
)
from embedhub.search.ranking.context import Ranking, RankingContext
from embedhub.search.ranking.curated import normalized_query
from embedhub.search.ranking.fields import field_matches
from embedhub.search.ranking.likeness import cosines, shingle_overlaps
from embedhub.search.ranking.queries import candidates as queries
from embedhub.search.ranking.queries.candidates import Decisions
from embedhub.search.ranking.settings import CollapseBy, RankingSettings, Reranker
from embedhub.search.request import Group, Note, NoteCode

# Of a tier so many candidates are compared with each other; those behind stay as they are.
MAX_COMPARED = 500


@dataclass(frozen=True, slots=True)
class Stage:
    """Ranks the candidates of one tier, step by step; every step tells what it did to a score."""

    context: RankingContext
    _vectors: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def settings(self) -> RankingSettings:
        """Return what the search ranks by."""
        return self.context.question.ranking.settings

    @property
    def is_grouped(self) -> bool:
        """Return whether a hit stands for its document."""
        return self.context.question.request.group is Group.DOCUMENT

    def ranking(self, fused: Sequence[Ranked]) -> Ranking:
        """Return the candidates in the order of the hits, with what a reranker has to score."""
        decisions = self.decisions()
        ranked = self.adjusted(fused)
        shown = self.context.first
        if shown is not None:
            return Ranking(self.collapsed(shown, self.others(ranked, decisions, shown)))
        pins = self.pinned(decisions, ranked)
        ranked = self.collapsed(pins, self.others(ranked, decisions, pins))
        reranker = self.settings.reranker
        if reranker is not None and self.context.question.request.query:
            return self.reranked(reranker, pins, ranked)
        return Ranking(reordering.pinned(pins, self.diversified(ranked)))

    def decisions(self) -> Decisions:
        """Return what people decided about single documents for this query."""
        question = self.context.question
        if not self.context.has_curations:
            return Decisions()
        # As they were written, and as they are without quotes and other signs.
        texts = {*question.request.texts, *question.asked.written.texts}
        return queries.decisions(
            self.context.session,
            seen=queries.Seen(
                question.collection_id,
                Filter(question.filter.condition, is_helpful=False),
                question.principals,
            ),
            normalized=sorted(map(normalized_query, texts)),
        )

    def adjusted(self, fused: Sequence[Ranked]) -> list[Ranked]:
        """Return the candidates with fields, age and boosts in their scores, best first."""
        matches, facts = self.field_matches(fused), self.document_facts(fused)
        if not (matches or facts):
            return list(fused)
        best, settings = best_score(fused), self.settings
        boosts = [boost for boost, _ in self.context.question.ranking.boosts]
        adjusted = []
        for one in fused:
            match = matches.get(one.chunk_id, FieldMatch())
            fact = facts.get(one.document_id, DocumentFacts())
            scored = with_fields(one, match, settings.fields, best)
            if settings.recency is not None:
                scored = with_recency(scored, fact.dated_at, settings.recency, self.context.now)
            adjusted.append(with_boosts(scored, fact.boosts, boosts, best))
        return in_order(adjusted)

    def field_matches(self, fused: Sequence[Ranked]) -> dict[int, FieldMatch]:
        """Return what titles and headings hold of the query; nothing if they do not count."""
        context, weights = self.context, self.settings.fields
        asked = context.question.request.query
        if not asked or context.terms is None or not (weights.title or weights.heading):
            return {}
        return field_matches(
            context.session,
            queries.chunk_headings(context.session, [one.chunk_id for one in fused]),
            terms=context.terms,
            query=asked,
            configuration=context.question.configuration,
        )

    def document_facts(self, fused: Sequence[Ranked]) -> dict[int, DocumentFacts]:
        """Return dates and boosts of the documents; nothing if they do not count."""
        boosts, recency = self.context.question.ranking.boosts, self.settings.recency
        if recency is None and not boosts:
            return {}
        return queries.document_facts(
            self.context.session,
            {one.document_id for one in fused},
            filters=[condition for _, condition in boosts],
            is_dated=recency is not None,
            date_field=None if recency is None else recency.field,
        )

    def pinned(self, decisions: Decisions, ranked: Sequence[Ranked]) -> list[Ranked]:
        """Return the best chunk of each pinned document; of one that was not found the first."""
        context = self.context
        wanted = [one for one in decisions.pinned if one not in context.question.excluded]
        found = {one.document_id: one for one in reversed(ranked)}
        missing = [ident for ident in wanted if ident not in found]
        first = queries.first_chunks(context.session, missing, context.words) if missing else {}
        found |= {
            document_id: Ranked(chunk_id, document_id, 0.0)
            for document_id, chunk_id in first.items()
        }
        return [found[ident] for ident in wanted if ident in found]

    def others(
        self, ranked: Sequence[Ranked], decisions: Decisions, shown: Sequence[Ranked]
    ) -> list[Ranked]:
        """Return what is neither hidden nor an example nor shown already; grouped if asked."""
        gone = self.context.question.excluded | decisions.hidden
        over = [other for one in shown for other in (one, *one.folded)]
        chunks = {one.chunk_id for one in over}
        if self.is_grouped:
            gone |= {one.document_id for one in over}
            ranked = best_of_documents(ranked)
        return [one for one in ranked if one.document_id not in gone and one.chunk_id not in chunks]

    def collapsed(self, shown: Sequence[Ranked], ranked: Sequence[Ranked]) -> list[Ranked]:
        """Return the candidates without near-duplicates of a better one or of one shown."""
        collapse = self.settings.collapse
        if collapse is None:
            return list(ranked)
        compared = [*shown, *ranked]
        likeness = self.likeness(compared[:MAX_COMPARED], collapse.by)
        return reordering.collapsed(compared, likeness, collapse.threshold, n_shown=len(shown))

    def diversified(self, ranked: Sequence[Ranked]) -> list[Ranked]:
        """Return the candidates with less of the same at the top."""
        if not self.settings.diversity:
            return list(ranked)
        compared, rest = ranked[:MAX_COMPARED], ranked[MAX_COMPARED:]
        has_vectors = self.context.spaces.dense is not None
        by = CollapseBy.VECTORS if has_vectors else CollapseBy.SHINGLES
        likeness, best = self.likeness(compared, by), best_score(ranked)
        return [*reordering.diversified(compared, likeness, self.settings.diversity, best), *rest]

    def likeness(self, ranked: Sequence[Ranked], by: CollapseBy) -> NDArray[np.float32]:
        """Return how alike every two of the candidates are, (n, n)."""
        session, dense = self.context.session, self.context.spaces.dense
        chunk_ids = [one.chunk_id for one in ranked]
        if by is CollapseBy.SHINGLES:
            return shingle_overlaps(queries.chunk_texts(session, chunk_ids), chunk_ids)
        unknown = [chunk_id for chunk_id in chunk_ids if chunk_id not in self._vectors]
        if dense is not None and unknown:
            self._vectors.update(queries.chunk_vectors(session, dense, unknown))
        return cosines(self._vectors, chunk_ids)

    def reranked(
        self, reranker: Reranker, pins: Sequence[Ranked], ranked: Sequence[Ranked]
    ) -> Ranking:
        """Return the window in the reranker's order and the rest behind it, or what to score."""
        window, rest = ranked[: reranker.candidates], list(ranked[reranker.candidates :])
        chunk_ids = [one.chunk_id for one in window]
        scores = self.context.scores
        position = self.context.position
        is_behind = position.tier > 1 or position.chunk_id in {one.chunk_id for one in rest}
        is_read = is_behind or set(chunk_ids) <= set(position.shown)
        if scores is None and not is_read:
            return Ranking(ranked, to_score=chunk_ids)
        if scores is not None and scores.by_chunk:
            window = reordering.reranked(window, scores.by_chunk, reranker.weight, reranker.name)
        if scores is None or scores.by_chunk:
            rest = reordering.behind(rest)
        notes: tuple[Note, ...] = ()
        if scores is not None and scores.failure is not None:
            notes = (Note(NoteCode.RERANK_FAILED, scores.failure),)
        return Ranking(
            reordering.pinned(pins, [*self.diversified(window), *rest]),
            window=frozenset(chunk_ids),
            notes=notes,
        )
