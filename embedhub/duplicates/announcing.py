"""Telling webhooks of pairs that were found and that somebody may want to look at."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from embedhub.duplicates.judging import Judged, Kind, Thresholds
from embedhub.duplicates.queries import sets
from embedhub.graph.service import Subject
from embedhub.tables import DuplicateSet
from embedhub.webhooks.service import Event, announce

# Ids and scores of at most so many: the rest is counted.
TOLD_AT_ONCE = 100


def announce_new(
    session: Session,
    found: DuplicateSet,
    subject: Subject,
    new: Sequence[tuple[int, int, int]],
    judged: Mapping[tuple[int, int], Judged],
    *,
    thresholds: Thresholds,
) -> None:
    """Announce pairs that nobody had found before and that are shown, in the caller's transaction.

    `new` are (pair, left, right).
    """
    shown = [
        (pair_id, judged[left, right])
        for pair_id, left, right in new
        if is_shown(judged[left, right], thresholds)
    ]
    slug = sets.slug_of(session, subject) if shown else None
    if slug is None:
        return
    announce(
        session,
        workspace_id=found.workspace_id,
        event=Event.DUPLICATES_FOUND,
        owner_slug=slug,
        owner="catalogs" if subject.catalog_id is not None else "collections",
        payload={
            "level": subject.level.value,
            "n_pairs": len(shown),
            "pairs": [
                {"id": pair_id, "kind": one.kind.value, "score": round(one.score, 4)}
                for pair_id, one in shown[:TOLD_AT_ONCE]
            ],
        },
    )


def is_shown(judged: Judged, thresholds: Thresholds) -> bool:
    """Say whether a pair stands in the queue."""
    is_flagged = judged.kind is Kind.SEMANTIC or bool(judged.contradictions)
    return judged.score >= thresholds.review or is_flagged
