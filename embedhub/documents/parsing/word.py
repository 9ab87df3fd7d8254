"""Word: .docx, by way of HTML, which keeps headings, lists, tables, notes and comments."""

import io
from pathlib import Path
from typing import Any

from embedhub.documents.parsing.html import markdown_of
from embedhub.documents.parsing.packages import Package, core_properties, drawn_text
from embedhub.documents.parsing.parsed import (
    Limits,
    ParsedDocument,
    Reason,
    Unreadable,
    shorten_title,
    storable,
)
from embedhub.documents.parsing.plain import stem

STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='title'] => h1:fresh
comment-reference => sup
"""


def parse_word(name: str, path: Path, limits: Limits) -> ParsedDocument:
    """Return the document of a .docx file; raises Unreadable."""
    import mammoth

    with Package(path, limits) as package:
        package.refuse_entities()
        said = core_properties(package)
        drawn = drawn_text(package, "word/charts/chart", "word/diagrams/data")
    content = io.BytesIO(path.read_bytes())
    try:
        html = mammoth.convert_to_html(
            content,
            style_map=STYLES,
            convert_image=mammoth.images.img_element(_no_image),
            # Parts may name files beside the document.
            external_file_access=False,
        ).value
    except Exception as error:
        raise Unreadable(f"is damaged: {type(error).__name__} in its main part") from error
    text = storable("\n\n".join(filter(None, [markdown_of(html), drawn])))
    if not text.strip():
        raise Unreadable("holds no text", Reason.EMPTY)
    title = said.pop("title", "") or first_heading(text) or stem(name)
    return ParsedDocument(name, shorten_title(title), text, metadata=dict(said), format="markdown")


def first_heading(markdown: str) -> str:
    """Return the words of the first heading of a Markdown text, empty without one."""
    lines = (line for line in markdown.split("\n") if line.startswith("#"))
    return next(lines, "").lstrip("# ").strip()


def _no_image(_: Any) -> dict[str, str]:
    return {}
