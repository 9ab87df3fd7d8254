"""An answer of the search in words: marked passages, bars, and each leg's part in a score; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from embedhub.search.request import (
    Adjustment,
    Hit,
    Leg,
    LegExplanation,
    LegReport,
    Mode,
    Span,
    Took,
)

EXCERPT_CHARS = 700
LEAD_CHARS = 160
LEG_WORDS = {Leg.DENSE: "Meaning", Leg.LEXICAL: "Words", Leg.NEIGHBORS: "Those nearby"}
STEP_WORDS = {
    "title": "Title",
    "heading": "Heading",
    "recency": "Age",
    "boost": "Boost",
    "rerank": "Reranker",
    "not_reranked": "Behind the reranked",
    "diversity": "More of the same",
    "pinned": "Pinned",
}
PLAN_WORDS = {
    "exact": "every row that passes compared",
    "hnsw": "found through the HNSW index",
    "terms": "found through the index on words",
}


@dataclass(frozen=True, slots=True)
class ShownLeg:
    """One leg's part in one hit: the words, and its part of the score in whole percents."""

    name: str
    tone: str
    words: str
    percent: int


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step of the ranking behind fusion, in words; `gain` is signed."""

    name: str
    gain: str
    words: str


@dataclass(frozen=True, slots=True)
class ShownHit:
    """A hit, ready for the page; `width` is the bar's, in percents."""

    hit: Hit
    title: str
    score: str
    width: int
    passage: SafeString
    legs: list[ShownLeg]
    is_second_tier: bool
    steps: list[ShownStep]

    @property
    def is_pinned(self) -> bool:
        """Return whether people put it there."""
        return any(step.name == STEP_WORDS["pinned"] for step in self.steps)


@dataclass(frozen=True, slots=True)
class ShownReport:
    """How one leg went through the collection."""

    name: str
    words: str
    terms: list[tuple[str, str]]


def shown_hits(hits: Sequence[Hit], mode: Mode) -> list[ShownHit]:
    """Return the hits with bars relative to the best possible score, or to the best one found."""
    best = max((hit.score for hit in hits), default=0.0)
    # Fused scores end at 1; scores of a single leg have no such end.
    scale = max(best, 1.0) if mode is Mode.HYBRID else best
    return [
        ShownHit(
            hit=hit,
            title=hit.document.title or hit.document.external_id,
            score=f"{hit.score:.3f}",
            width=round(100 * max(0.0, hit.score) / scale) if scale > 0 else 0,
            passage=marked(hit.chunk.text, hit.highlights, hit.sentence),
            legs=[shown_leg(leg, hit.score) for leg in hit.explain.legs] if hit.explain else [],
            is_second_tier=hit.explain is not None and hit.explain.tier > 1,
            steps=[shown_step(step) for step in hit.explain.adjustments] if hit.explain else [],
        )
        for hit in hits
    ]


def shown_step(step: Adjustment) -> ShownStep:
    """Return what one step did to a score."""
    name = STEP_WORDS.get(step.kind, step.kind)
    return ShownStep(name, f"{step.after - step.before:+.3f}", step.detail)


def shown_leg(leg: LegExplanation, score: float) -> ShownLeg:
    """Return a leg's part in one hit as a sentence."""
    name = LEG_WORDS[leg.leg]
    percent = round(100 * leg.share / score) if score > 0 else 0
    measure = "BM25" if leg.leg is Leg.LEXICAL else "similarity"
    if leg.leg is Leg.NEIGHBORS:
        found = f"the nearest candidates score {leg.normalized:.3f}"
    elif leg.rank is None and leg.score:
        found = f"not among its first, {measure} {leg.score:.3f}"
    elif leg.rank is None or leg.score is None:
        found = (
            "none of the words"
            if leg.leg is Leg.LEXICAL
            else f"not among the nearest; counted as the farthest of them ({leg.normalized:.2f})"
        )
    else:
        found = f"rank {leg.rank}, {measure} {leg.score:.3f}"
    return ShownLeg(name, leg.leg.value, f"{found}; gives {leg.share:.3f}", percent)


def shown_legs(reports: Iterable[LegReport]) -> list[ShownReport]:
    """Return what each leg looked at, its words with the number of chunks that hold them."""
    return [
        ShownReport(
            LEG_WORDS[report.leg],
            report_words(report),
            [(word, f"{n_rows:,}") for word, n_rows in report.terms.items()],
        )
        for report in reports
    ]


def report_words(report: LegReport) -> str:
    """Return how a leg found its candidates, with the rows it guessed and the rows it looked at."""
    words = [f"{report.n_candidates:,} candidates, {PLAN_WORDS.get(report.plan, report.plan)}"]
    if report.scanned_rows is not None:
        words.append(f"{report.scanned_rows:,} rows looked at")
    if report.estimated_rows is not None:
        words.append(f"about {report.estimated_rows:,} were expected to pass")
    if report.ef_search is not None:
        words.append(f"ef {report.ef_search}")
    if report.reason:
        words.append(report.reason)
    if not report.complete:
        words.append("the list was cut")
    return "; ".join(words)


def shown_took(took: Took) -> str:
    """Return where the time went: "23 ms: encoding 5, meaning 4, ..."."""
    parts = {
        "encoding": took.encode,
        "meaning": took.dense,
        "words": took.lexical,
        "reading": took.hydrate,
        "marking": took.highlight,
    }
    spent = ", ".join(f"{name} {ms:.0f}" for name, ms in parts.items() if ms >= 0.5)
    return f"{took.total:.0f} ms" + (f" ({spent})" if spent else "")


def marked(text: str, highlights: Sequence[Span], sentence: Span | None) -> SafeString:
    """Return the part of a passage around its best sentence, matched words marked, all escaped."""
    start, end = excerpt(text, sentence)
    edges = {start, end}
    for span in (*highlights, *([sentence] if sentence else [])):
        edges |= {min(max(span.start, start), end), min(max(span.end, start), end)}
    cuts = sorted(edges)
    pieces = [
        _piece(text[left:right], left, highlights, sentence) for left, right in pairwise(cuts)
    ]
    before, after = "… " if start else "", " …" if end < len(text) else ""
    return SafeString(before + "".join(pieces) + after)


def excerpt(text: str, sentence: Span | None) -> tuple[int, int]:
    """Return the range to show: a little before the best sentence, EXCERPT_CHARS in all."""
    if len(text) <= EXCERPT_CHARS:
        return 0, len(text)
    start = max(0, (sentence.start if sentence else 0) - LEAD_CHARS)
    start = max(0, min(start, len(text) - EXCERPT_CHARS))
    if start:
        # begin with a whole word
        space = text.find(" ", start, start + 30)
        start = space + 1 if space >= 0 else start
    return start, min(len(text), start + EXCERPT_CHARS)


def _piece(text: str, at: int, highlights: Sequence[Span], sentence: Span | None) -> str:
    content = escape(text)
    if any(span.start <= at < span.end for span in highlights):
        content = format_html("<mark>{}</mark>", text)
    if sentence is not None and sentence.start <= at < sentence.end:
        return format_html('<span class="eh-sentence">{}</span>', content)
    return content
