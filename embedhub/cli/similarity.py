"""`embedhub similarity`: how similar texts are, by the vectors of an encoder."""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from embedhub.cli.client import HubClient
from embedhub.cli.options import UserPath, find_server, server_options
from embedhub.errors import InvalidInput

# Of a text in a heading: enough to know it by.
SHOWN_CHARS = 24


@click.command()
@click.argument("texts", nargs=-1)
@click.option("--file", "file", type=UserPath(), help="Texts, one a line, instead of arguments.")
@click.option("--other", type=UserPath(), help="Compare with these, one a line, not each other.")
@click.option(
    "--encoder",
    help="An encoder, or a collection, whose encoder is taken.  [default: the server's]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
)
@server_options
def similarity(
    texts: tuple[str, ...],
    file: Path | None,
    other: Path | None,
    encoder: str | None,
    *,
    form: str,
    **given: Any,
) -> None:
    """Print the cosine of each of TEXTS with each other one, or with those of --other.

    1 means the same direction; texts that say alike things lie near to it.
    """
    if bool(texts) == (file is not None):
        raise click.UsageError("give texts as arguments, or a file of them by --file")
    rows = list(texts) if file is None else lines_of(file)
    columns = rows if other is None else lines_of(other)
    client = HubClient(find_server(given["home"], given["url"], given["key"]))
    body = {"texts": rows, "other": None if other is None else columns, "encoder": encoder}
    answer = client.call("POST", "/v1/similarity", body)
    if form == "json":
        click.echo(orjson.dumps(answer | {"texts": rows, "other": columns}).decode())
    elif form == "csv":
        print_csv(rows, columns, answer["matrix"])
    else:
        print_table(rows, columns, answer["matrix"])


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file that hold anything; raises InvalidInput for what is no text."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read as text: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def print_csv(
    rows: Sequence[str], columns: Sequence[str], matrix: Sequence[Sequence[float]]
) -> None:
    """Write the matrix with its texts as CSV."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["", *columns])
    for text, values in zip(rows, matrix, strict=True):
        writer.writerow([text, *(f"{value:.6f}" for value in values)])


def print_table(
    rows: Sequence[str], columns: Sequence[str], matrix: Sequence[Sequence[float]]
) -> None:
    """Print the matrix; columns by number, which the first column says of the rows."""
    table = Table()
    table.add_column("", justify="left")
    for number, text in enumerate(columns, start=1):
        table.add_column(f"{number} {beginning(text)}", justify="right")
    for number, (text, values) in enumerate(zip(rows, matrix, strict=True), start=1):
        table.add_row(f"{number} {beginning(text)}", *(f"{value:.3f}" for value in values))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def beginning(text: str) -> str:
    """Return how a text begins."""
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1].rstrip() + "…"
