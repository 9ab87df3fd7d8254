"""`embedhub catalog`: items, users and interactions in and out, over REST."""

import sys
from pathlib import Path
from typing import Any

import click

from embedhub.cli.client import HubClient, RequestRefused
from embedhub.cli.documents import decode_filter, tell_of_report
from embedhub.cli.options import UserPath, find_server, home_at, server_options
from embedhub.cli.rows import ColumnMap, CsvRows, constants_of, pairs_of
from embedhub.cli.stream import FileSource, Memory, Route, RowSource, Source
from embedhub.errors import HubError

NOT_FOUND = 404
KINDS = click.Choice(["items", "users", "interactions"])
POLICIES = click.Choice(["create", "hold", "reject"])

catalog_option = click.option("--catalog", "slug", required=True, help="Slug of the catalog.")


@click.group()
def catalog() -> None:
    """Catalogs: items, users, and what users did."""


@catalog.command()
@click.argument("slug")
@click.option("--name", help="For people.  [default: the slug]")
@click.option("--template", help='Text of an item from its fields, such as "{title}. {plot}".')
@click.option(
    "--filterable",
    multiple=True,
    metavar="ATTRIBUTE=TYPE",
    help="number, string, boolean, date or array; repeat for more.",
)
@click.option("--unknown-users", type=POLICIES, help="Of interactions.  [default: create]")
@click.option("--unknown-items", type=POLICIES, help="Of interactions.  [default: hold]")
@server_options
def create(
    *,
    slug: str,
    name: str | None,
    template: str | None,
    filterable: tuple[str, ...],
    unknown_users: str | None,
    unknown_items: str | None,
    home: Path | None,
    url: str | None,
    key: str | None,
) -> None:
    """Create a catalog."""
    wishes = {
        "name": name,
        "content_template": template,
        "filterable": constants_of(filterable, "--filterable", "ATTRIBUTE=TYPE") or None,
        "unknown_users": unknown_users,
        "unknown_items": unknown_items,
    }
    given = {field: value for field, value in wishes.items() if value is not None}
    HubClient(find_server(home, url, key)).call("POST", "/v1/catalogs", {"slug": slug, **given})
    click.echo(f"catalog {slug} is made")


@catalog.command()
@click.argument("slug")
@server_options
def status(*, slug: str, home: Path | None, url: str | None, key: str | None) -> None:
    """Say how much a catalog holds, and how many texts wait to be encoded."""
    found = HubClient(find_server(home, url, key)).call(
        "GET", f"{Route.catalog(slug, '').place}/status"
    )
    for name, count in found.items():
        click.echo(f"{name.removeprefix('n_'):<13} {count:>12,}")


@catalog.command("import")
@click.argument("kind", type=KINDS)
@click.argument("path", type=UserPath())
@catalog_option
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="Field that a column of a CSV becomes, such as movieId=external_id, year=attributes.year;"
    " may be repeated, also for one column. Without a FIELD the column is left out.",
)
@click.option(
    "--set",
    "constants",
    multiple=True,
    metavar="FIELD=VALUE",
    help="The same in every row of a CSV, such as type=rating.",
)
@click.option(
    "--separator", default=",", show_default=True, help="Between categories, or labels, of a CSV."
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the refused lines, as CSV.",
)
@click.option("--wait/--no-wait", default=True, help="Wait until all is searchable by meaning.")
@server_options
def import_rows(
    *,
    kind: str,
    path: Path,
    slug: str,
    maps: tuple[str, ...],
    constants: tuple[str, ...],
    separator: str,
    report: Path | None,
    wait: bool,
    home: Path | None,
    url: str | None,
    key: str | None,
) -> None:
    """Send a file of items, users or interactions: NDJSON, one a line, or CSV with a header.

    A line of NDJSON is what the REST interface takes. Of a CSV, columns named like a field are that
    field; others of items become `fields`, others of users `attributes`, and others of interactions
    have to be mapped. Times may be ISO 8601 or seconds since 1970.

    The catalog is made if there is none. An interrupted call is simply repeated. Exit status 1 when
    a line was refused or nothing was found.
    """
    client = HubClient(find_server(home, url, key))
    source: Source = FileSource(path)
    what = f"catalog {slug} {kind}"
    if path.suffix.lower() == ".csv":
        mapping = ColumnMap(
            kind, pairs_of(maps), constants_of(constants, "--set", "FIELD=VALUE"), separator
        )
        mapping.check()
        rows = CsvRows(path, mapping)
        next(iter(rows()), None)
        source = RowSource(rows, path.stat().st_size, lambda: rows.n_read)
        what += f" {sorted(maps)} {sorted(constants)} {separator}"
    ensure_catalog(client, slug)
    memory = Memory(home_at(home).root, client, what, path)
    send(client, Route.catalog(slug, kind), source, memory, report=report, wait=wait)


@catalog.command()
@click.argument("kind", type=KINDS)
@catalog_option
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write.  [default: standard output]",
)
@server_options
def export(
    *,
    kind: str,
    slug: str,
    output: Path | None,
    home: Path | None,
    url: str | None,
    key: str | None,
) -> None:
    """Write all items, users or interactions as NDJSON, as `import` takes them."""
    client = HubClient(find_server(home, url, key))
    route = Route.catalog(slug, kind)
    address = f"{route.place}/{kind}/export"
    if output is None:
        client.copy("POST", address, sys.stdout.buffer)
        return
    with output.open("wb") as file:
        client.copy("POST", address, file)
    click.echo(f"{kind} of {slug}: {output}", err=True)


@catalog.command()
@click.argument("query")
@catalog_option
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True)
@click.option("--filter", "filter_json", help='Such as {"categories": "drama"}.')
@server_options
def search(
    *,
    query: str,
    slug: str,
    limit: int,
    filter_json: str | None,
    home: Path | None,
    url: str | None,
    key: str | None,
) -> None:
    """Search the items of a catalog and print them with their scores."""
    request: dict[str, Any] = {"query": query, "limit": limit}
    if filter_json is not None:
        request["filter"] = decode_filter(filter_json)
    client = HubClient(find_server(home, url, key))
    answer = client.call("POST", f"{Route.catalog(slug, '').place}/search", request)
    for hit in answer["hits"]:
        item = hit["item"]
        first = item["content"].partition("\n")[0]
        click.echo(f"{hit['score']:.3f}  {item['external_id']:<12}  {first}")
    for note in answer["notes"]:
        click.echo(note["message"], err=True)


@catalog.command("load-movielens")
@click.argument("folder", type=UserPath())
@click.option("--catalog", "slug", default="movies", show_default=True, help="Made if missing.")
@click.option("--wait/--no-wait", default=True, help="Wait until all is searchable by meaning.")
@click.option("--train/--no-train", default=True, help="Train a recommender in the end.")
@server_options
def load_movielens(
    *,
    folder: Path,
    slug: str,
    wait: bool,
    train: bool,
    home: Path | None,
    url: str | None,
    key: str | None,
) -> None:
    """Load MovieLens-100k from a FOLDER with ratings.csv, items_info.json and users_info.csv.

    The data is not part of the product; the command may be repeated.
    """
    from embedhub.cli import movielens, progress

    sources = movielens.rows_of(folder)
    client = HubClient(find_server(home, url, key))
    ensure_catalog(client, slug, **movielens.CATALOG)
    for kind, rows in sources.items():
        path = folder / movielens.FILES[kind]
        memory = Memory(home_at(home).root, client, f"catalog {slug} {kind}", path)
        source = RowSource(rows, path.stat().st_size, lambda: 0)
        send(client, Route.catalog(slug, kind), source, memory, report=None, wait=False)
    if wait:
        progress.wait_until_encoded(client, slug, progress.find_catalog_counts)
    if train:
        run_id = client.call("POST", f"{Route.catalog(slug, '').place}/training", {})["run_id"]
        if not wait:
            click.echo(f"training is run {run_id}")
            return
        tell_of_training(progress.wait_until_finished(client, int(run_id)))


def send(
    client: HubClient,
    route: Route,
    source: Source,
    memory: Memory,
    *,
    report: Path | None,
    wait: bool,
) -> None:
    """Send lines under a bar, say what became of them, wait for their vectors if wanted.

    Exits with 1 if a line was refused, or there was none.
    """
    from embedhub.cli import progress

    try:
        sent = progress.send_lines(client, route, source, memory)
    except (HubError, KeyboardInterrupt):
        click.echo("not sent whole: the same command goes on where this one stopped", err=True)
        raise
    click.echo(f"{route.kind}: {sent.sentence()}")
    if sent.n_errors:
        tell_of_report(client, route, sent, report)
    if wait and sent.counts.total() and route.kind != "interactions":
        slug = route.place.rpartition("/")[2]
        progress.wait_until_encoded(client, slug, progress.find_catalog_counts)
    if sent.n_errors or not sent.counts.total():
        raise click.exceptions.Exit(1)


def tell_of_training(run: dict[str, Any]) -> None:
    """Say what a training came to; exits with 1 if it failed."""
    result = run["result"]
    if run["status"] != "succeeded":
        raise HubError(f"training {run['status']}: {run['error']}")
    click.echo(f"recommender {result['version']} is {result['status']}: {result['reason']}")


def ensure_catalog(client: HubClient, slug: str, **wishes: object) -> None:
    """Return when the catalog is there, made with `wishes` if it was not."""
    try:
        client.call("GET", Route.catalog(slug, "").place)
    except RequestRefused as error:
        if error.status != NOT_FOUND:
            raise
        client.call("POST", "/v1/catalogs", {"slug": slug, **wishes})
