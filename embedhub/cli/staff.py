"""`embedhub staff`: logins for the admin."""

import secrets
from pathlib import Path

import click

from embedhub.cli.options import home_option, use_database


@click.command()
@click.argument("name")
@home_option
def staff(name: str, home: Path | None) -> None:
    """Make a staff login, or give an existing one a new password; print the password alone."""
    use_database(home)
    from embedhub.console.staff import set_staff_login

    password = secrets.token_urlsafe(12)
    set_staff_login(name, password)
    click.echo(password)
