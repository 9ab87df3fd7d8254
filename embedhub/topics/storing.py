"""Storing a fit: nobody reads it before it is whole, so each part commits by itself."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.answers.generator import GenerationFailed
from embedhub.answers.llm.endpoint import Endpoint
from embedhub.answers.llm.service import find_endpoint as endpoint_of
from embedhub.config import get_config
from embedhub.errors import Conflict, NotFound
from embedhub.graph import service as graphs
from embedhub.tables import TopicFit
from embedhub.topics.compute import Fitted
from embedhub.topics.grouping import NONE, share_of_own
from embedhub.topics.queries import fits as queries
from embedhub.topics.queries import members
from embedhub.topics.queries.members import Place, Places
from embedhub.webhooks.service import Event, announce

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 20_000


def begin(subject: graphs.Subject, **columns: Any) -> int:
    """Insert a fit that is being stored; raises NotFound if its owner is gone."""
    with db.writing() as session:
        if queries.find_owner(session, subject) is None:
            raise NotFound(*subject.owner_name.split())
        return queries.insert_fit(session, subject, **columns).id


def store_topics(
    subject: graphs.Subject,
    fit_id: int,
    rows: Iterable[Mapping[str, Any]],
    live: TopicFit | None,
) -> None:
    """Store the topics of a fit; one that was there before keeps the name that it had.

    Staff's names stay whatever becomes of a topic, others while most of its rows stay.
    """
    with db.writing() as session:
        former = {} if live is None else {t.number: t for t in queries.topics_of(session, live.id)}
        queries.insert_topics(
            session,
            [
                {"fit_id": fit_id, "workspace_id": subject.workspace_id}
                | with_former_name(dict(row), former.get(row["number"]))
                for row in rows
            ],
        )


def with_former_name(row: dict[str, Any], former: Any) -> dict[str, Any]:
    """Return a topic's columns with the name that it is known by, where that still fits."""
    if former is None:
        return row
    is_same = (row["kept_share"] or 0) >= 0.5 and row["is_public"] == former.is_public
    is_better = row["name_source"] == "llm" and former.name_source == "words"
    if former.name_source == "staff" or (is_same and not is_better):
        return row | {
            "name": former.name,
            "name_source": former.name_source,
            "name_facts": former.name_facts,
        }
    return row


def as_places(fitted: Fitted) -> Iterator[Place]:
    """Yield the place of each row; p is the share of its neighbours that are in its topic."""
    shares = share_of_own(fitted.labels, fitted.material.around)
    for row, node_hash in enumerate(fitted.material.hashes):
        label = int(fitted.labels[row])
        yield Place(
            node_id=int(fitted.material.ids[row]),
            number=None if label == NONE else fitted.numbers[label].number,
            p=0.0 if label == NONE else float(shares[row]),
            x=float(fitted.places[row, 0]),
            y=float(fitted.places[row, 1]),
            node_hash=node_hash,
            is_soft=bool(fitted.is_soft[row]),
        )


def store_places(fit_id: int, places: Iterable[Place]) -> Iterator[int]:
    """Store places in batches of one transaction each; yield how many are stored."""
    done = 0
    iterator = iter(places)
    while True:
        some = [one for _, one in zip(range(ROWS_AT_ONCE), iterator, strict=False)]
        if not some:
            return
        with db.writing() as session:
            members.copy_places(session, fit_id, some)
        done += len(some)
        yield done


def finish(subject: graphs.Subject, fit_id: int, slug: str, metrics: Mapping[str, Any]) -> None:
    """Let a stored fit answer; raises NotFound if the owner is gone."""
    with db.writing() as session:
        live = queries.hold_live(session, subject)
        if live is not None:
            queries.take_over_names(session, of=live.id, to=fit_id)
        if not queries.make_live(session, fit_id, instead_of=None if live is None else live.id):
            raise Conflict("what was stored of these topics was removed meanwhile; start again")
        announce(
            session,
            workspace_id=subject.workspace_id,
            event=Event.TOPICS_FITTED,
            owner_slug=slug,
            owner="collections" if subject.collection_id is not None else "catalogs",
            payload={
                "level": subject.level.value,
                "n_topics": metrics["n_topics"],
                "unsorted_share": metrics["unsorted_share"],
            },
        )


def remove_left_overs(subject: graphs.Subject) -> None:
    """Remove places of fits that were replaced or never finished, and figures of older ones."""
    with db.reading() as session:
        fit_ids = queries.left_overs(session, subject)
    for fit_id in fit_ids:
        while _remove_some(fit_id):
            pass
        with db.writing() as session:
            queries.delete_topics(session, fit_id)
    with db.writing() as session:
        queries.delete_old_fits(session, subject, kept=get_config().topic_kept_fits)


def _remove_some(fit_id: int) -> int:
    with db.writing() as session:
        return queries.delete_members(session, fit_id, limit=ROWS_AT_ONCE)


def read_places(session: Session, fit_id: int) -> Places:
    """Return the places of all rows of a fit."""
    return members.all_places(session, fit_id)


def find_endpoint(workspace_id: int) -> Endpoint | None:
    """Return the workspace's language model; None without one that can be used."""
    try:
        return endpoint_of(workspace_id)
    except GenerationFailed:
        logger.warning("topics are not named: the language model's key cannot be read")
        return None
