"""The embedded Postgres: starts, is private, survives kills, never runs twice over one folder."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from embedhub.local import cluster
from embedhub.local.errors import LocalError
from embedhub.local.postgres import EmbeddedPostgres, embedded_postgres
from embedhub.local.processes import is_running
from embedhub.spaces.doctor import OLDEST_PGVECTOR


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    yield server
    server.stop()


def setting(url: str, name: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def server_pid(server: EmbeddedPostgres) -> int:
    assert server.process is not None
    return server.process.pid


def wait_until_gone(pid: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while is_running(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.05)


def test_database_and_extension_are_there(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path / "postgres", durable=False) as url:
        with psycopg.connect(url) as connection:
            installed = connection.execute(
                "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
            ).fetchone()
        assert installed is not None
        assert tuple(map(int, installed[0].split("."))) >= OLDEST_PGVECTOR
        assert setting(url, "server_version").startswith("18.")
        assert setting(url, "data_checksums") == "on"


def test_nothing_listens_on_the_network(server: EmbeddedPostgres) -> None:
    server.start()
    assert setting(server.url, "listen_addresses") == ""
    assert server.socket_directory.stat().st_mode & 0o077 == 0


def test_rows_survive_stop_and_start(server: EmbeddedPostgres) -> None:
    server.start()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    server.stop()
    server.start()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_letters_beyond_ascii_are_words(server: EmbeddedPostgres) -> None:
    server.start()
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT to_tsvector('simple', 'Übergröße ΛΌΓΟΣ')").fetchone()
    assert row is not None
    assert "'übergröße'" in row[0]
    assert "'λόγοσ'" in row[0] or "'λόγος'" in row[0]


def test_nothing_committed_is_lost_to_a_kill_of_the_server(server: EmbeddedPostgres) -> None:
    server.durable = True
    server.start()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    os.kill(server_pid(server), signal.SIGKILL)
    assert server.process is not None
    server.process.wait()
    server.launch()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_a_pid_file_naming_a_strangers_process_does_not_stop_the_start(
    server: EmbeddedPostgres,
) -> None:
    server.start()
    server.stop()
    # After a crash and a reboot the recorded process id is often somebody else's: here, ours.
    server.folder.pid_file.write_text(f"{os.getpid()}\n{server.folder.data}\n0\n5432\n")
    server.start()
    assert server.exit_code() is None
    assert is_running(os.getpid())


def test_a_second_server_over_the_folder_is_refused_in_one_line(server: EmbeddedPostgres) -> None:
    server.start()
    second = EmbeddedPostgres(server.folder.root, durable=False)
    with pytest.raises(LocalError, match="in use") as refused:
        second.start()
    assert "\n" not in str(refused.value)
    assert setting(server.url, "server_version")


def test_a_folder_of_another_version_is_refused(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.folder.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(LocalError, match="of Postgres 16"):
        server.start()


def test_a_strangers_folder_is_left_alone(server: EmbeddedPostgres) -> None:
    server.folder.data.mkdir(parents=True)
    (server.folder.data / "thesis.txt").write_text("ten years of work")
    with pytest.raises(LocalError, match="neither empty nor"):
        server.start()
    assert (server.folder.data / "thesis.txt").read_text() == "ten years of work"


def test_a_bad_setting_is_named(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    with (server.folder.data / "postgresql.conf").open("a") as file:
        file.write("shared_bufers = 1GB\n")
    with pytest.raises(LocalError, match="did not start"):
        server.start()


def test_users_settings_win_over_ours(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    with (server.folder.data / "postgresql.conf").open("a") as file:
        file.write("work_mem = 11MB\n")
    server.start()
    assert setting(server.url, "work_mem") == "11MB"


def test_a_deep_folder_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-folder-name"] * 6)
    with embedded_postgres(deep, durable=False) as url:
        assert len(url) < 300
        assert setting(url, "server_version")


def test_a_socket_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest's own folder may itself be too deep for a socket.
    monkeypatch.setattr(tempfile, "tempdir", tempfile.mkdtemp(prefix="t"))
    deep = tmp_path.joinpath(*["a-rather-long-folder-name"] * 6)
    trap = cluster.make_socket_directory(deep, None)
    trap.rmdir()
    trap.symlink_to(tmp_path)
    with pytest.raises(LocalError, match="somebody else"):
        cluster.make_socket_directory(deep, None)


def test_the_server_dies_with_a_killed_parent(tmp_path: Path) -> None:
    script = """
        import sys, time
        from pathlib import Path
        from embedhub.local.postgres import EmbeddedPostgres
        server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
        server.start()
        print(server.process.pid, flush=True)
        time.sleep(600)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "postgres")],
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    parent.wait()
    if sys.platform == "linux":
        wait_until_gone(pid)
    with embedded_postgres(tmp_path / "postgres", durable=False) as url:
        assert setting(url, "server_version")
    wait_until_gone(pid)
