"""`embedhub ingest` and `embedhub search`: over REST, so a server elsewhere will do."""

from pathlib import Path
from typing import Any

import click
import orjson

from embedhub.cli.client import HubClient
from embedhub.cli.options import UserPath, find_server, home_at, server_options
from embedhub.cli.stream import SUFFIX, Memory, Route, Sent, report_address
from embedhub.errors import HubError

DEFAULT_LANGUAGE = "english"
# Failed files that are named one by one.
MAX_TOLD = 20


@click.command()
@click.argument("path", type=UserPath())
@click.option("--collection", required=True, help="Slug of the collection; made if missing.")
@click.option(
    "--language", default=DEFAULT_LANGUAGE, show_default=True, help="Of a new collection."
)
@click.option("--encoder", help="Of a new collection.  [default: the server's]")
@click.option("--dimension", type=int, help="Of a new collection with --encoder supplied.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the refused lines of a .ndjson, as CSV.",
)
@click.option("--wait/--no-wait", default=True, help="Wait until all is searchable by meaning.")
@server_options
def ingest(
    *,
    path: Path,
    collection: str,
    language: str,
    encoder: str | None,
    dimension: int | None,
    report: Path | None,
    home: Path | None,
    url: str | None,
    key: str | None,
    wait: bool,
) -> None:
    """Send a file, or all files of a folder that can be read.

    PDF, Word, PowerPoint, Excel, OpenDocument, e-books, mail, web pages, Markdown, text, source
    code, records (.json, .jsonl, .csv), and archives of these. The originals are kept.

    A file that ends in .ndjson holds documents as the REST interface takes them, one a line, of any
    number.

    What is there already is not sent again, so an interrupted call is simply repeated. Exit status
    1 when nothing was found or something could not be read.
    """
    from embedhub.cli import progress
    from embedhub.documents.parsing.folder import find_files

    client = HubClient(find_server(home, url, key))
    wishes: dict[str, object] = {"language": language}
    if encoder is not None:
        wishes["encoder"] = encoder
    if dimension is not None:
        wishes["dimension"] = dimension
    client.ensure_collection(collection, **wishes)
    if path.is_file() and path.suffix == SUFFIX:
        ingest_lines(client, collection, path, home=home_at(home).root, report=report, wait=wait)
        return
    files = list(find_files(path))
    try:
        upload = progress.upload(client, collection, files, wait=wait)
    except KeyboardInterrupt:
        click.echo("not sent whole: the same command goes on where this one stopped", err=True)
        raise
    for failed in upload.failures[:MAX_TOLD]:
        click.echo(f"  {failed.path}: {failed.reason}", err=True)
    if len(upload.failures) > MAX_TOLD:
        click.echo(f"  and {len(upload.failures) - MAX_TOLD:,} more", err=True)
    click.echo(upload.sentence())
    if wait and upload.n_documents:
        progress.wait_until_encoded(client, collection)
    if upload.failures or not files:
        raise click.exceptions.Exit(1)


def ingest_lines(
    client: HubClient, slug: str, path: Path, *, home: Path, report: Path | None, wait: bool
) -> None:
    """Send a file of lines; say what became of them and where the report of the refused ones is."""
    from embedhub.cli import progress

    try:
        sent = progress.send_stream(client, slug, path, Memory(home, client, slug, path))
    except (HubError, KeyboardInterrupt):
        click.echo("not sent whole: the same command goes on where this one stopped", err=True)
        raise
    click.echo(sent.sentence())
    if sent.n_errors:
        tell_of_report(client, Route.collection(slug), sent, report)
    if wait and sent.counts.total():
        progress.wait_until_encoded(client, slug)
    if sent.n_errors or not sent.counts.total():
        raise click.exceptions.Exit(1)


def tell_of_report(client: HubClient, route: Route, sent: Sent, report: Path | None) -> None:
    """Save the report of refused lines where it was asked for; say where it is."""
    address = report_address(client, route, sent)
    if report is not None:
        client.save(address.removeprefix(client.server.url), report)
    click.echo(f"refused lines: {report or address}", err=True)


@click.command()
@click.argument("query")
@click.option("--collection", help="Slug.  [default: the only one there is]")
@click.option(
    "--mode",
    type=click.Choice(["hybrid", "dense", "lexical"]),
    default="hybrid",
    show_default=True,
)
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True)
@click.option("--filter", "filter_json", help='Such as {"year": {"$gte": 2020}}.')
@click.option("--explain", is_flag=True, help="Show each hit's legs.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as it came.")
@server_options
def search(
    *,
    query: str,
    collection: str | None,
    mode: str,
    limit: int,
    filter_json: str | None,
    home: Path | None,
    url: str | None,
    key: str | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Search a collection and print the hits with their scores."""
    from embedhub.cli.hits import print_answer

    client = HubClient(find_server(home, url, key))
    request: dict[str, object] = {
        "query": query,
        "mode": mode,
        "limit": limit,
        "explain": explain,
    }
    if filter_json is not None:
        request["filter"] = decode_filter(filter_json)
    answer = client.search(collection or only_collection(client), request)
    if as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    else:
        print_answer(answer, explain=explain)


def decode_filter(text: str) -> Any:
    """Return the decoded filter; raises a usage error when it is not a JSON object."""
    try:
        decoded = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise click.BadParameter(f"is not JSON: {error}", param_hint="--filter") from error
    if not isinstance(decoded, dict):
        raise click.BadParameter("must be a JSON object", param_hint="--filter")
    return decoded


def only_collection(client: HubClient) -> str:
    """Return the slug of the workspace's one collection; raises HubError when there are others."""
    slugs = [str(item["slug"]) for item in client.call("GET", "/v1/collections", limit=10)["items"]]
    if len(slugs) == 1:
        return slugs[0]
    if not slugs:
        raise HubError("there is no collection yet: embedhub ingest PATH --collection SLUG")
    raise HubError(f"name one of the collections with --collection: {', '.join(slugs)}")
