"""PowerPoint: .pptx, each slide a page with its title as a heading, tables, charts and notes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedhub.documents.parsing.html import table_markdown
from embedhub.documents.parsing.packages import Package, core_properties, drawn_text
from embedhub.documents.parsing.parsed import (
    Limits,
    ParsedDocument,
    Reason,
    Unreadable,
    shorten_title,
    storable,
)
from embedhub.documents.parsing.pdf import BETWEEN_PAGES, OnPage
from embedhub.documents.parsing.plain import stem
from embedhub.documents.parsing.word import first_heading

# Groups inside of groups.
MAX_DEPTH = 16


def parse_slides(name: str, path: Path, limits: Limits, on_page: OnPage) -> ParsedDocument:
    """Return the document of a .pptx file; raises Unreadable."""
    from pptx import Presentation

    with Package(path, limits) as package:
        package.refuse_entities()
        said = core_properties(package)
        drawn = drawn_text(package, "ppt/diagrams/data")
    try:
        slides = list(Presentation(str(path)).slides)
        texts = []
        for number, slide in enumerate(slides, 1):
            texts.append(storable("\n\n".join(_slide(slide))))
            on_page(number, len(slides))
    except Exception as error:
        raise Unreadable(f"is damaged: {type(error).__name__} in its slides") from error
    if drawn and texts:
        texts[-1] += f"\n\n{drawn}"
    starts, text = joined_pages(texts)
    if not text.strip():
        raise Unreadable("holds no text", Reason.EMPTY)
    title = said.pop("title", "") or first_heading(text) or stem(name)
    return ParsedDocument(
        name,
        shorten_title(title),
        text,
        metadata=dict(said),
        format="markdown",
        page_starts=starts,
    )


def joined_pages(texts: list[str]) -> tuple[list[int], str]:
    """Return where each page begins in the joined text, and that text."""
    starts, n_chars = [], 0
    for text in texts:
        starts.append(n_chars)
        n_chars += len(text) + len(BETWEEN_PAGES)
    whole = BETWEEN_PAGES.join(texts).rstrip()
    return [min(start, len(whole)) for start in starts], whole


def _slide(slide: Any) -> Iterator[str]:
    title = slide.shapes.title
    if title is not None and (words := " ".join(title.text_frame.text.split())):
        yield f"# {words}"
    known = None if title is None else title.shape_id
    for shape in slide.shapes:
        if shape.shape_id != known:
            yield from _shape(shape, 0)
    notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    if notes is not None and notes.text.strip():
        yield f"Notes: {notes.text.strip()}"


def _shape(shape: Any, depth: int) -> Iterator[str]:
    if hasattr(shape, "shapes") and depth < MAX_DEPTH:
        for inner in shape.shapes:
            yield from _shape(inner, depth + 1)
    elif shape.has_text_frame:
        if words := shape.text_frame.text.replace("\v", "\n").strip():
            yield words
    elif getattr(shape, "has_table", False):
        rows = [[" ".join(cell.text.split()) for cell in row.cells] for row in shape.table.rows]
        yield table_markdown(rows)
    elif getattr(shape, "has_chart", False):
        yield _chart(shape.chart)


def _chart(chart: Any) -> str:
    lines = [chart.chart_title.text_frame.text] if _is_titled(chart) else []
    for plot in chart.plots:
        names = [str(category) for category in plot.categories]
        for series in plot.series:
            values = zip(names, series.values, strict=False)
            lines.append(
                f"{series.name}: " + ", ".join(f"{name} {value}" for name, value in values)
            )
    return "\n".join(lines)


def _is_titled(chart: Any) -> bool:
    return bool(chart.has_title and chart.chart_title.has_text_frame)
