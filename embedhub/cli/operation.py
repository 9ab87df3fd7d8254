"""`embedhub status` and `embedhub doctor`: how it stands, and the proof that nothing is lost."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy.exc import OperationalError

from embedhub.cli.options import home_at, home_option, use_database
from embedhub.config import override_config
from embedhub.errors import HubError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedhub.access.caller import Caller
    from embedhub.collections.service import CollectionView

RUNS_SHOWN = 5
COLLECTIONS_SHOWN = 1000
DOCTOR_TIMEOUT_S = 3600


@click.command()
@home_option
def doctor(home: Path | None) -> None:
    """Prove that every accepted text has its vector, waits for it, or says why not; else exit 1."""
    use_database(home)
    # It reads every row there is, which a request never does.
    override_config(statement_timeout_s=DOCTOR_TIMEOUT_S)
    from embedhub.spaces.doctor import check_pgvector, examine

    try:
        version = check_pgvector()
        report = examine()
    except OperationalError as error:
        raise HubError(f"the database does not answer: {error.orig}") from error
    click.echo(
        f"pgvector {version}: {report.n_documents:,} documents, {report.n_chunks:,} passages,"
        f" {report.n_vectors:,} vectors, {report.n_pending:,} pending, {report.n_dead:,} dead"
    )
    for promise, count in report.broken.items():
        if count:
            click.echo(f"  BROKEN {promise}: {count:,}")
    click.echo("clean" if report.is_clean else "not clean")
    if not report.is_clean:
        raise click.exceptions.Exit(1)


@click.command()
@home_option
def status(home: Path | None) -> None:
    """Show what runs, every collection with what is pending or dead, and the latest runs."""
    state = home_at(home).running()
    if state is not None:
        processes = ", ".join(f"{name} {pid}" for name, pid in state.children.items())
        click.echo(f"{state.url}  {'ready' if state.ready else 'starting'}  ({processes})")
    use_database(home)
    from embedhub.access.caller import Caller
    from embedhub.access.service import list_workspaces

    try:
        for workspace in list_workspaces():
            click.echo(f"\nworkspace {workspace.slug}")
            show_workspace(Caller.for_workspace(workspace.id))
    except OperationalError as error:
        raise HubError(f"the database does not answer: {error.orig}") from error


def show_workspace(caller: "Caller") -> None:
    """Print a workspace's collections with how far each is, and its latest runs."""
    from embedhub.collections.service import collection_status, list_collections
    from embedhub.runs.service import list_runs

    collections = list_collections(caller, limit=COLLECTIONS_SHOWN)
    for collection in collections:
        counts = collection_status(caller, collection.slug)
        click.echo(
            f"  {collection.slug}: {counts.n_documents:,} documents, {counts.n_chunks:,} passages,"
            f" {counts.n_pending:,} pending, {counts.n_dead:,} dead  ({collection.encoder})"
        )
    names = subject_names(caller, collections)
    for run in list_runs(caller, limit=RUNS_SHOWN):
        progress = "" if run.progress is None else f" {run.progress:.0%}"
        error = f": {run.error}" if run.error else ""
        doing = f" ({run.phase})" if run.phase and run.status == "running" else ""
        waiting = f", waiting for {run.waiting_for}" if run.waiting_for else ""
        # Behind a comma stands only what tells runs over one collection apart.
        subject = names.get(run.subject.partition(",")[0], run.subject)
        click.echo(
            f"  run {run.id} {run.kind} of {subject}: {run.status}{progress}{doing}{waiting}{error}"
        )


def subject_names(caller: "Caller", collections: "Sequence[CollectionView]") -> dict[str, str]:
    """Return by which slug a person knows the collections and spaces that runs name by number."""
    from embedhub import db
    from embedhub.spaces.service import live_spaces

    names = {f"collection {collection.id}": collection.slug for collection in collections}
    with db.reading() as session:
        for collection in collections:
            live = live_spaces(
                session, workspace_id=caller.workspace_id, collection_id=collection.id
            )
            for space, part in ((live.dense, "meaning"), (live.sparse, "words")):
                if space is not None:
                    names[f"space {space.id}"] = f"{collection.slug} ({part})"
    return names
