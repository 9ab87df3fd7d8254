"""How odd a text would be that is not stored: encoded, compared, explained."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.anomalies import flagging, following, judging, live
from embedhub.anomalies.explaining import percentile_of, reasons_of
from embedhub.anomalies.flagging import N_NORMAL, Scored
from embedhub.anomalies.fusion import SIGNALS
from embedhub.anomalies.judging import Around, Given
from embedhub.anomalies.lexical import K
from embedhub.anomalies.live import Live
from embedhub.anomalies.queries import flags as queries
from embedhub.anomalies.recalling import recall
from embedhub.anomalies.setting import Detector
from embedhub.anomalies.view import SHOWN_CHARS, ScoreView, row_view
from embedhub.config import get_config
from embedhub.errors import InvalidInput, NotReady, TooLarge
from embedhub.graph import service as graphs
from embedhub.graph.service import GraphView, Level, Owner, Subject

# No content has so short a hash.
NOT_STORED = b"not stored"
NO_AROUND = Around({}, {}, {}, {})


@dataclass(frozen=True, slots=True)
class TextAsked:
    """A text to score as if it were a row of a level; `language` None is the usual one."""

    text: str
    title: str = ""
    level: str | None = None
    language: str | None = None
    label: str | None = None


def score_text(
    caller: Caller,
    owner: Owner,
    slug: str,
    asked: TextAsked,
    *,
    principals: Sequence[str] | None = None,
) -> ScoreView:
    """Return how odd a text is among the rows of a collection or catalog.

    Rows that the caller may not see are no neighbors of it. Raises NotReady before the first scan
    has succeeded, InvalidInput and TooLarge for a text that could not be stored.
    """
    most = get_config().max_scored_chars
    if len(asked.text) + len(asked.title) > most:
        raise TooLarge(f"has more than {most:,} characters", "text")
    if "\x00" in asked.text or "\x00" in asked.title:
        raise InvalidInput("must not contain U+0000", "text")
    with db.reading() as session:
        subject = graphs.subject_of(session, caller, owner, slug, asked.level)
        found = live.read_profile(session, subject)
        if found is None:
            raise NotReady("nothing was scanned for anomalies here yet: start a scan first")
        last = live.last_decision(session, found[0])
        graph = graphs.live_graph(session, subject)
    ready = live.complete(subject, graph, *found, last)
    seen = caller.narrowed(principals).principals
    given, around = _given(subject, graph, ready, asked, seen)
    return _view(subject, ready, given, around)


def _given(
    subject: Subject,
    graph: GraphView | None,
    ready: Live,
    asked: TextAsked,
    principals: Sequence[str] | None,
) -> tuple[Given, Around]:
    vectors: NDArray[np.float32] | None = None
    neighbor_ids = np.full((1, 0), -1, dtype=np.int64)
    similarities = np.empty((1, 0), dtype=np.float32)
    around = NO_AROUND
    if graph is not None and ready.profile.landmarks is not None:
        titles = [asked.title] if subject.level is Level.DOCUMENT else None
        vectors = graphs.encode(subject, [asked.text], titles)
        with db.reading() as session:
            lists = graphs.nearest(session, subject, vectors, K, principals)
            neighbor_ids, similarities = lists.neighbor_ids, lists.similarity
            around = following.read_around(session, graph, ready, neighbor_ids, [])
    text = f"{asked.title}\n{asked.text}" if asked.title else asked.text
    languages = ready.profile.languages
    usual = max(languages, key=lambda one: languages[one], default="")
    given = Given(
        texts=[text],
        languages=[asked.language or usual],
        labels=[asked.label],
        arrived_s=[time.time()],
        own_ids=[-1],
        vectors=vectors,
        neighbor_ids=neighbor_ids,
        similarities=similarities,
    )
    return given, around


def _view(subject: Subject, ready: Live, given: Given, around: Around) -> ScoreView:
    judged = judging.judge(ready.profile, given, around)
    scored = Scored(
        ids=np.array([-1]),
        hashes=[NOT_STORED],
        values=judged.values,
        tails=judged.tails,
        scores=judged.scores,
        looks=judged.looks,
        n_same=judged.n_same,
        neighbor_ids=given.neighbor_ids,
        recalled=recall(ready.memory, ready.profile, [NOT_STORED], judged.bags, given.vectors),
    )
    ranks, shares, limit = flagging.ranks_of(scored, ready.profile, ready.setting)
    rare = ready.profile.vocabulary.rare_words(given.texts[0])
    facts = flagging.facts_of(scored, 0, rare, given.labels[0])
    is_flagged = bool(ranks[0] > limit)
    by_centroid = is_flagged and ready.setting.detector is Detector.CENTROID
    near = [int(one) for one in given.neighbor_ids[0] if one >= 0]
    with db.reading() as session:
        odd = queries.flagged_among(session, ready.row.id, near)
        normal = [one for one in near if one not in odd][:N_NORMAL]
        nodes = graphs.nodes(session, subject, normal, max_chars=SHOWN_CHARS)
    return ScoreView(
        score=round(float(ranks[0]), 4),
        limit=round(limit, 4),
        percentile=percentile_of(float(shares[0])),
        is_flagged=is_flagged,
        reasons=reasons_of(facts, by_centroid=ready.setting.limit if by_centroid else None),
        signals={
            signal.value: _figures(float(scored.values[0, i]), float(scored.tails[0, i]))
            for i, signal in enumerate(SIGNALS)
        },
        rare_words=rare,
        normal=[row_view(node) for node in nodes],
    )


def _figures(value: float, share: float) -> dict[str, float | None]:
    if not np.isfinite(value):
        return {"value": None, "percentile": None}
    return {"value": round(value, 4), "percentile": percentile_of(share)}
