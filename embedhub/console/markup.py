"""Small pieces of HTML for tables; everything that came from outside is escaped."""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from embedhub.console import words
from embedhub.console.queries import COUNT_BOUND, Progress

EMPTY = "–"
MAX_ROWS = 200
MAX_DEPTH = 8


def moment(value: datetime | None, empty: str = EMPTY) -> SafeString | str:
    """Return a time as "5 min ago" with the exact one to hover over."""
    if value is None:
        return empty
    exact = value.astimezone(UTC)
    return format_html(
        '<time class="eh-nowrap" datetime="{}" title="{}">{}</time>',
        exact.isoformat(),
        f"{exact:%Y-%m-%d %H:%M:%S} UTC",
        words.ago(exact),
    )


def exact_moment(value: datetime | None) -> SafeString | str:
    """Return a time to the second, and how long ago that was."""
    if value is None:
        return EMPTY
    exact = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{}</time> <span class="eh-quiet-text">({})</span>',
        exact.isoformat(),
        f"{exact:%Y-%m-%d %H:%M:%S} UTC",
        words.ago(exact),
    )


def label(text: str, tone: str) -> SafeString:
    """Return a coloured word; tones are good, bad, warn, info, quiet."""
    return format_html('<span class="eh-label eh-{}">{}</span>', tone, text)


def link(url: str, text: object) -> SafeString:
    """Return a link."""
    return format_html('<a class="eh-link" href="{}">{}</a>', url, text)


def chips(values: Sequence[object] | None, *, everything: str, nothing: str) -> SafeString | str:
    """Return short values side by side; None and an empty list have words of their own."""
    if values is None:
        return everything
    if not values:
        return nothing
    return format_html_join(" ", '<span class="eh-chip">{}</span>', ((value,) for value in values))


def bar(percent: int, *, tone: str = "info", bad: int = 0, label_text: str) -> SafeString:
    """Return a progress bar that says its percentage to those who cannot see it.

    `bad` percents in red follow those done.
    """
    return format_html(
        '<span class="eh-bar" role="progressbar" aria-valuemin="0" aria-valuemax="100"'
        ' aria-valuenow="{}" aria-label="{}"><span class="eh-fill eh-fill-{}" style="width: {}%">'
        '</span><span class="eh-fill eh-fill-bad" style="width: {}%"></span></span>',
        percent,
        label_text,
        tone,
        percent,
        bad,
    )


def json_table(value: object, depth: int = 0) -> SafeString | str:
    """Return a JSON value as nested tables of names and values, cut at MAX_ROWS and MAX_DEPTH."""
    if not isinstance(value, dict | list | tuple):
        return _plain(value)
    if not value:
        return "nothing" if depth else EMPTY
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, list | tuple) and not any(isinstance(v, dict | list) for v in value):
        return chips([_plain(inner) for inner in value[:MAX_ROWS]], everything="", nothing="")
    rows = words.rows_of(value)
    cells = ((name, json_table(inner, depth + 1)) for name, inner in rows[:MAX_ROWS])
    body = format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', cells)
    rest = len(rows) - MAX_ROWS
    more = format_html("<tr><td colspan=2>and {} more</td></tr>", rest) if rest > 0 else ""
    return format_html('<table class="eh-pairs">{}{}</table>', body, more)


def progress(figures: Progress, ident: str) -> SafeString:
    """Return how far embedding is: a bar, percents, and what waits or died; refreshes itself."""
    done = words.percent(figures.n_embedded, figures.n_to_embed)
    return SafeString(
        render_to_string(
            "console/progress.html",
            {
                "ident": ident,
                "figures": figures,
                "percent": done,
                "bar": bar(
                    done,
                    # a single dead one among thousands must still be seen
                    bad=max(1, 100 * figures.n_dead // figures.n_to_embed) if figures.n_dead else 0,
                    label_text="embedding progress",
                ),
                "pending": words.bounded(figures.n_pending, COUNT_BOUND),
                "dead": words.bounded(figures.n_dead, COUNT_BOUND),
            },
        )
    )


def code(text: str) -> SafeString:
    """Return text in a type whose letters can be told apart."""
    return format_html('<code class="eh-code">{}</code>', text)


def join(*pieces: object) -> SafeString:
    """Return pieces side by side; what is not markup is escaped."""
    return format_html_join(" ", "{}", ((piece,) for piece in pieces))


def stacked(first: object, below: str) -> SafeString:
    """Return a piece with quiet words below it, which take the room they need."""
    return format_html('{}<div class="eh-quiet-text eh-below-it">{}</div>', first, below)


def passage(text: str, *, note: str = "") -> SafeString:
    """Return a text with its own line breaks, and a remark below it."""
    remark = format_html('<p class="eh-quiet-text">{}</p>', note) if note else ""
    return format_html('<div class="eh-text">{}</div>{}', text, remark)


def post_button(url: str, text: str) -> SafeString:
    """Return a small button that posts the form around it, with its token, to another address."""
    return format_html(
        '<button class="eh-button eh-small" type="submit" formmethod="post" formaction="{}">'
        "{}</button>",
        url,
        text,
    )


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return EMPTY if value is None else str(value)
