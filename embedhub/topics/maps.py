"""Maps, trends and exports of the topics that answer."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.config import get_config
from embedhub.errors import InvalidInput
from embedhub.graph import service as graphs
from embedhub.graph.subject import Subject
from embedhub.tables import TopicFit
from embedhub.topics.asking import Asked
from embedhub.topics.map_format import VERSION, encode_map
from embedhub.topics.picture import Entry, draw
from embedhub.topics.queries import fits, members, reading
from embedhub.topics.service import describe_topics, member_view, shown_name
from embedhub.topics.view import MemberView, TrendView, shown_title

EXPORTED_AT_ONCE = 2_000
WIDEST, HIGHEST = 4_000, 4_000
NARROWEST, LOWEST = 500, 200
MAX_FIELD_CHARS = 200


@dataclass(frozen=True, slots=True)
class MapState:
    """What tells one map from another: its fit, the fit's revision, and whose rows it holds."""

    tag: str
    fit_id: int
    revision: int


def map_state(asked: Asked) -> MapState:
    """Return what the current map is known by, without reading it; raises NotFound without one."""
    with db.reading() as session:
        subject, live = asked.live(session)
    return state_of(subject, live, asked.seen)


def state_of(subject: Subject, live: TopicFit, seen: Sequence[str] | None) -> MapState:
    """Return what the map of a fit is known by."""
    parts = [VERSION, subject.level, live.id, live.revision, None if seen is None else sorted(seen)]
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
    return MapState(digest, live.id, live.revision)


def read_map(asked: Asked) -> bytes:
    """Return the map of the rows somebody sees, as `map_format` writes it; raises NotFound."""
    with db.reading() as session:
        subject, live = asked.live(session)
        places = _places(session, subject, live, asked.seen)
    return encode_map(places, fit_id=live.id, revision=live.revision)


def read_picture(asked: Asked, *, width: int = 1_200, height: int = 800) -> bytes:
    """Return a PNG of the map with a legend; raises NotFound, InvalidInput for its size."""
    for value, least, most, name in (
        (width, NARROWEST, WIDEST, "width"),
        (height, LOWEST, HIGHEST, "height"),
    ):
        if not least <= value <= most:
            raise InvalidInput(f"must be from {least} to {most:,}", name)
    view = describe_topics(asked)
    with db.reading() as session:
        subject, live = asked.live(session)
        places = _places(session, subject, live, asked.seen)
    on_map = np.isfinite(places.xy[:, 0])
    entries = [
        Entry(one.number, one.name, one.n_rows, one.share, one.x or 0.0, one.y or 0.0)
        for one in view.topics
    ]
    return draw(places.xy[on_map], places.numbers[on_map], entries, width=width, height=height)


def read_rows(asked: Asked, ids: Sequence[int]) -> list[MemberView]:
    """Return what rows of the map are, by its ids, of those somebody may see; raises NotFound."""
    most = get_config().max_limit
    if not 1 <= len(ids) <= most:
        raise InvalidInput(f"must be 1 to {most} ids", "ids")
    with db.reading() as session:
        subject, live = asked.live(session)
        allowed = graphs.visible_among(session, subject, asked.seen, ids)
        nodes = graphs.nodes(session, subject, [one for one in ids if one in allowed])
        places = members.places_of(session, live.id, sorted(allowed))
    at = {int(node_id): place for place, node_id in enumerate(places.ids)}
    return [
        member_view(
            node,
            None if (number := int(places.numbers[at[node.id]])) < 0 else number,
            float(places.p[at[node.id]]),
            bool(places.is_soft[at[node.id]]),
            bool(places.is_placed[at[node.id]]),
            *(None if np.isnan(one) else float(one) for one in places.xy[at[node.id]]),
        )
        for node in nodes
        if node.id in at
    ]


def read_trends(asked: Asked, *, bucket: str = "month", field: str | None = None) -> TrendView:
    """Return how many rows of each topic are of each day, month or year, by time.

    The time is when a row was first sent, or what its `field` begins with: 2024, 2024-05 or
    2024-05-17. Beyond `max_trend_times` the latest are told. Raises NotFound, InvalidInput.
    """
    if bucket not in reading.FORMATS:
        raise InvalidInput(f"must be one of {', '.join(reading.FORMATS)}", "bucket")
    if field is not None and not 0 < len(field) <= MAX_FIELD_CHARS:
        raise InvalidInput(f"must have 1 to {MAX_FIELD_CHARS} characters", "field")
    with db.reading() as session:
        subject, live = asked.live(session)
        rows = reading.trends(session, subject, live.id, asked.seen, bucket=bucket, field=field)
    every = sorted({row[0] for row in rows})
    times = every[-get_config().max_trend_times :]
    at = {time: place for place, time in enumerate(times)}
    series: dict[int | None, list[int]] = {}
    for time, number, n in rows:
        if time in at:
            series.setdefault(number, [0] * len(times))[at[time]] = n
    told = [
        {"topic": number, "counts": counts, "total": sum(counts)}
        for number, counts in sorted(
            series.items(), key=lambda pair: (pair[0] is None, -sum(pair[1]), pair[0] or 0)
        )
    ]
    return TrendView(bucket, field, times, told, is_cut=len(times) < len(every))


def export_rows(asked: Asked) -> Iterator[list[dict[str, Any]]]:
    """Return all rows with their topics page by page, in order; raises NotFound at once."""
    with db.reading() as session:
        subject, live = asked.live(session)
        names = {
            one.number: shown_name(one, is_bound=asked.seen is not None)
            for one in fits.topics_of(session, live.id)
        }
    # Each page is read when it is asked for, of the fit that answered at the beginning.
    return _pages(asked, subject, live.id, names)


def _pages(
    asked: Asked, subject: Subject, fit_id: int, names: dict[int, str]
) -> Iterator[list[dict[str, Any]]]:
    after = 0
    while True:
        with db.reading() as session:
            rows = reading.export_page(
                session, subject, fit_id, asked.seen, after=after, limit=EXPORTED_AT_ONCE
            )
            nodes = {n.id: n for n in graphs.nodes(session, subject, [row[0] for row in rows])}
        if not rows:
            return
        yield [
            {
                "external_id": nodes[node_id].external_id,
                "position": nodes[node_id].position,
                "title": shown_title(nodes[node_id]),
                "topic": number,
                "name": "" if number is None else names.get(number, ""),
                "p": round(p, 4),
                "x": x,
                "y": y,
                "is_soft": is_soft,
                "is_new": is_placed,
            }
            for node_id, number, p, x, y, is_soft, is_placed in rows
            if node_id in nodes
        ]
        after = rows[-1][0]


def _places(
    session: Session, subject: Subject, live: TopicFit, seen: Sequence[str] | None
) -> members.Places:
    return members.all_places(session, live.id, reading.seen_by(subject, seen))
