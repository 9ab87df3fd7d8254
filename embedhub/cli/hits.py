"""Search answers on a terminal: score, title, the best sentence with the matched words."""

from typing import Any

import click

INDENT = " " * 9
MAX_SENTENCE_CHARS = 220

Span = dict[str, int]


def print_answer(answer: dict[str, Any], *, explain: bool = False) -> None:
    """Print the hits of a search, best first, and what to know about the list."""
    for hit in answer["hits"]:
        document = hit["document"]
        title = document["title"] or document["external_id"]
        click.echo(
            f"  {hit['score']:.3f}  {click.style(title, bold=True)}{aside(document)}{place(hit)}"
        )
        click.echo(INDENT + sentence_of(hit))
        if explain and hit["explain"]:
            for leg in hit["explain"]["legs"]:
                click.echo(INDENT + leg_line(leg))
    if not answer["hits"]:
        click.echo("  no hits")
    for note in answer.get("notes") or []:
        click.echo(f"  ({note['message']})")
    if not answer["complete"]:
        click.echo("  (this list may lack rows that belong on it)")


def aside(document: dict[str, Any]) -> str:
    """Return the id of a document in brackets where the title does not already say it."""
    external_id = document["external_id"]
    return "" if document["title"] in ("", external_id) else f"  [{external_id}]"


def place(hit: dict[str, Any]) -> str:
    """Return the page of a hit where it has one."""
    page = hit["chunk"].get("page")
    return f"  p. {page:,}" if page else ""


def sentence_of(hit: dict[str, Any]) -> str:
    """Return the best sentence of a hit on one line, the matched words underlined."""
    text = hit["chunk"]["text"]
    best = hit["sentence"] or {"start": 0, "end": len(text)}
    end = min(best["end"], best["start"] + MAX_SENTENCE_CHARS)
    marked = underline(text, best["start"], end, hit["highlights"])
    return " ".join(marked.split()) + (" …" if end < best["end"] else "")


def underline(text: str, start: int, end: int, spans: list[Span]) -> str:
    """Return `text[start:end]` with the spans that lie in it underlined."""
    parts = []
    for span in sorted(spans, key=lambda span: span["start"]):
        if start <= span["start"] and span["end"] <= end:
            parts += [
                text[start : span["start"]],
                click.style(text[span["start"] : span["end"]], underline=True),
            ]
            start = span["end"]
    return "".join([*parts, text[start:end]])


def leg_line(leg: dict[str, Any]) -> str:
    """Return one leg's part of a score, such as "dense    rank 2, score 0.61, share 0.44"."""
    if leg["leg"] == "neighbors":
        return f"nearby   score {leg['score']:.3g} on average, share {leg['share']:.3f}"
    if leg["rank"] is None:
        return f"{leg['leg']:<8} not among its candidates, share {leg['share']:.3f}"
    return f"{leg['leg']:<8} rank {leg['rank']}, score {leg['score']:.3g}, share {leg['share']:.3f}"
