"""How the fields of an item become the text that is encoded; pure."""

import string
from collections.abc import Mapping, Sequence
from typing import Any

from embedhub.errors import InvalidInput

MAX_TEMPLATE_CHARS = 10_000


def check_template(template: str, field: str = "content_template") -> None:
    """Return if this is a template; raises InvalidInput.

    A template is text with {names of fields}; {{ and }} stand for braces. Empty is one, too.
    """
    if len(template) > MAX_TEMPLATE_CHARS:
        raise InvalidInput(f"must have at most {MAX_TEMPLATE_CHARS:,} characters", field)
    if "\x00" in template:
        raise InvalidInput("must not hold a NUL character", field)
    try:
        # Line by line, as it is filled in.
        parts = [part for line in template.splitlines() for part in string.Formatter().parse(line)]
    except ValueError as error:
        raise InvalidInput(f"is no template: {error}", field) from None
    for _, name, specification, conversion in parts:
        if name is None:
            continue
        if not name.strip():
            raise InvalidInput("must name a field between { and }", field)
        if specification or conversion:
            raise InvalidInput(f"takes only the name of a field in {{{name}...}}", field)


def render(template: str, fields: Mapping[str, Any]) -> str:
    """Return the content text of an item.

    Lines of the template whose named fields are all empty are left out. An empty template is every
    field that holds text, a line each, by name.
    """
    if not template:
        return "\n".join(filter(None, (_words(fields[name]) for name in sorted(fields))))
    lines = [_line(line, fields) for line in template.splitlines()]
    return "\n".join(line for line in lines if line is not None).strip()


def _line(line: str, fields: Mapping[str, Any]) -> str | None:
    written: list[str] = []
    values: list[str] = []
    for literal, name, _, _ in string.Formatter().parse(line):
        written.append(literal)
        if name is not None:
            values.append(_words(fields.get(name)))
            written.append(values[-1])
    return None if values and not any(values) else "".join(written).rstrip()


def _words(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Sequence):
        return ", ".join(filter(None, map(_words, value)))
    if value is None or isinstance(value, bool):
        return ""
    return str(value)
