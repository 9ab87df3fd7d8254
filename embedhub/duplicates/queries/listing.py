"""The SQL of reading pairs: listed by who may see both rows, counted by score."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import Session

from embedhub.duplicates.judging import Kind
from embedhub.graph.subject import Subject
from embedhub.graph.visibility import visible
from embedhub.tables import DuplicateMember, DuplicatePair, DuplicateSet


@dataclass(frozen=True, slots=True)
class PairFilter:
    """Which pairs are listed; None leaves a part open. Scores are from `least` to below `most`."""

    status: str | None = None
    kind: str | None = None
    least: float | None = None
    most: float | None = None
    is_automatic: bool | None = None
    cluster_id: int | None = None
    # Of pairs that contradict themselves or are of other words, those below `least` too.
    with_flagged: bool = False


def list_pairs(
    session: Session,
    found: DuplicateSet,
    subjects: tuple[Subject, Subject],
    wanted: PairFilter,
    *,
    principals: Sequence[str] | None,
    after: tuple[float, int] | None,
    limit: int,
) -> Sequence[DuplicatePair]:
    """Return pairs both of whose rows somebody may see, the highest score first."""
    statement = select(DuplicatePair).where(
        DuplicatePair.set_id == found.id,
        *_conditions(wanted),
        visible(subjects[0], principals, DuplicatePair.left_id),
        visible(subjects[1], principals, DuplicatePair.right_id),
    )
    if after is not None:
        score, pair_id = after
        statement = statement.where(
            or_(
                DuplicatePair.score < score,
                and_(DuplicatePair.score == score, DuplicatePair.id < pair_id),
            )
        )
    statement = statement.order_by(DuplicatePair.score.desc(), DuplicatePair.id.desc())
    return session.scalars(statement.limit(limit)).all()


def _conditions(wanted: PairFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        found.append(DuplicatePair.status == wanted.status)
    if wanted.kind is not None:
        found.append(DuplicatePair.kind == wanted.kind)
    if wanted.least is not None:
        flagged = or_(
            DuplicatePair.kind == Kind.SEMANTIC.value,
            func.cardinality(DuplicatePair.contradictions) > 0,
        )
        found.append(
            or_(
                DuplicatePair.score >= wanted.least,
                flagged if wanted.with_flagged else false(),
            )
        )
    if wanted.most is not None:
        found.append(DuplicatePair.score < wanted.most)
    if wanted.is_automatic is not None:
        found.append(DuplicatePair.is_automatic.is_(wanted.is_automatic))
    if wanted.cluster_id is not None:
        members = select(DuplicateMember.node_id).where(
            DuplicateMember.cluster_id == wanted.cluster_id
        )
        found += [DuplicatePair.left_id.in_(members), DuplicatePair.right_id.in_(members)]
    return found


def histogram(session: Session, set_id: int, n_bins: int) -> list[tuple[int, str, bool, bool, int]]:
    """Return (bin, status, automatic, contradicted, pairs) over scores from 0 to 1."""
    place = func.least(func.floor(DuplicatePair.score * n_bins), n_bins - 1)
    is_against = func.cardinality(DuplicatePair.contradictions) > 0
    statement = (
        select(place, DuplicatePair.status, DuplicatePair.is_automatic, is_against, func.count())
        .where(DuplicatePair.set_id == set_id)
        .group_by(place, DuplicatePair.status, DuplicatePair.is_automatic, is_against)
    )
    return [
        (int(where), status, is_automatic, contradicted, int(n))
        for where, status, is_automatic, contradicted, n in session.execute(statement)
    ]


def count_above(session: Session, set_id: int, threshold: float) -> tuple[int, int]:
    """Return how many pairs score at least so much, and how many of them contradict themselves."""
    is_against = func.cardinality(DuplicatePair.contradictions) > 0
    statement = select(func.count(), func.count().filter(is_against)).where(
        DuplicatePair.set_id == set_id,
        DuplicatePair.score >= threshold,
        DuplicatePair.status != "dismissed",
    )
    n_pairs, n_against = session.execute(statement).one()
    return int(n_pairs), int(n_against)
