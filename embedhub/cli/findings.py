"""`embedhub findings`: analyses started and followed, what they found, decided and exported."""

import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from embedhub.cli.client import HubClient
from embedhub.cli.found_rows import COLUMNS, DECISIONS, cells, flat, harmless
from embedhub.cli.index import follow
from embedhub.cli.options import UserPath, find_server, server_options
from embedhub.errors import HubError

Given = dict[str, Any]
PAGE = 200
ANALYSES = click.Choice(["duplicates", "anomalies", "topics", "labels"])
DECIDED = click.Choice(list(DECISIONS))
LEVELS = click.Choice(["document", "chunk", "item"])
STATUSES = click.Choice(["open", "confirmed", "dismissed"])


def owner_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what says whose rows are meant, and which server has them."""
    for option in (
        click.option("--catalog", is_flag=True, help="SLUG is that of a catalog."),
        click.option(
            "--level", type=LEVELS, help="Documents (default) or passages (chunk) of a collection."
        ),
        click.option("--set", "label_set", help="Of labels: the name of the label set."),
    ):
        command = option(command)
    return server_options(command)


@dataclass(frozen=True, slots=True)
class Asked:
    """Findings of one kind: where they are started and listed, and of which level."""

    client: HubClient
    analysis: str
    place: str
    listed_at: str
    level: dict[str, str]


@click.group()
def findings() -> None:
    """Duplicates, anomalies, topics and labels: what the shape of the data tells."""


@findings.command()
@click.argument("analysis", type=ANALYSES)
@click.argument("slug")
@click.option("--options", help='More of the request, as JSON, such as {"k": 20}.')
@click.option("--no-wait", is_flag=True, help="Print the run's number and do not wait for it.")
@owner_options
def scan(analysis: str, slug: str, options: str | None, *, no_wait: bool, **given: Any) -> None:
    """Start an analysis of a collection, show its progress, and tell what it found.

    Of labels, the label set named by --set is trained.
    """
    asked = asked_of(analysis, slug, given)
    verb = "train" if analysis == "labels" else "scan"
    answer = asked.client.call("POST", f"{asked.place}/{verb}", asked.level | parsed(options))
    if no_wait:
        click.echo(answer["run_id"])
        return
    run = follow(asked.client, int(answer["run_id"]))
    if run["status"] != "succeeded":
        raise HubError(f"the run {run['status']}: {run['error'] or 'somebody asked it to stop'}")
    for name, value in run["result"].items():
        if not isinstance(value, dict | list):
            click.echo(f"{name.removeprefix('n_').replace('_', ' ')}: {value}")


@findings.command("list")
@click.argument("analysis", type=ANALYSES)
@click.argument("slug")
@click.option("--status", type=STATUSES, help="Only these.  [default: open]")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One finding a line, as it came.")
@owner_options
def list_found(
    analysis: str, slug: str, status: str | None, limit: int, *, as_json: bool, **given: Any
) -> None:
    """Show findings, those to look at first on top."""
    found = listed(asked_of(analysis, slug, given), status or "open", limit)
    if as_json:
        for row in found:
            click.echo(orjson.dumps(row).decode())
        return
    table = Table(*(heading for heading, _ in COLUMNS[analysis]))
    for row in found:
        table.add_row(*(escape(cell) for cell in cells(analysis, row)))
    if not table.row_count:
        click.echo("nothing: either it was not analysed yet, or all is decided")
        return
    Console().print(table)


@findings.command()
@click.argument("analysis", type=DECIDED)
@click.argument("slug")
@click.argument("ident", metavar="ID", type=int)
@click.argument("decision")
@click.option("--options", help="More of the request, as JSON.")
@owner_options
def decide(
    analysis: str, slug: str, ident: int, decision: str, options: str | None, **given: Any
) -> None:
    """Decide about a finding.

    DECISION of duplicates is link, hide, merge or not_duplicate; of anomalies accept (it
    belongs here) or confirm (it does not); of labels confirmed (the label is wrong) or dismissed.
    """
    names = DECISIONS[analysis].names
    if decision not in names:
        raise click.BadParameter(f"is one of {', '.join(names)}", param_hint="DECISION")
    tell(asked_of(analysis, slug, given), ident, decision, parsed(options))


@findings.command()
@click.argument("analysis", type=DECIDED)
@click.argument("slug")
@click.argument("ident", metavar="ID", type=int)
@owner_options
def undo(analysis: str, slug: str, ident: int, **given: Any) -> None:
    """Take back what was decided about a finding, by whomever."""
    asked = asked_of(analysis, slug, given)
    tell(asked, ident, DECISIONS[analysis].undo, holding(asked, ident))


@findings.command()
@click.argument("analysis", type=ANALYSES)
@click.argument("slug")
@click.option("--status", type=STATUSES, help="Only these.  [default: all]")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file.")
@owner_options
def export(
    analysis: str, slug: str, status: str | None, form: str, output: Path | None, **given: Any
) -> None:
    """Write all findings as CSV or as JSON, one a line."""
    asked = asked_of(analysis, slug, given)
    statuses = [status] if status or analysis not in DECISIONS else STATUSES.choices
    rows = (row for each in statuses for row in listed(asked, each, None))
    if output is None:
        n_rows = write(rows, form, sys.stdout)
    else:
        with output.open("w", newline="", encoding="utf-8") as file:
            n_rows = write(rows, form, file)
    click.echo(f"{n_rows:,} {analysis}", err=True)


@findings.command()
@click.argument("slug")
@click.argument("text", required=False)
@click.option("--file", "path", type=UserPath(), help="A text file in place of TEXT.")
@owner_options
def check(slug: str, text: str | None, path: Path | None, **given: Any) -> None:
    """Say whether a text would be a duplicate of what is stored; nothing is stored."""
    show_answer(asked_of("duplicates", slug, given), "check", text_of(text, path))


@findings.command()
@click.argument("slug")
@click.argument("text", required=False)
@click.option("--file", "path", type=UserPath(), help="A text file in place of TEXT.")
@owner_options
def score(slug: str, text: str | None, path: Path | None, **given: Any) -> None:
    """Say how odd a text would be in a collection, and why; nothing is stored."""
    show_answer(asked_of("anomalies", slug, given), "score", text_of(text, path))


def asked_of(analysis: str, slug: str, given: Given) -> Asked:
    """Return the findings that the arguments and options of a command name."""
    client = HubClient(find_server(given["home"], given["url"], given["key"]))
    owner = "catalogs" if given["catalog"] else "collections"
    place = f"/v1/{owner}/{quote(slug, safe='')}/{analysis}"
    level = {"level": given["level"]} if given["level"] else {}
    if analysis != "labels":
        return Asked(client, analysis, place, place, level)
    if not given["label_set"]:
        raise click.UsageError("name the label set with --set")
    place = f"{place}/{quote(given['label_set'], safe='')}"
    # A label set has its own level.
    return Asked(client, analysis, place, f"{place}/errors", {})


def parsed(options: str | None) -> Given:
    """Return the JSON object of --options; raises a usage error."""
    if options is None:
        return {}
    try:
        value = orjson.loads(options)
    except orjson.JSONDecodeError as error:
        raise click.BadParameter(f"is not JSON: {error}", param_hint="--options") from error
    if not isinstance(value, dict):
        raise click.BadParameter("is not a JSON object", param_hint="--options")
    return value


def listed(asked: Asked, status: str | None, limit: int | None) -> Iterator[dict[str, Any]]:
    """Yield findings page by page, at most so many."""
    query: Given = dict(asked.level)
    if status is not None and asked.analysis in DECISIONS:
        query["status"] = status
    left = limit
    while True:
        query["limit"] = PAGE if left is None else min(left, PAGE)
        answer = asked.client.call("GET", asked.listed_at, **query)
        yield from answer["items"]
        left = None if left is None else left - len(answer["items"])
        if not answer["cursor"] or left == 0:
            return
        query["cursor"] = answer["cursor"]


def tell(asked: Asked, ident: int, decision: str, more: Given) -> None:
    """Send a decision, and print how the finding stands then."""
    body = {DECISIONS[asked.analysis].field: decision, **more}
    answer = asked.client.call("POST", f"{asked.listed_at}/{ident}/decision", body)
    click.echo(f"{ident}: {answer.get('status') or decision}")


def holding(asked: Asked, ident: int) -> Given:
    """Return the decision that is to be taken back, as the server wants it named."""
    if asked.analysis == "anomalies":
        seen = asked.client.call("GET", f"{asked.listed_at}/{ident}")["current"]
    elif asked.analysis == "labels":
        rows = (row for one in ("confirmed", "dismissed") for row in listed(asked, one, None))
        seen = next((row["decision_id"] for row in rows if row["id"] == ident), None)
    else:
        # The one that holds is taken back unless another one is named.
        return {}
    if seen is None:
        raise HubError(f"nothing is decided about {ident}")
    return {"seen": seen}


def write(rows: Iterator[dict[str, Any]], form: str, file: TextIO) -> int:
    """Write findings and return how many; the first one names the columns of a CSV."""
    n_rows = 0
    table: csv.DictWriter[str] | None = None
    for row in rows:
        n_rows += 1
        if form == "jsonl":
            file.write(orjson.dumps(row).decode() + "\n")
            continue
        columns = flat(row)
        if table is None:
            table = csv.DictWriter(file, list(columns), extrasaction="ignore", restval="")
            table.writeheader()
        table.writerow({name: harmless(value) for name, value in columns.items()})
    return n_rows


def text_of(text: str | None, path: Path | None) -> str:
    """Return the text that was given; raises a usage error for none and for two."""
    if (text is None) == (path is None):
        raise click.UsageError("give a TEXT, or a file with --file")
    if path is None:
        return text or ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HubError(f"{path} is not a text in UTF-8: {error}") from error


def show_answer(asked: Asked, verb: str, text: str) -> None:
    """Send a text and print the answer."""
    answer = asked.client.call("POST", f"{asked.place}/{verb}", {"text": text, **asked.level})
    click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
