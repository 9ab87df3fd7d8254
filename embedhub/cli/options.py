"""Options that several commands share, and what they stand for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from embedhub.config import get_config, override_config
from embedhub.local.errors import LocalError
from embedhub.local.home import Home

Command = TypeVar("Command", bound=Callable[..., Any])

home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the embedded default: data, logs, keys.  [default: EMBEDHUB_HOME, ~/.embedhub]",
)


class UserPath(click.Path):
    """A path that exists; a leading ~ is the user's home even where no shell has expanded it."""

    def __init__(self) -> None:
        super().__init__(exists=True, path_type=Path)

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> Any:
        """Return the expanded path; a usage error when there is nothing."""
        try:
            path = Path(value).expanduser()
        except RuntimeError:
            self.fail(f"{value!r} names nobody's home", parameter, context)
        return super().convert(path, parameter, context)


def server_options(command: Command) -> Command:
    """Add the options that say which server to talk to, and as whom."""
    command = click.option(
        "--key", envvar="EMBEDHUB_API_KEY", help="API key.  [default: the first key of --home]"
    )(command)
    command = click.option(
        "--url", envvar="EMBEDHUB_URL", help="Address of the server.  [default: the one of --home]"
    )(command)
    return home_option(command)


def home_at(path: Path | None) -> Home:
    """Return the home that was named, or the configured one."""
    return Home.at(path or get_config().home)


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is and the key to use with it."""

    url: str
    key: str


def find_server(home_path: Path | None, url: str | None, key: str | None) -> Server:
    """Return the server the options name; what they leave open comes from the home.

    Raises LocalError when the home's service does not run or has no key.
    """
    home = home_at(home_path)
    if url is None:
        running = home.running()
        if running is None:
            raise LocalError(f"{_not_running(home)}, or name a server with --url")
        url = running.url
    if key is None:
        credentials = home.credentials()
        if credentials is None:
            raise LocalError("no API key: give one with --key")
        key = credentials.api_key
    return Server(url.rstrip("/"), key)


def use_database(home_path: Path | None) -> None:
    """Point this process at the home's database, or at EMBEDHUB_DATABASE_URL when no home is named.

    Raises LocalError when the home's service does not run.
    """
    if home_path is None and "database_url" in get_config().model_fields_set:
        return
    home = home_at(home_path)
    running = home.running()
    if running is None:
        raise LocalError(_not_running(home))
    override_config(
        home=home.root,
        database_url=running.database_url,
        # Of another database than the home's.
        direct_database_url="",
        secret_key=home.secret_key(),
    )


def _not_running(home: Home) -> str:
    return f"embedhub does not run in {home.root}; start it with: embedhub up --home {home.root}"
