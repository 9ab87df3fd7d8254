"""The work of the run that finds topics: read, lay out, group, name, store, let it answer.

While it computes no transaction is open. Killed at any moment, it leaves places that nobody reads,
which the next try removes; the live fit answers on.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from embedhub import db
from embedhub.errors import NotFound
from embedhub.graph import service as graphs
from embedhub.runs.progress import RunProgress, staying_alive
from embedhub.topics import compute, storing
from embedhub.topics.compute import Fitted
from embedhub.topics.following import follow
from embedhub.topics.grouping import NONE, middles
from embedhub.topics.jit import keep_compiled
from embedhub.topics.layout import lay_out, start_again
from embedhub.topics.matching import Match, match_numbers
from embedhub.topics.material import Material, read_material
from embedhub.topics.neighborhood import Floats, Integers
from embedhub.topics.queries import fits as queries
from embedhub.topics.queries.members import Places
from embedhub.topics.setting import FitSetting, read_setting
from embedhub.topics.titles import Named, name_by_llm, name_topics

TITLES = 3
# Of the time that a fit takes, by step, in hundredths: reading, smoothing, the map, ...
STEPS = {
    "reading neighbors": (0, 5),
    "reading vectors": (5, 5),
    "smoothing over the graph": (10, 5),
    "laying out the map": (15, 55),
    "grouping": (70, 10),
    "reading texts": (80, 10),
    "naming": (90, 5),
    "storing": (95, 5),
}


class Telling:
    """Progress of the steps of a fit as one course, and how long each took."""

    def __init__(self, progress: RunProgress) -> None:
        self._progress = progress
        self._at = time.perf_counter()
        self._phase: str | None = None
        self.seconds: dict[str, float] = {}

    def __call__(self, phase: str, done: int = 0, total: int = 1) -> None:
        """Say how far a step is; raises as `report` does."""
        now = time.perf_counter()
        if self._phase is not None:
            self.seconds[self._phase] = self.seconds.get(self._phase, 0.0) + now - self._at
        self._at, self._phase = now, phase
        start, width = STEPS[phase]
        self._progress.describe(phase)
        self._progress.report(start + int(width * min(done / max(total, 1), 1)), 100)


def fit_topics(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Find the topics of a subject and let them answer instead of those before.

    Returns figures. Raises NotFound if the owner is gone, Conflict where there are no vectors.
    """
    subject, setting = graphs.read_subject(arguments), read_setting(arguments)
    graph = graphs.ensure_graph(progress, subject)
    tell = Telling(progress)
    with staying_alive(progress):
        keep_compiled()
        storing.remove_left_overs(subject)
        with db.reading() as session:
            owner = queries.find_owner(session, subject)
            live = queries.find_live(session, subject)
            before = None if live is None else storing.read_places(session, live.id)
        if owner is None:
            raise NotFound(subject.owner_name.split()[0], subject.owner_name.split()[1])
        material = read_material(graph, tell)
        places = lay_out_rows(material, before, tell)
        tell("grouping")
        grouped = compute.group(material, setting)
        metrics = compute.figures(material, places, grouped, setting)
        numbers, next_number = match_topics(
            material, grouped.labels, before, 1 if live is None else live.next_number
        )
        fitted = Fitted(material, grouped.labels, grouped.is_soft, numbers, places)
        named = name_groups(subject, owner[1], fitted, setting, tell)
        tell("storing")
        metrics["seconds"] = rounded(tell.seconds)
        fit_id = storing.begin(
            subject,
            run_id=progress.run_id or None,
            method=setting.method.value,
            settings=setting.as_mapping() | grouped.facts,
            n_rows=len(material),
            next_number=next_number,
            metrics=metrics,
        )
        storing.store_topics(subject, fit_id, topic_rows(fitted, named), live)
        for done in storing.store_places(fit_id, storing.as_places(fitted)):
            tell("storing", done, len(material))
    # The last moment to notice that somebody else works on it, or that it shall stop.
    progress.stay_alive()
    storing.finish(subject, fit_id, owner[0], metrics)
    storing.remove_left_overs(subject)
    # What came, changed or went while it was made.
    follow(graph)
    return {"fit": fit_id, "n_rows": len(material), **metrics}


def lay_out_rows(material: Material, before: Places | None, tell: Telling) -> Floats:
    """Return the rows' places on the map, aligned with the live one."""
    tell("laying out the map")
    first = material.reduced[:, :2]
    if not len(material):
        return np.zeros((0, 2), np.float32)
    old = former_places(material.ids, before)
    is_again = bool(np.isfinite(old[:, 0]).any())
    start = start_again(old, material.around, first) if is_again else first

    def on_step(done: int, total: int) -> None:
        tell("laying out the map", done, total)

    places = lay_out(
        material.around, start, is_again=is_again, seed=compute.seed(), on_step=on_step
    )
    return compute.aligned(places, old)


def former_places(ids: Integers, before: Places | None) -> Floats:
    """Return where rows lie on the live map, NaN for those that do not."""
    found = np.full((len(ids), 2), np.nan, np.float32)
    if before is not None and len(before.ids):
        at = np.minimum(np.searchsorted(before.ids, ids), len(before.ids) - 1)
        known = before.ids[at] == ids
        found[known] = before.xy[at[known]]
    return found


def match_topics(
    material: Material, labels: Integers, before: Places | None, next_number: int
) -> tuple[dict[int, Match], int]:
    """Return the number of each group: that of the topic before which it is most of."""
    old = np.full(len(labels), NONE, np.int64)
    if before is not None and len(before.ids):
        at = np.minimum(np.searchsorted(before.ids, material.ids), len(before.ids) - 1)
        known = before.ids[at] == material.ids
        old[known] = before.numbers[at[known]]
    n_groups = int(labels.max(initial=NONE)) + 1
    return match_numbers(old, labels, n_groups=n_groups, next_number=next_number)


def name_groups(
    subject: graphs.Subject, language: str, fitted: Fitted, setting: FitSetting, tell: Telling
) -> list[Named]:
    """Return a name of each group from its words, or by the workspace's language model."""
    tell("reading texts")
    material, labels = fitted.material, fitted.labels
    outwards = middles(labels, material.reduced, len(labels))
    named = name_topics(
        subject,
        language,
        [material.ids[some] for some in outwards],
        lambda done, total: tell("reading texts", done, total),
    )
    endpoint = storing.find_endpoint(subject.workspace_id) if setting.llm_names else None
    if endpoint is None:
        return named
    found = []
    for done, one in enumerate(named):
        tell("naming", done, len(named))
        found.append(name_by_llm(endpoint, one))
    return found


def topic_rows(fitted: Fitted, named: list[Named]) -> Iterator[dict[str, Any]]:
    """Yield the columns of each topic."""
    material = fitted.material
    centres = middles(fitted.labels, material.reduced, TITLES)
    for group, one in enumerate(named):
        own = fitted.labels == group
        x, y = np.median(fitted.places[own], axis=0)
        yield {
            "number": fitted.numbers[group].number,
            "name": one.name,
            "name_source": one.source,
            "name_facts": one.facts,
            "words": [[word.text, word.score] for word in one.words],
            "is_public": one.is_public,
            "medoid_ids": [int(node_id) for node_id in material.ids[centres[group]]],
            "n_rows": int(own.sum()),
            "kept_share": fitted.numbers[group].kept_share,
            "x": float(x),
            "y": float(y),
        }


def rounded(seconds: dict[str, float]) -> dict[str, float]:
    """Return times to a tenth of a second."""
    return {name: round(value, 1) for name, value in seconds.items()}
