"""A real PgBouncer in transaction mode in front of the tests' Postgres."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from embedhub.local.cluster import server_user

PORT = 6432
PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
ABSENT = "PgBouncer is not installed: apt-get install pgbouncer"


@contextmanager
def pgbouncer(server_url: str, folder: Path, *, sessions: int) -> Iterator[str]:
    """Run PgBouncer over a server with so many sessions for everybody; yield the URL through it."""
    assert PROGRAM is not None
    server = conninfo_to_dict(server_url)
    folder.chmod(0o777)
    settings = folder / "pgbouncer.ini"
    users = folder / "users.txt"
    users.write_text('"postgres" ""\n')
    settings.write_text(
        "[databases]\n"
        f"{server['dbname']} = host={server['host']} port={server['port']} user=postgres\n"
        "[pgbouncer]\n"
        f"unix_socket_dir = {folder}\n"
        f"listen_port = {PORT}\nlisten_addr =\n"
        f"auth_type = trust\nauth_file = {users}\n"
        f"pool_mode = transaction\ndefault_pool_size = {sessions}\nmax_client_conn = 200\n"
    )
    log = folder / "pgbouncer.log"
    # It refuses to run as root, and the server's socket is for the server's user only.
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PROGRAM, str(settings)],
            stdout=output,
            stderr=output,
            user=server_user(),
            group=server_user(),
        )
    url = f"postgresql://postgres@/{server['dbname']}?host={folder}&port={PORT}"
    try:
        deadline = time.monotonic() + 15
        while True:
            try:
                psycopg.connect(url, connect_timeout=2).close()
                break
            except psycopg.OperationalError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)
