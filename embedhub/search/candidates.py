"""The candidates of one search: every leg, asked every query, in every collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from embedhub.search.estimate import Estimate
from embedhub.search.fusion import Ranked, ScoredList, Strand
from embedhub.search.legs import LegResult, QueryTerms, dense_leg, lexical_leg
from embedhub.search.lexical import query_vector
from embedhub.search.nearness import Vectors, scores_of
from embedhub.search.queries import scores
from embedhub.search.queries.restriction import Restriction
from embedhub.search.question import Question
from embedhub.search.request import Leg, Mode
from embedhub.search.spreading import MAX_COMPARED, spread
from embedhub.spaces.service import LiveSpaces
from embedhub.stopwatch import Stopwatch

Found = Mapping[Strand, LegResult]


@dataclass(frozen=True, slots=True)
class Source:
    """One collection of a search within its snapshot: the question, and what answers it.

    `terms` are those of each query; None where the collection has no index on words.
    """

    question: Question
    spaces: LiveSpaces
    terms: tuple[QueryTerms | None, ...]
    restriction: Restriction
    # chunks of the collection still wait for their vectors
    has_pending: bool = False
    # people pinned or hid documents of the collection
    has_curations: bool = False
    # the lists of the lexical leg that are there already, by how many rows were wanted
    ready: Mapping[int, Found] = field(default_factory=dict)


def run_legs(session: Session, source: Source, watch: Stopwatch, limit: int) -> Found:
    """Return the lists of the legs that run, so many candidates each."""
    found: dict[Strand, LegResult] = {}
    for query, vector in enumerate(source.question.vectors):
        if vector is not None and source.spaces.dense is not None:
            with watch.part("dense"):
                found[Strand(Leg.DENSE, query)] = dense_leg(
                    session,
                    space=source.spaces.dense,
                    vector=vector,
                    restriction=source.restriction,
                    limit=limit,
                )
    guess = found[Strand(Leg.DENSE)].guess if Strand(Leg.DENSE) in found else None
    ready = source.ready.get(limit)
    found |= lexical_lists(session, source, watch, limit, guess) if ready is None else ready
    return {strand: _told(source, strand, result) for strand, result in found.items()}


def lexical_lists(
    session: Session,
    source: Source,
    watch: Stopwatch,
    limit: int,
    guess: Estimate | None = None,
) -> Found:
    """Return the lists of the lexical leg; `guess` is what the other leg thinks of the filter."""
    found: dict[Strand, LegResult] = {}
    is_asked = source.question.request.mode is not Mode.DENSE
    for query, terms in enumerate(source.terms):
        if is_asked and terms is not None and source.spaces.sparse is not None:
            with watch.part("lexical"):
                found[Strand(Leg.LEXICAL, query)] = lexical_leg(
                    session,
                    space=source.spaces.sparse,
                    asked=terms,
                    restriction=source.restriction,
                    limit=limit,
                    guess=guess,
                )
    return found


def vectors_to_compare(
    session: Session, source: Source, found: Found, watch: Stopwatch
) -> Vectors | None:
    """Return the vectors of all candidates; None if these are too many to be compared."""
    space, chunk_ids = source.spaces.dense, _chunk_ids(found)
    if space is None or len(chunk_ids) > MAX_COMPARED:
        return None
    with watch.part("dense"):
        return scores.vectors_of(session, space=space, owner_ids=sorted(chunk_ids))


def scored_lists(
    session: Session,
    source: Source,
    found: Found,
    best: Mapping[Strand, float],
    watch: Stopwatch,
    *,
    vectors: Vectors | None = None,
) -> dict[Strand, ScoredList]:
    """Return the lists with the scores of each other's candidates, as fusion takes them.

    `best` are the maxima to divide by where other collections count as well; `vectors` are those of
    all candidates, if they are known.
    """
    chunk_ids = _chunk_ids(found)
    lists = {}
    for strand, result in found.items():
        lacking = chunk_ids - {one.chunk_id for one in result.candidates}
        with watch.part(strand.leg.value):
            others = _scores(session, source, strand, sorted(lacking), vectors) if lacking else {}
        lists[strand] = ScoredList(result.candidates, others, best.get(strand))
    return lists


def near_ones_heard(
    session: Session,
    source: Source,
    fused: Sequence[Ranked],
    watch: Stopwatch,
    *,
    vectors: Vectors | None = None,
) -> list[Ranked]:
    """Return the candidates of both legs with their nearest ones' part in the scores.

    `vectors` are those of all candidates, if they are known.
    """
    space = source.spaces.dense
    if space is None:
        return list(fused)
    with watch.part("dense"):
        if vectors is None:
            chunk_ids = [one.chunk_id for one in fused[:MAX_COMPARED]]
            vectors = scores.vectors_of(session, space=space, owner_ids=chunk_ids)
        return spread(fused, vectors)


def _chunk_ids(found: Found) -> set[int]:
    return {one.chunk_id for result in found.values() for one in result.candidates}


def _scores(
    session: Session,
    source: Source,
    strand: Strand,
    chunk_ids: Sequence[int],
    vectors: Vectors | None,
) -> dict[int, float]:
    """Return what a leg makes of chunks that its list lacks; those without a row stay away."""
    if strand.leg is Leg.DENSE:
        space, vector = source.spaces.dense, source.question.vectors[strand.query]
        if space is None or vector is None:
            return {}
        if vectors is not None:
            return scores_of(vectors, chunk_ids, vector, space.metric)
        return scores.dense_scores(session, space=space, query=vector, owner_ids=chunk_ids)
    space, terms = source.spaces.sparse, source.terms[strand.query]
    if space is None or terms is None or not terms.terms:
        return {}
    asked = query_vector(terms.terms)
    return scores.lexical_scores(session, space=space, query=asked, owner_ids=chunk_ids)


def joint_best(sources: Sequence[Source], found: Sequence[Found]) -> list[dict[Strand, float]]:
    """Return for each collection the best score of each strand among all it is comparable with.

    Words are weighed alike in all of them; cosines compare within one encoder.
    """
    if len(sources) == 1:
        return [{}]
    best: dict[tuple[object, Strand], float] = {}
    for source, lists in zip(sources, found, strict=True):
        for strand, result in lists.items():
            key = _scale(source, strand), strand
            highest = max((one.score for one in result.candidates), default=0.0)
            best[key] = max(best.get(key, highest), highest)
    return [
        {strand: best[_scale(source, strand), strand] for strand in lists}
        for source, lists in zip(sources, found, strict=True)
    ]


def _scale(source: Source, strand: Strand) -> object:
    space = source.spaces.dense
    if strand.leg is Leg.LEXICAL or space is None:
        return None
    return space.encoder, space.revision, space.metric, space.dimension


def _told(source: Source, strand: Strand, result: LegResult) -> LegResult:
    report = replace(result.report, query=strand.query, collection=source.question.slug)
    return replace(result, report=report)
