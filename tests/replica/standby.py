"""A real streaming replica of the tests' Postgres."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from embedhub.local import cluster
from embedhub.local.postgres import EmbeddedPostgres


class Standby(EmbeddedPostgres):
    """A server that follows another one; `start` copies it first."""

    def __init__(self, root: Path, primary_url: str) -> None:
        super().__init__(root, durable=False)
        self.primary = conninfo_to_dict(primary_url)

    def start(self) -> None:
        user = cluster.server_user()
        self.folder.root.mkdir(parents=True)
        cluster.allow_server_user(self.folder.root, user)
        self.socket_directory = cluster.make_socket_directory(self.folder.root, user)
        self.folder.data.mkdir(mode=0o700)
        cluster._give(self.folder.data, user)
        copy = [
            str(cluster.binaries() / "pg_basebackup"),
            *("--pgdata", str(self.folder.data), "--write-recovery-conf", "--no-sync"),
            *("--checkpoint", "fast", "--wal-method", "stream"),
            f"--dbname=host={self.primary['host']} port={self.primary['port']} user=postgres",
        ]
        done = subprocess.run(
            copy, user=user, group=user, cwd="/", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        self.launch()


@contextmanager
def standby_of(primary_url: str, root: Path) -> Iterator[Standby]:
    """Run a streaming replica for the length of a block."""
    server = Standby(root, primary_url)
    try:
        server.start()
        yield server
    finally:
        server.stop()
