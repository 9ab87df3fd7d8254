"""`embedhub index`: how a collection's vector index stands, and building it anew."""

import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from embedhub.cli.client import HubClient
from embedhub.cli.documents import only_collection
from embedhub.cli.options import find_server, server_options
from embedhub.errors import HubError

POLL_S = 0.5
UNFINISHED = ("queued", "running")
PRECISIONS = ("halfvec", "vector", "bit")

collection_option = click.option(
    "--collection", help="Slug of the collection.  [default: the only one]"
)


@click.group()
def index() -> None:
    """The vector index of a collection: how it stands, and building it anew."""


@index.command()
@collection_option
@server_options
def show(*, collection: str | None, home: Path | None, url: str | None, key: str | None) -> None:
    """Say how a collection's vectors are searched, and what a rebuild would take."""
    client = HubClient(find_server(home, url, key))
    slug = collection or only_collection(client)
    for line in lines_of(client.call("GET", f"/v1/collections/{slug}/index")):
        click.echo(line)


@index.command()
@collection_option
@click.option(
    "--precision", type=click.Choice(PRECISIONS), help="What the index holds of a vector."
)
@click.option("--no-wait", is_flag=True, help="Print the run's number and do not wait for it.")
@server_options
def rebuild(
    *,
    collection: str | None,
    precision: str | None,
    no_wait: bool,
    home: Path | None,
    url: str | None,
    key: str | None,
) -> None:
    """Build a collection's vector index anew; searches go by the old one until it is ready."""
    client = HubClient(find_server(home, url, key))
    slug = collection or only_collection(client)
    body = {} if precision is None else {"precision": precision}
    asked = client.call("POST", f"/v1/collections/{slug}/index", body)
    if no_wait:
        click.echo(asked["run_id"])
        return
    click.echo(f"run {asked['run_id']}: {in_words(asked['forecast'])}", err=True)
    run = follow(client, int(asked["run_id"]))
    if run["status"] != "succeeded":
        raise HubError(f"the run {run['status']}: {run['error'] or 'somebody asked it to stop'}")
    for line in lines_of(client.call("GET", f"/v1/collections/{slug}/index")):
        click.echo(line)


def follow(client: HubClient, run_id: int) -> dict[str, Any]:
    """Show what a run does, and whom it waits for, until it has ended; return it."""
    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=Console(stderr=True)) as bar:
        task = bar.add_task("queued", total=1.0)
        while True:
            run: dict[str, Any] = client.call("GET", f"/v1/runs/{run_id}")
            bar.update(task, completed=run["progress"] or 0.0, description=doing(run))
            if run["status"] not in UNFINISHED:
                return run
            time.sleep(POLL_S)


def doing(run: dict[str, Any]) -> str:
    """Return what a run does in words: its phase, the rest of the time, whom it waits for."""
    if run["status"] != "running":
        return str(run["status"])
    words = str(run["phase"] or "running")
    if run["waiting_for"]:
        return f"{words}, waiting for {run['waiting_for']}"
    return f"{words}, {run['eta_s']:.0f} s left" if run["eta_s"] is not None else words


def lines_of(index: dict[str, Any]) -> list[str]:
    """Return the facts about an index as lines of text."""
    rows = f"{index['rows']:,} vectors of {index['dimension']:,} dimensions"
    if index["plan"] == "exact":
        state = "searched exactly, without an index"
    else:
        state = f"HNSW index, {index['precision']}, {mebibytes(index['index_bytes'])}"
    lines = [f"{rows}: {state}"]
    if index["dead_rows"]:
        lines.append(f"{index['dead_rows']:,} dead rows ({index['dead_share']:.0%})")
    if index["run_id"] is not None:
        lines.append(f"run {index['run_id']} is at work on it")
    lines += [f"advice: {advice['message']}" for advice in index["advice"]]
    return [*lines, f"a rebuild: {in_words(index['forecast'])}"]


def in_words(forecast: dict[str, Any]) -> str:
    """Return a forecast as one line."""
    free = forecast["disk_free_bytes"]
    room = "" if free is None else f" of {mebibytes(free)} free"
    fits = "" if forecast["fits_in_memory"] else ", too little: the rest is linked on disk"
    return (
        f"about {forecast['seconds']:.0f} s for {forecast['rows']:,} rows,"
        f" memory {mebibytes(forecast['memory_needed_bytes'])}"
        f" (given {mebibytes(forecast['memory_given_bytes'])}{fits}),"
        f" disk {mebibytes(forecast['disk_needed_bytes'])}{room}"
    )


def mebibytes(n_bytes: int) -> str:
    """Return bytes as people read them."""
    return f"{n_bytes / 2**20:,.0f} MiB"
