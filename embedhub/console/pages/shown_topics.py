"""A fit's figures, topics as lines of a table and of a drawing over time, and rows, as shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from embedhub.console import words
from embedhub.graph.subject import Node, Owner
from embedhub.topics.picture import colour_of
from embedhub.topics.service import FitView, TopicView
from embedhub.topics.view import TrendView, shown_title

WORDS_SHOWN = 8
TREND_LINES, TREND_WIDTH, TREND_HEIGHT, TREND_EDGE = 6, 640, 180, 10


@dataclass(frozen=True, slots=True)
class ShownTopic:
    """A topic as a line of the table; `width` is its bar's, in percents of the largest."""

    number: int
    name: str
    words: str
    titles: list[str]
    n_rows: str
    share: str
    n_new: int
    width: int
    colour: str
    source: str
    tone: str
    url: str


@dataclass(frozen=True, slots=True)
class TrendLine:
    """One topic over time as points of a drawing."""

    name: str
    colour: str
    points: str
    last: str


def figures_of(fit: FitView) -> list[tuple[str, str, str]]:
    """Return figures of a fit as label, value and what it means."""
    found = fit.metrics
    told = [
        ("Rows", f"{fit.n_rows:,}", f"{fit.n_new:,} of them came after the fit"),
        ("In no topic", share(fit.n_unsorted / max(fit.n_rows, 1)), "far from every topic"),
    ]
    if found.get("soft_share"):
        told.append(("Joined softly", share(found["soft_share"]), "left over, then near enough"))
    for name, title, meaning in (
        ("silhouette", "Silhouette", "from -1 to 1: how far topics lie apart"),
        ("stability", "Stability", "1: half of the rows alone are grouped the same"),
    ):
        if found.get(name) is not None:
            told.append((title, f"{found[name]:.2f}", meaning))
    if found.get("kept_neighbors") is not None:
        told.append(
            ("Near on the map", share(found["kept_neighbors"]), "of each row's 15 nearest rows")
        )
    return told


def share(value: float) -> str:
    """Return a share in percents."""
    return f"{100 * value:.1f} %"


def shown(one: TopicView, topics: Sequence[TopicView], *, url: str) -> ShownTopic:
    """Return a topic as a line of the table."""
    source, tone = words.TOPIC_NAME_WORDS[one.name_source]
    return ShownTopic(
        number=one.number,
        name=one.name,
        words=", ".join(str(word["word"]) for word in one.words[:WORDS_SHOWN]),
        titles=[str(title["title"]) for title in one.titles],
        n_rows=f"{one.n_rows:,}",
        share=share(one.share),
        n_new=one.n_new,
        width=round(100 * one.n_rows / max(topics[0].n_rows, 1)),
        colour=css(one.number),
        source=source,
        tone=tone,
        url=url,
    )


def css(number: int) -> str:
    """Return a topic's colour as a style sheet writes it."""
    red, green, blue = colour_of(number)
    return f"#{red:02x}{green:02x}{blue:02x}"


def lines_of(trend: TrendView, topics: Sequence[TopicView]) -> list[TrendLine]:
    """Return the largest topics over time as lines of a drawing, oldest left."""
    if len(trend.times) < 2:
        return []
    names = {one.number: one.name for one in topics}
    told = [one for one in trend.series if one["topic"] in names][:TREND_LINES]
    most = max((max(one["counts"]) for one in told), default=0) or 1
    wide = (TREND_WIDTH - 2 * TREND_EDGE) / (len(trend.times) - 1)
    high = TREND_HEIGHT - 2 * TREND_EDGE
    return [
        TrendLine(
            name=names[one["topic"]],
            colour=css(one["topic"]),
            points=" ".join(
                f"{TREND_EDGE + place * wide:.1f},{TREND_HEIGHT - TREND_EDGE - high * n / most:.1f}"
                for place, n in enumerate(one["counts"])
            ),
            last=f"{one['counts'][-1]:,}",
        )
        for one in told
    ]


def example(node: Node, owner: Owner) -> dict[str, Any]:
    """Return a row with the address of its page."""
    item = owner is Owner.CATALOGS
    ident = node.id if item or node.document_id is None else node.document_id
    return {
        "title": shown_title(node),
        "external_id": node.external_id,
        "text": " ".join(node.text[:600].split())[:280],
        "url": reverse(f"admin:console_{'item' if item else 'document'}_change", args=[ident]),
    }
