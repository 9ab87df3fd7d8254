"""`embedhub settings`: every setting with its default, its value here and its meaning."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import BaseModel, SecretStr

from embedhub.config import Config, get_config

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

PASSWORD = re.compile(r"(//[^/:@]*:)[^/]*@")


@click.command()
@click.option("--markdown", is_flag=True, help="As the table that the documentation holds.")
def settings(*, markdown: bool) -> None:
    """Show the settings; each is the environment variable of its name."""
    if markdown:
        click.echo(markdown_table(), nl=False)
        return
    config = get_config()
    for name, field in fields():
        mark = "*" if name in config.model_fields_set else " "
        click.echo(f"{mark} {variable(name)}={shown(getattr(config, name))}")
        click.echo(f"      {field.description}")
    click.echo("\n* set in this environment")


def markdown_table() -> str:
    """Return the settings as a Markdown table, with their defaults."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    lines += [row(name, field) for name, field in fields()]
    return "\n".join(lines) + "\n"


def fields() -> "list[tuple[str, FieldInfo]]":
    """Return every setting with its name, the service's own before those of its parts."""
    found = Config.model_fields.items()
    return sorted(found, key=lambda named: named[0] not in Config.__annotations__)


def row(name: str, field: "FieldInfo") -> str:
    """Return the table's row for one setting."""
    default = shown(field.default)
    cell = f"`{default}`" if default else ""
    meaning = (field.description or "").replace("|", r"\|")
    return f"| `{variable(name)}` | {cell} | {meaning} |"


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"EMBEDHUB_{name.upper()}"


def shown(value: Any) -> str:
    """Return a value as it would be written in the environment; a secret is not shown."""
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    if isinstance(value, Path):
        return str(value)
    # A database's or broker's URL may hold a password.
    return (
        PASSWORD.sub(r"\1***@", value)
        if isinstance(value, str)
        else json.dumps(value, default=_part)
    )


def _part(value: BaseModel) -> dict[str, Any]:
    # Its secrets are written as stars.
    return value.model_dump(mode="json")
