"""Backup of a database into one file, and its restoration into a fresh home."""

import subprocess
from pathlib import Path

from embedhub.local.cluster import binaries
from embedhub.local.errors import LocalError
from embedhub.local.home import Home
from embedhub.local.postgres import EmbeddedPostgres


def back_up(database_url: str, file: Path) -> None:
    """Write everything in the database, as it is at this moment, to one file.

    The service may go on meanwhile. A failed backup leaves no file, and an older one in place.
    """
    unfinished = file.with_name(file.name + ".part")
    try:
        _run("pg_dump", "--format=custom", f"--file={unfinished}", f"--dbname={database_url}")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def restore(home: Home, file: Path) -> None:
    """Make a fresh home whose database holds what a backup does; raises LocalError otherwise.

    A home that has a database already is refused: a backup never overwrites anything.
    """
    with home.locked():
        server = EmbeddedPostgres(home.postgres, log=home.log("postgres"))
        if server.folder.data.exists():
            raise LocalError(f"{home.root} has a database already; restore into another --home")
        server.start()
        try:
            _run("pg_restore", "--exit-on-error", f"--dbname={server.url}", str(file))
        finally:
            server.stop()


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(binaries() / program), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise LocalError(f"{program}: {lines[0].removeprefix(f'{program}: ')}")
