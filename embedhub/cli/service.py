"""`embedhub up` and `embedhub down`: the whole service on this machine."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from embedhub.cli.options import home_at, home_option

if TYPE_CHECKING:
    from embedhub.local.home import Credentials

DEFAULT_PORT = 8000


@click.command()
@home_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--detach", is_flag=True, help="Return when the service is ready, leaving it running."
)
def up(home: Path | None, host: str, port: int, *, detach: bool) -> None:
    """Run Postgres, the web server and the workers; Ctrl-C stops all of them."""
    from embedhub.local import service, supervisor

    place = home_at(home)
    if not detach:
        supervisor.run(place, host, port, say, welcome)
        return
    is_first = place.credentials() is None
    click.echo(f"ready at {service.start_detached(place, host, port).url}")
    credentials = place.credentials()
    if is_first and credentials is not None:
        welcome(credentials)


def welcome(credentials: "Credentials") -> None:
    """Print what the first start made, to a person only: a log is no place for a password."""
    if sys.stdout.isatty():
        click.echo(f"admin login  {credentials.staff_name} / {credentials.staff_password}")
        click.echo(f"API key      {credentials.api_key}")
        click.echo("Both are kept in credentials.json of the home, for you only.")


def say(text: str) -> None:
    """Print a line for a person watching, with the time for one who reads the log later."""
    click.echo(text if sys.stdout.isatty() else f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}")


@click.command()
@home_option
def down(home: Path | None) -> None:
    """Stop the service of a home and return when all of it is gone."""
    from embedhub.local import service

    place = home_at(home)
    click.echo("stopped" if service.stop(place) else f"nothing ran in {place.root}")
