"""Figures and times as people read them; pure."""

from collections.abc import Mapping
from datetime import UTC, datetime

STATUS_WORDS = {
    "queued": "waiting",
    "running": "running",
    "succeeded": "done",
    "failed": "failed",
    "cancelled": "cancelled",
}
# colours of the labels, named as the style sheet names them
STATUS_TONES = {
    "queued": "info",
    "running": "info",
    "succeeded": "good",
    "failed": "bad",
    "cancelled": "quiet",
}

IMPORT_STATUS_WORDS = {
    "waiting": "waiting for lines",
    "running": "running",
    "finished": "done",
    "broken": "broken off",
    "cancelled": "cancelled",
}
IMPORT_STATUS_TONES = {
    "waiting": "info",
    "running": "info",
    "finished": "good",
    "broken": "bad",
    "cancelled": "quiet",
}

FILE_STATUS_WORDS = {
    "waiting": "waiting to be read",
    "reading": "being read",
    "stored": "done",
    "failed": "failed",
}
FILE_STATUS_TONES = {
    "waiting": "info",
    "reading": "info",
    "stored": "good",
    "failed": "bad",
}

CURATION_WORDS = {"pin": "pinned", "hide": "hidden"}

# classes of filters by what they keep, as recall is measured over them
FILTER_CLASS_WORDS = {
    "none": "no filter",
    "50%": "keeps about half",
    "10%": "keeps about 10 %",
    "1%": "keeps about 1 %",
    "0.1%": "keeps about 0.1 % or less",
}

JUDGED_SOURCE_WORDS = {
    "manual": "judged here or over REST",
    "import": "an imported set",
    "feedback": "feedback of callers",
}
FEEDBACK_WORDS = {
    "click": ("clicked", "info"),
    "like": ("liked", "good"),
    "dislike": ("disliked", "bad"),
}
RECOMMENDER_STATUS_WORDS = {
    "training": ("being stored", "info"),
    "rejected": ("rejected", "warn"),
    "ready": ("ready", "info"),
    "live": ("live", "good"),
    "retired": ("retired", "quiet"),
    "dropped": ("dropped", "quiet"),
}
GRAPH_STATUS_WORDS = {
    "building": ("being built", "info"),
    "live": ("live", "good"),
    "retired": ("replaced", "quiet"),
}
FINDING_STATUS_WORDS = {
    "open": ("open", "info"),
    "confirmed": ("confirmed", "good"),
    "dismissed": ("dismissed", "quiet"),
}
DUPLICATE_KIND_WORDS = {
    "exact": "the same text",
    "near_copy": "nearly the same text",
    "semantic": "other words, the same meaning",
}
DUPLICATE_ACTION_WORDS = {
    "link": "duplicates, both stay",
    "hide": "duplicates, one hidden from search",
    "merge": "merged into one",
    "not_duplicate": "not duplicates",
    "keep": "stands for its cluster",
    "undo": "taken back",
}
TOPIC_FIT_STATUS_WORDS = {
    "building": ("being fitted", "info"),
    "live": ("live", "good"),
    "retired": ("replaced", "quiet"),
}
TOPIC_METHOD_WORDS = {"hdbscan": "by density (HDBSCAN)", "kmeans": "k-means"}
TOPIC_NAME_WORDS = {
    "words": ("its words", "quiet"),
    "llm": ("language model", "info"),
    "staff": ("staff", "good"),
}
CLASSIFIER_STATUS_WORDS = {
    "rejected": ("rejected", "warn"),
    "ready": ("ready", "info"),
    "live": ("live", "good"),
    "retired": ("retired", "quiet"),
    "dropped": ("dropped", "quiet"),
}
LABEL_ERROR_WORDS = {
    "open": ("to be looked at", "info"),
    "confirmed": ("corrected", "good"),
    "dismissed": ("the label is right", "quiet"),
}
VARIANT_SOURCE_WORDS = {
    "manual": ("written by hand", "info"),
    "learned": ("learned", "good"),
    "former": ("was live before", "quiet"),
}

EXPERIMENT_WORDS = {
    "draft": ("not started", "quiet"),
    "running": ("running", "info"),
    "stopped": ("stopped", "good"),
}

LEVEL_WORDS = {
    "document": "whole documents",
    "chunk": "passages of documents",
    "item": "items",
}
EVENT_WORDS = {
    "duplicates.found": "duplicates were found",
    "anomalies.flagged": "rows were flagged as odd",
    "topics.fitted": "topics were found anew",
    "labels.trained": "labels were trained",
    "webhook.test": "a test",
}
WEBHOOK_STATUS_WORDS = {
    "active": ("active", "good"),
    "paused": ("paused", "quiet"),
    "failing": ("no longer tried", "bad"),
}
DELIVERY_STATUS_WORDS = {
    "waiting": ("waiting", "info"),
    "delivered": ("delivered", "good"),
    "failed": ("failed", "bad"),
}


def bounded(count: int, bound: int) -> str:
    """Return a count that was stopped at `bound` rows: "12", "1,204", "more than 10,000"."""
    return f"more than {bound:,}" if count > bound else f"{count:,}"


def plural(count: int, one: str, many: str = "") -> str:
    """Return "1 chunk", "3 chunks", "1,204 chunks"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def size(n_bytes: int) -> str:
    """Return a size in its largest unit: "310 bytes", "12 kB", "3.4 MB"."""
    if n_bytes < 1_000:
        return plural(n_bytes, "byte")
    amount = float(n_bytes)
    for unit in ("kB", "MB", "GB"):
        amount /= 1_000
        if amount < 999.5 or unit == "GB":
            break
    return f"{amount:.0f} {unit}" if amount >= 10 else f"{amount:.1f} {unit}"


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units: "45 s", "2 min 10 s", "3 h 5 min"."""
    total = max(0, round(seconds))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        amount, total = divmod(total, size)
        if amount:
            parts.append(f"{amount} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def roughly(seconds: float) -> str:
    """Return a length of time in its largest unit: "40 s", "12 min", "3 h"."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{round(seconds / size)} {unit}"
    return f"{max(1, round(seconds))} s"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Return how long ago, or in how long: "just now", "5 min ago", "in 3 h 10 min"."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if abs(seconds) < 5:
        return "just now"
    # Two units up to a day; beyond that the second one is noise.
    words = duration(abs(seconds))
    if abs(seconds) >= 86_400:
        words = plural(round(abs(seconds) / 86_400), "day")
    return f"{words} ago" if seconds > 0 else f"in {words}"


def percent(part: int, whole: int) -> int:
    """Return whole percents, rounded down: 100 means all. Nothing of nothing is 100."""
    return 100 if whole <= 0 else min(100, part * 100 // whole)


def first_line(text: str, limit: int = 120) -> str:
    """Return the first line that says something, cut to `limit` characters."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def remaining_s(
    done: int, total: int | None, started_at: datetime | None, now: datetime
) -> float | None:
    """Return the seconds a run still needs at its pace so far, None when nobody can tell."""
    if not total or started_at is None or done <= 0:
        return None
    elapsed = (now - started_at).total_seconds()
    return elapsed * (total - done) / done if done < total else 0.0


def rows_of(value: object) -> list[tuple[str, object]]:
    """Return the labelled rows of a JSON value; a list's rows are numbered from 1."""
    if isinstance(value, Mapping):
        return [(str(name), inner) for name, inner in value.items()]
    if isinstance(value, list | tuple):
        return [(str(number), inner) for number, inner in enumerate(value, start=1)]
    return []
