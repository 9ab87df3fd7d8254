"""Topics: what a caller may rely on.

`principals` say whose rows are seen beside what the key itself is bound to: counts, members, maps
and trends are of those alone. Words and names that were made of rows not everybody may see are
shown to nobody who is bound to principals.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.graph import service as graphs
from embedhub.graph.subject import Subject
from embedhub.runs.service import RunKind, start_run, unfinished_run
from embedhub.tables import Topic, TopicFit
from embedhub.topics.asking import Asked
from embedhub.topics.queries import fits as queries
from embedhub.topics.queries import reading
from embedhub.topics.setting import FitSetting, read_setting
from embedhub.topics.view import (
    FitView,
    MemberView,
    TopicsView,
    TopicView,
    shown_title,
    title_of,
)

__all__ = [
    "Asked",
    "FitSetting",
    "FitView",
    "MemberView",
    "TopicView",
    "TopicsView",
    "describe_topics",
    "get_topic",
    "list_examples",
    "list_fits",
    "list_members",
    "read_setting",
    "rename_topic",
    "start_fit",
]

MAX_NAME_CHARS = 120
Principals = Sequence[str] | None


def start_fit(asked: Asked, setting: FitSetting | None = None) -> int:
    """Ask for topics to be found and return the run; one under way is returned instead."""
    asked.caller.require_writing()
    with db.writing() as session:
        subject = asked.subject(session)
        return start_run(
            session,
            workspace_id=subject.workspace_id,
            kind=RunKind.FIT_TOPICS,
            subject=subject.name,
            arguments=subject.arguments | (setting or FitSetting()).as_mapping(),
        )


def describe_topics(asked: Asked) -> TopicsView:
    """Return the topics that somebody sees rows of, the largest first, with the fit."""
    seen = asked.seen
    with db.reading() as session:
        subject = asked.subject(session)
        run_id = unfinished_run(session, kinds=[RunKind.FIT_TOPICS], subject=subject.name)
        run_id = run_id if seen is None else None
        live = queries.find_live(session, subject)
        if live is None:
            return TopicsView(None, [], run_id)
        counts = {row[0]: row for row in reading.counts(session, subject, live.id, seen)}
        total = sum(row[1] for row in counts.values())
        rows = [row for row in queries.topics_of(session, live.id) if row.number in counts]
        titles = _titles(session, subject, rows, seen)
        topics = [
            _topic_view(row, counts[row.number], total, titles, is_bound=seen is not None)
            for row in rows
        ]
        topics.sort(key=lambda topic: (-topic.n_rows, topic.number))
        return TopicsView(_fit_view(live, list(counts.values()), seen), topics, run_id)


def get_topic(asked: Asked, number: int) -> TopicView:
    """Return a topic; raises NotFound, also for one of which the caller sees no row."""
    view = describe_topics(asked)
    found = next((topic for topic in view.topics if topic.number == number), None)
    if found is None:
        raise NotFound("topic", number)
    return found


def rename_topic(asked: Asked, number: int, name: str, *, by: str) -> TopicView:
    """Give a topic a name that stays in every later fit; `by` says who did.

    Raises NotFound, InvalidInput, Conflict if another topic is called so.
    """
    asked.caller.require_writing()
    cleaned = " ".join(name.split())
    if not 0 < len(cleaned) <= MAX_NAME_CHARS or not cleaned.isprintable():
        raise InvalidInput(f"must have 1 to {MAX_NAME_CHARS} printable characters", "name")
    with db.writing() as session:
        live = queries.hold_live(session, asked.subject(session))
        topics = [] if live is None else queries.topics_of(session, live.id)
        row = next((one for one in topics if one.number == number), None)
        if live is None or row is None:
            raise NotFound("topic", number)
        if any(one.name == cleaned and one.number != number for one in topics):
            raise Conflict(f"another topic is called {cleaned!r}")
        facts = {
            "by": by,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "before": row.name,
        }
        queries.rename(session, live.id, number, name=cleaned, source="staff", facts=facts)
        queries.bump(session, live.id)
    return get_topic(asked, number)


def list_members(
    asked: Asked, number: int | None, *, after: int = 0, limit: int = 50
) -> list[MemberView]:
    """Return rows of a topic, None for those in none, from behind an id on; raises NotFound."""
    with db.reading() as session:
        subject, live = asked.live(session)
        if number is not None and queries.find_topic(session, live.id, number) is None:
            raise NotFound("topic", number)
        rows = reading.member_ids(
            session, subject, live.id, asked.seen, number=number, after=after, limit=limit
        )
        nodes = {one.id: one for one in graphs.nodes(session, subject, [row[0] for row in rows])}
    return [member_view(nodes[row[0]], number, *row[1:]) for row in rows if row[0] in nodes]


def list_examples(asked: Asked, number: int | None, *, limit: int = 10) -> list[graphs.Node]:
    """Return the rows that belong to a topic most surely, of those somebody may see."""
    with db.reading() as session:
        subject, live = asked.live(session)
        ids = reading.examples(session, subject, live.id, asked.seen, number=number, limit=limit)
        return graphs.nodes(session, subject, ids)


def list_fits(asked: Asked, *, limit: int = 20) -> list[FitView]:
    """Return the fits that answered, the newest first; Forbidden for who is bound to principals."""
    asked.caller.require_every_document()
    with db.reading() as session:
        rows = reading.list_fits(session, asked.subject(session), limit=limit)
        return [_fit_view(row, [], None) for row in rows]


def shown_name(row: Topic, *, is_bound: bool) -> str:
    """Return a topic's name as somebody may know it."""
    is_open = row.is_public or row.name_source == "staff" or not is_bound
    return row.name if is_open else f"Topic {row.number}"


def member_view(node: graphs.Node, number: int | None, *place: Any) -> MemberView:
    """Return a row with its place: p, is_soft, is_placed, x, y."""
    p, is_soft, is_placed, x, y = place
    return MemberView(
        id=node.id,
        external_id=node.external_id,
        title=shown_title(node),
        url=node.url,
        position=node.position,
        topic=number,
        p=round(p, 4),
        is_soft=is_soft,
        is_new=is_placed,
        x=x,
        y=y,
    )


def _titles(
    session: Session, subject: Subject, rows: Sequence[Topic], seen: Principals
) -> dict[int, dict[str, Any]]:
    """Return what stands for the rows in the middle of topics, of those somebody may see."""
    ids = [node_id for row in rows for node_id in row.medoid_ids]
    allowed = graphs.visible_among(session, subject, seen, ids)
    nodes = graphs.nodes(session, subject, [one for one in ids if one in allowed])
    return {node.id: title_of(node) for node in nodes}


def _topic_view(
    row: Topic, counted: Any, total: int, titles: dict[int, dict[str, Any]], *, is_bound: bool
) -> TopicView:
    _, n_rows, n_new, n_soft, _ = counted
    is_open = row.is_public or not is_bound
    return TopicView(
        number=row.number,
        name=shown_name(row, is_bound=is_bound),
        name_source=row.name_source,
        name_facts=row.name_facts if not is_bound else {},
        words=[{"word": word, "score": score} for word, score in row.words] if is_open else [],
        titles=[titles[one] for one in row.medoid_ids if one in titles],
        n_rows=n_rows,
        n_new=n_new,
        n_soft=n_soft,
        share=round(n_rows / total, 6) if total else 0.0,
        kept_share=row.kept_share,
        x=row.x,
        y=row.y,
    )


def _fit_view(row: TopicFit, counts: Sequence[Any], seen: Principals) -> FitView:
    is_whole = seen is None
    return FitView(
        id=row.id,
        level=graphs.Level(row.level),
        status=row.status,
        method=row.method,
        settings=row.settings,
        # Figures count every row: not for who may not see all of them.
        metrics=row.metrics if is_whole else {},
        n_rows=sum(one[1] for one in counts) if counts else (row.n_rows if is_whole else 0),
        n_new=sum(one[2] for one in counts),
        n_unsorted=sum(one[1] for one in counts if one[0] is None),
        revision=row.revision,
        run_id=row.run_id if is_whole else None,
        created_at=row.created_at,
        live_at=row.live_at,
    )
