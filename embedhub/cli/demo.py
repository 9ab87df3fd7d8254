"""`embedhub demo`: the whole service on real input, from nothing to hits with scores."""

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from embedhub.cli.client import HubClient
from embedhub.cli.hits import print_answer
from embedhub.cli.options import Server, UserPath, find_server, home_at, home_option
from embedhub.cli.service import DEFAULT_PORT
from embedhub.errors import HubError

if TYPE_CHECKING:
    from embedhub.cli.counts import Counts
    from embedhub.documents.parsing.parsed import ParsedDocument, RefusedFile
    from embedhub.local.home import Home

STANDARD_LIBRARY = "python"
MAX_QUERIES = 4
LONGEST_QUERY_WORDS = 8
ENCODER_TIMEOUT_S = 120


@click.command()
@home_option
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True)
@click.option(
    "--docs",
    type=UserPath(),
    help="Your own file or folder.  [default: the documentation of Python's standard library]",
)
@click.option("--language", default="english", show_default=True, help="Of your own documents.")
@click.option("--once", is_flag=True, help="Stop after printing; exit 1 if a search found nothing.")
def demo(home: Path | None, port: int, docs: Path | None, language: str, *, once: bool) -> None:
    """Start everything, ingest real documents, search them, and stay up until Ctrl-C."""
    place = home_at(home)
    started_at = time.monotonic()
    with running_service(place, port):
        server = find_server(place.root, None, None)
        click.echo(f"serving at {server.url} after {time.monotonic() - started_at:.1f} s")
        slug = STANDARD_LIBRARY if docs is None else slug_of(docs)
        found_all = show(HubClient(server), slug, docs, language, started_at)
        print_addresses(place, server, slug)
        if not once:
            wait_for_interrupt()
        click.echo("stopping")
    if once and not found_all:
        raise click.exceptions.Exit(1)


@contextmanager
def running_service(home: "Home", port: int) -> Iterator[None]:
    """Use the service of a home for a block: the one that runs already, or one of our own."""
    from embedhub.local import service

    if home.running() is not None:
        yield
        return
    process = service.start_attached(home, "127.0.0.1", port)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def show(client: HubClient, slug: str, docs: Path | None, language: str, started_at: float) -> bool:
    """Ingest and search; return whether every search found something."""
    from embedhub.cli import progress
    from embedhub.cli.counts import find_counts

    documents = list(read(docs))
    queries = queries_for(documents, docs)
    click.echo(f"{len(documents):,} found in {docs or 'the Python standard library'}")
    client.ensure_collection(slug, language=language)
    tally = progress.send(client, slug, documents, total=len(documents))
    click.echo(tally.sentence())
    for refused in tally.reasons:
        click.echo(f"  refused {refused.path}: {refused.reason}", err=True)
    if not queries:
        raise HubError(f"no document was found in {docs}")

    click.echo(f"\nfirst search, {time.monotonic() - started_at:.1f} s after the start:")
    found = [search(client, slug, queries[0])]
    click.echo(f"\n{encoding_left(find_counts(client, slug))}")
    counts = progress.wait_until_encoded(client, slug)
    if counts.n_dead:
        click.echo(f"{counts.n_dead:,} passages could not be encoded: see the admin")
    wait_until_ready(client.server)
    click.echo(f"searching by words and meaning, {time.monotonic() - started_at:.1f} s:")
    found += [search(client, slug, query) for query in queries]
    return all(found)


def encoding_left(counts: "Counts") -> str:
    """Return in words how many passages have to be encoded."""
    if counts.n_pending:
        return f"{counts.n_pending:,} of {counts.n_chunks:,} passages are still to be encoded"
    return f"0 of {counts.n_chunks:,} passages have to be encoded: their vectors are there already"


def wait_until_ready(server: Server) -> None:
    """Return when the server has loaded its encoder, or after a time that none needs."""
    from embedhub.local.network import answers

    deadline = time.monotonic() + ENCODER_TIMEOUT_S
    while not answers(server.url, "/v1/health/ready") and time.monotonic() < deadline:
        time.sleep(0.1)


def read(docs: Path | None) -> "Iterator[ParsedDocument | RefusedFile]":
    """Yield the demo's documents."""
    if docs is None:
        from embedhub.cli.standard_library import read_standard_library

        return read_standard_library()
    from embedhub.documents.parsing.folder import read_path

    return read_path(docs)


def queries_for(
    documents: "list[ParsedDocument | RefusedFile]", docs: Path | None
) -> tuple[str, ...]:
    """Return what to search for: in a user's own documents, the words of some of their titles."""
    from embedhub.cli.standard_library import QUERIES
    from embedhub.documents.parsing.parsed import ParsedDocument

    if docs is None:
        return QUERIES
    readable = [d for d in documents if isinstance(d, ParsedDocument)]
    step = max(1, len(readable) // MAX_QUERIES)
    asked = (title_query(document) for document in readable[::step])
    return tuple(islice(dict.fromkeys(query for query in asked if query), MAX_QUERIES))


def title_query(document: "ParsedDocument") -> str:
    """Return the first words of a document's title, or of its text when it has none."""
    words = re.findall(r"\w[\w'-]*", document.title) or re.findall(r"\w[\w'-]*", document.text)
    return " ".join(words[:LONGEST_QUERY_WORDS])


def search(client: HubClient, slug: str, query: str) -> bool:
    """Run one search, print its hits, and return whether there were any."""
    started_at = time.monotonic()
    answer = client.search(slug, {"query": query, "limit": 3})
    took_ms = 1000 * (time.monotonic() - started_at)
    click.echo(f"\n{click.style(query, fg='cyan')}   ({took_ms:.0f} ms, plan {answer['plan']})")
    print_answer(answer)
    return bool(answer["hits"])


def slug_of(docs: Path) -> str:
    """Return a collection's name for a folder of the user's."""
    slug = re.sub(r"[^a-z0-9]+", "-", docs.resolve().stem.lower()).strip("-")
    return slug[:60].strip("-") or "documents"


def print_addresses(home: "Home", server: Server, slug: str) -> None:
    """Print where to go from here: the admin, the API's documentation, a curl line."""
    credentials = home.credentials()
    staff = f"{credentials.staff_name} / {credentials.staff_password}" if credentials else ""
    click.echo(
        f"""
admin      {server.url}/admin/    {staff}
analysis   {server.url}/admin/console/graph/analysis/    duplicates, odd rows, topics
API docs   {server.url}/v1/docs
API key    {server.key}
data       {home.root}

curl -s {server.url}/v1/collections/{slug}/search \\
  -H 'Authorization: Bearer {server.key}' -H 'Content-Type: application/json' \\
  -d '{{"query": "your words", "limit": 3}}'"""
    )


def wait_for_interrupt() -> None:
    """Return at Ctrl-C or SIGTERM, also where a shell's `&` had SIGINT ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        click.echo("\nCtrl-C stops everything.")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        click.echo()
