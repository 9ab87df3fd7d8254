"""The analyses there are: what they are for, where they are looked at, and how one is started."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from embedhub.access.caller import Caller
from embedhub.anomalies import service as anomalies
from embedhub.console import words
from embedhub.console.queries import Findings
from embedhub.duplicates import service as duplicates
from embedhub.duplicates.places import Where
from embedhub.graph.subject import Level, Owner
from embedhub.topics import service as topics
from embedhub.topics.asking import Asked
from embedhub.topics.setting import FitSetting

# Returns the id of the run; `by` is who asked for it.
Start = Callable[[Caller, Owner, str, Level, str], int]


@dataclass(frozen=True, slots=True)
class Analysis:
    """One kind of analysis; `view` and `change` are permissions, `page` the name of a URL.

    `count` returns how many findings wait to be looked at, with what they are called.
    """

    name: str
    title: str
    lead: str
    kinds: tuple[str, ...]
    page: str
    view: str
    change: str
    count: Callable[[Findings], tuple[int, str]]
    ended: Callable[[Findings], datetime | None]
    first_step: str
    review: str
    all_done: str
    start_words: str = "Start"
    start: Start | None = None


def _start_duplicates(caller: Caller, owner: Owner, slug: str, level: Level, by: str) -> int:
    del by
    return duplicates.start_scan(caller, Where(owner, slug, level.value))


def _start_anomalies(caller: Caller, owner: Owner, slug: str, level: Level, by: str) -> int:
    del by
    return anomalies.start_scan(caller, owner, slug, level=level.value)


def _start_topics(caller: Caller, owner: Owner, slug: str, level: Level, by: str) -> int:
    del by
    return topics.start_fit(Asked(caller, owner, slug, level.value), FitSetting())


def _plural(count: int, one: str, many: str) -> tuple[int, str]:
    return count, words.plural(count, one, many).partition(" ")[2]


def _labels(found: Findings) -> tuple[int, str]:
    if found.n_label_errors:
        return _plural(found.n_label_errors, "label that may be wrong", "labels that may be wrong")
    return _plural(found.n_label_sets, "label set", "label sets")


ANALYSES = (
    Analysis(
        name="duplicates",
        title="Duplicates",
        lead="The same text twice, copies with small changes, and other words for the same thing.",
        kinds=("scan_duplicates", "compare_collections"),
        page="console_duplicates",
        view="view_duplicatepair",
        change="decide_duplicatepair",
        count=lambda found: _plural(found.n_pairs, "pair to look at", "pairs to look at"),
        ended=lambda found: found.compared_at,
        first_step="Start it: every row is compared with the rows near it. Nothing is changed.",
        review="Look at the pairs side by side, and say which are the same. All can be undone.",
        all_done="Nobody is asked about a pair any more. New rows are compared as they come.",
        start=_start_duplicates,
    ),
    Analysis(
        name="anomalies",
        title="Anomalies",
        lead="Rows that are unlike the rest: off the subject, broken, in odd words, or repeated.",
        kinds=("scan_anomalies",),
        page="console_anomalies",
        view="view_anomalyflag",
        change="decide_anomalyflag",
        count=lambda found: _plural(found.n_flags, "row to look at", "rows to look at"),
        ended=lambda found: found.scored_at,
        first_step="Start it: it learns what is usual here, and flags the few rows that are not.",
        review="Look at the flags: accept what belongs here, confirm what does not. The next"
        " scores follow from it.",
        all_done="Every flag is decided. New rows are scored as they come.",
        start=_start_anomalies,
    ),
    Analysis(
        name="topics",
        title="Topics",
        lead="What the rows are about: named groups, and a map of them.",
        kinds=("fit_topics",),
        page="console_topics",
        view="view_topic",
        change="fit_topicfit",
        count=lambda found: _plural(found.n_topics, "topic", "topics"),
        ended=lambda found: found.grouped_at,
        first_step="Start it: rows that are about the same are grouped, named and drawn as a map.",
        review="Look at the topics and the map. A name that does not fit can be changed.",
        all_done="No topic stands out: there are too few rows, or each is about something else.",
        start=_start_topics,
    ),
    Analysis(
        name="labels",
        title="Labels",
        lead="Labels of your own, such as “intent”: learned from examples, given to every row.",
        kinds=("train_labels", "train_classifier"),
        page="console_labels",
        view="view_labelset",
        change="label_labelset",
        count=_labels,
        ended=lambda found: found.trained_at,
        first_step="Set up a label set, give some rows their labels, then train it on its page.",
        review="Look at the rows whose labels may be wrong, and label what teaches most.",
        all_done="New rows get their labels as they come.",
    ),
)
BY_NAME = {analysis.name: analysis for analysis in ANALYSES}
