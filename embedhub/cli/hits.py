"""Search answers on a terminal: score, title, the words that matched."""

import shutil
import textwrap
from typing import Any

import click

INDENT = " " * 9


def print_answer(answer: dict[str, Any], *, explain: bool = False) -> None:
    """Print the hits of a search, best first, and say so when there may be more."""
    for hit in answer["hits"]:
        document = hit["document"]
        title = document.get("title") or document["external_id"]
        click.echo(f"  {hit['score']:.3f}  {click.style(title, bold=True)}{aside(document)}")
        if snippet := snippet_of(hit):
            click.echo(shorten(snippet))
        if explain:
            for line in explanation(hit.get("explain") or {}):
                click.echo(f"{INDENT}{line}")
    if not answer["hits"]:
        click.echo("  no hits")
    if not answer.get("complete", True):
        click.echo("  (this list may be incomplete)")


def aside(document: dict[str, Any]) -> str:
    """Return the id of a document in brackets where the title does not already say it."""
    external_id = document["external_id"]
    return "" if document.get("title") in (None, "", external_id) else f"  [{external_id}]"


def snippet_of(hit: dict[str, Any]) -> str:
    """Return the best sentence of a hit without its marks, else the start of its passage."""
    highlights = hit.get("highlights") or []
    first = highlights[0] if highlights else {}
    text = first.get("text") if isinstance(first, dict) else first
    return str(text or (hit.get("chunk") or {}).get("text") or "")


def shorten(text: str) -> str:
    """Return a text on two indented lines at most."""
    width = max(40, shutil.get_terminal_size((100, 24)).columns - 2)
    return textwrap.fill(
        " ".join(text.split()),
        width=width,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        max_lines=2,
        placeholder=" …",
    )


def explanation(explain: dict[str, Any]) -> list[str]:
    """Return a line for each part of an explanation, such as "dense: rank 2, score 0.61"."""
    return [
        f"{name}: {', '.join(f'{k} {shown(v)}' for k, v in part.items())}"
        if isinstance(part, dict)
        else f"{name}: {shown(part)}"
        for name, part in explain.items()
    ]


def shown(value: object) -> str:
    """Return a value with no more digits than anybody reads."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
