"""Brings a home's database up to date and makes the first workspace, key and staff login.

Runs in a process of its own, because it imports half the product; the supervisor skips it when
neither the code nor the database has changed since it last succeeded and no killed worker has left
leases behind.
"""

import hashlib
import secrets
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from embedhub.local import logs, queries
from embedhub.local.children import here
from embedhub.local.errors import LocalError
from embedhub.local.home import Credentials, Home

NOTE = "prepared"
WORKSPACE = "default"
STAFF_NAME = "admin"
# What ships tables of its own, beside our migrations.
OWNERS_OF_TABLES = ("django", "django-unfold", "pgmq")


def ensure_prepared(home: Home, database_url: str) -> None:
    """Return when schema and credentials are in place; raises LocalError with the reason if not."""
    if is_prepared(home, database_url):
        return
    log = home.log("prepare")
    command = here(("python", "-m", "embedhub.local.prepare", str(home.root), database_url))
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise LocalError(f"the database could not be prepared: {logs.last_line(log)}")


def is_prepared(home: Home, database_url: str) -> bool:
    """Tell whether this very code has prepared this very database before, and nothing is leased."""
    note = home.read_note(NOTE)
    return (
        home.credentials() is not None
        and note.get("code") == code_fingerprint()
        and note.get("database") == queries.schema_versions(database_url)
        and not queries.has_leases(database_url)
    )


def code_fingerprint() -> str:
    """Return a digest of everything that decides how the newest schema looks."""
    digest = hashlib.sha256()
    for path in sorted(migrations_folder().glob("**/*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    for package in OWNERS_OF_TABLES:
        digest.update(f"{package}={version(package)}".encode())
    return digest.hexdigest()


def migrations_folder() -> Path:
    """Return the folder of our migrations, in a checkout or installed."""
    spec = find_spec("migrations")
    if spec is None or spec.origin is None:
        raise LocalError("the package migrations is not installed")
    return Path(spec.origin).parent


def prepare(home: Home, database_url: str) -> None:
    """Migrate both schemas, make what the first start needs, and note that it is done."""
    from embedhub.local.migrate import migrate
    from embedhub.spaces.service import release_leases

    migrate()
    # Nobody of this home works yet: whoever leased is dead, and its documents need not wait.
    release_leases()
    if home.credentials() is None:
        home.write_credentials(make_credentials())
    home.write_note(
        NOTE,
        {"code": code_fingerprint(), "database": queries.schema_versions(database_url)},
    )


def make_credentials() -> Credentials:
    """Make the default workspace, a key that may do everything in it, and a staff login."""
    from embedhub.access.service import create_key, ensure_workspace
    from embedhub.console.staff import set_staff_login

    workspace_id = ensure_workspace(WORKSPACE)
    _, secret = create_key(workspace_id, name="first key", scopes=("read", "write", "admin"))
    password = secrets.token_urlsafe(12)
    set_staff_login(STAFF_NAME, password)
    return Credentials(WORKSPACE, secret, STAFF_NAME, password)


if __name__ == "__main__":
    try:
        prepare(Home.at(Path(sys.argv[1])), sys.argv[2])
    except LocalError as error:
        sys.exit(str(error))
