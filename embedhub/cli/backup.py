"""`embedhub backup` and `embedhub restore`: everything in one file, and back."""

from pathlib import Path

import click

from embedhub.cli.options import home_at, home_option, use_database
from embedhub.config import get_config

file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@file_argument
@home_option
def backup(file: Path, home: Path | None) -> None:
    """Write the whole database to FILE while the service goes on."""
    use_database(home)
    from embedhub.local.backup import back_up

    back_up(get_config().session_url, file)
    click.echo(f"{file}: {file.stat().st_size:,} bytes")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@home_option
def restore(file: Path, home: Path | None) -> None:
    """Make a fresh home from a backup; then `embedhub up` runs it, with a new first key."""
    from embedhub.local import backup as local

    place = home_at(home)
    local.restore(place, file)
    click.echo(f"restored into {place.root}; start it with: embedhub up --home {place.root}")
