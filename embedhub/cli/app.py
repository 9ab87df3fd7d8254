"""The command group, and the one place where errors become one line and an exit status."""

import sys

import click

from embedhub import __version__
from embedhub.cli import (
    backup,
    catalog,
    demo,
    documents,
    evaluation,
    findings,
    index,
    keys,
    operation,
    recommending,
    service,
    settings,
    similarity,
    staff,
)
from embedhub.errors import HubError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="embedhub")
def embedhub() -> None:
    """One Postgres for search: documents in, hybrid search out."""


for command in (
    service.up,
    service.down,
    demo.demo,
    documents.ingest,
    documents.search,
    similarity.similarity,
    catalog.catalog,
    evaluation.evaluation,
    findings.findings,
    index.index,
    keys.key,
    staff.staff,
    operation.doctor,
    operation.status,
    settings.settings,
    backup.backup,
    backup.restore,
):
    embedhub.add_command(command)
evaluation.evaluation.add_command(recommending.recommend)
catalog.catalog.add_command(recommending.train)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 could not, 2 wrong usage, 130 interrupted."""
    try:
        status = embedhub.main(arguments, prog_name="embedhub", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(INTERRUPTED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except HubError as error:
        click.echo(f"embedhub: {one_line(str(error))}", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def one_line(message: str) -> str:
    """Return a message without line breaks: it must survive logs and scripts."""
    return " ".join(message.split())
