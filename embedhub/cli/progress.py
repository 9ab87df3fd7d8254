"""Progress on a terminal: documents accepted, then documents searchable by meaning."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from embedhub.cli.client import HubClient
from embedhub.cli.counts import Counts, find_catalog_counts, find_counts
from embedhub.cli.sending import Tally, send_documents
from embedhub.cli.stream import FileSource, Memory, Route, Sent, Source, send_source
from embedhub.cli.uploading import Upload, send_folder, wait_until_read
from embedhub.documents.parsing.parsed import ParsedDocument, RefusedFile

__all__ = [
    "find_catalog_counts",
    "send",
    "send_lines",
    "send_stream",
    "upload",
    "wait_until_encoded",
    "wait_until_finished",
]

Find = Callable[[HubClient, str], Counts]

POLL_S = 0.3
# Without any progress for this long, somebody should look at the logs.
PATIENCE_S = 600.0


def send(
    client: HubClient,
    slug: str,
    found: Iterable[ParsedDocument | RefusedFile],
    *,
    total: int | None,
) -> Tally:
    """Send documents under a progress bar; `total` None shows a count without an end."""
    with Progress(*columns(known=total is not None), console=Console(stderr=True)) as progress:
        task = progress.add_task("accepted", total=total)
        tally = send_documents(
            client,
            slug,
            found,
            lambda tally: progress.update(
                task,
                completed=tally.accepted,
                total=None if total is None else total - tally.refused,
            ),
        )
        progress.update(task, completed=tally.accepted, total=tally.accepted)
    return tally


def upload(
    client: HubClient, slug: str, files: Sequence[tuple[str, Path]], *, wait: bool
) -> Upload:
    """Send files under one bar, and wait under another one until they are read."""
    total = len(files)
    with Progress(*columns(known=True), console=Console(stderr=True)) as progress:
        sending = progress.add_task("sent", total=total)
        sent = send_folder(
            client, slug, files, lambda upload: progress.update(sending, completed=upload.n_files)
        )
        progress.update(sending, completed=total)
        n_waiting = len(sent.waiting)
        if wait and n_waiting:
            reading = progress.add_task("read", total=n_waiting)
            wait_until_read(
                client,
                slug,
                sent,
                lambda upload: progress.update(reading, completed=n_waiting - len(upload.waiting)),
            )
    return sent


def send_stream(client: HubClient, slug: str, path: Path, memory: Memory) -> Sent:
    """Send a file of documents, one a line, under a bar of its bytes."""
    return send_lines(client, Route.collection(slug), FileSource(path), memory)


def send_lines(client: HubClient, route: Route, source: Source, memory: Memory) -> Sent:
    """Send lines under a bar of the bytes they come from."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<9}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:
        words = "accepted" if route.kind == "documents" else route.kind
        task = progress.add_task(words, total=source.n_bytes)
        return send_source(
            client,
            route,
            source,
            memory,
            lambda sent: progress.update(task, completed=sent.n_bytes),
        )


def wait_until_encoded(client: HubClient, slug: str, find: Find = find_counts) -> Counts:
    """Show the encoding of a collection until nothing is pending, and return the last counts.

    `find` counts, of a catalog as well. Returns early when nothing moved for ten minutes: the
    counts then still say pending.
    """
    counts = find(client, slug)
    todo = counts.n_pending
    if not todo:
        return counts
    with Progress(*columns(known=True), console=Console(stderr=True)) as progress:
        task = progress.add_task("encoded", total=todo)
        moved_at = time.monotonic()
        while counts.n_pending and time.monotonic() - moved_at < PATIENCE_S:
            time.sleep(POLL_S)
            before, counts = counts, find(client, slug)
            if counts.n_pending != before.n_pending:
                moved_at = time.monotonic()
            # Somebody else's documents may join the queue meanwhile.
            todo = max(todo, counts.n_pending)
            progress.update(task, total=todo, completed=todo - counts.n_pending)
    return counts


def wait_until_finished(client: HubClient, run_id: int) -> Any:
    """Show how far a run is until it has ended, and return it."""
    with Progress(*columns(known=True), console=Console(stderr=True)) as progress:
        task = progress.add_task("trained", total=None)
        while True:
            run = client.call("GET", f"/v1/runs/{run_id}")
            progress.update(task, total=run["total"], completed=run["done"])
            if run["status"] not in {"queued", "running"}:
                return run
            time.sleep(POLL_S)


def columns(*, known: bool) -> list[ProgressColumn]:
    """Return what a bar shows, with an estimate of the rest where the end is known."""
    if not known:
        count = TextColumn("{task.completed:,.0f}")
        return [SpinnerColumn(), TextColumn("{task.description:<9}"), count, TimeElapsedColumn()]
    return [
        SpinnerColumn(),
        TextColumn("{task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
