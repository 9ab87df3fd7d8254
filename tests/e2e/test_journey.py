"""What a newcomer does: own folder in, searched through the command line and REST; real uploads."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from embedhub.cli.options import find_server
from embedhub.local.home import Home
from tests.e2e.hub import Hub, wait_for


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "My Notes"
    (folder / "sub").mkdir(parents=True)
    (folder / "backup.md").write_text("# Backups\n\nWe keep thirty days of nightly dumps.")
    (folder / "sub" / "garden.txt").write_text("Garden plan\n\nPlant tomatoes in April.")
    (folder / "people.csv").write_text("id,title,text,year\n7,Ada,Wrote the first program,1843\n")
    (folder / "broken.txt").write_bytes(b"\x00\x00")
    return folder


@pytest.fixture
def kept(hub: Hub, notes: Path) -> str:
    """A collection that holds the three readable notes; returns its slug."""
    hub.run("ingest", str(notes), "--collection", "kept")
    return "kept"


def http(hub: Hub) -> httpx.Client:
    server = find_server(hub.home.root, None, None)
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False)


def test_a_folder_is_ingested_once_and_searched(hub: Hub, notes: Path) -> None:
    first = hub.run("ingest", str(notes), "--collection", "notes")
    assert first.stdout == "3 created, 1 failed\n"
    assert "broken.txt: holds NUL bytes" in first.stderr
    assert first.returncode == 1

    (notes / "broken.txt").unlink()
    again = hub.run("ingest", str(notes), "--collection", "notes")
    assert (again.stdout, again.returncode) == ("3 unchanged\n", 0)

    found = hub.run("search", "tomatoes in april", "--collection", "notes", "--explain")
    assert "Garden plan  [sub/garden.txt]" in found.stdout
    assert re.search(r"lexical +rank 1", found.stdout)

    year = json.dumps({"year": {"$lt": 1900}})
    found = hub.run("search", "program", "--collection", "notes", "--filter", year, "--json")
    assert [hit["document"]["title"] for hit in json.loads(found.stdout)["hits"]] == ["Ada"]


@pytest.mark.slow
def test_mistakes_are_one_line(hub: Hub, notes: Path) -> None:
    for arguments, line in [
        (("search", "x", "--collection", "nothing"), "no collection 'nothing'"),
        (("search", "x", "--collection", "notes", "--key", "eh_wrong"), "unknown, revoked or"),
        (("ingest", str(notes), "--collection", "Not A Slug"), "slug"),
        (("up", "--port", "0"), "already in use"),
        (("up", "--port", "0", "--detach"), "already in use"),
        (("key", "revoke", "eh_nobody"), "no key 'eh_nobody'"),
    ]:
        done = hub.run(*arguments)
        assert done.returncode == 1, arguments
        assert line in done.stderr, (arguments, done.stderr)
        assert done.stderr.count("\n") == 1, done.stderr
        assert done.stderr.startswith("embedhub: ")


def test_a_taken_port_is_named_and_nothing_is_left_running(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for detach in ([], ["--detach"]):
            done = Hub(tmp_path / "home").run("up", "--port", port, *detach)
            assert done.returncode == 1
            assert f"cannot listen on port {port} of 127.0.0.1" in done.stderr
            assert done.stderr.count("\n") == 1
    assert not Home.at(tmp_path / "home").is_locked()


@pytest.mark.slow
def test_keys_are_made_used_and_revoked(hub: Hub, kept: str) -> None:
    made = hub.run("key", "create", "--workspace", "team", "--scopes", "read,write", "--name", "ci")
    assert re.fullmatch(r"eh_\w+\n", made.stdout)
    key = made.stdout.strip()
    assert "eh_" not in made.stderr
    listed = hub.run("key", "list", "--workspace", "team").stdout
    prefix = listed.split()[0]
    assert key.startswith(prefix)
    assert key not in listed
    # Another workspace's collections are not there for it.
    other = hub.run("search", "x", "--collection", kept, "--key", key)
    assert "no collection" in other.stderr
    assert hub.run("key", "revoke", prefix, "--workspace", "team").returncode == 0
    assert "revoked" in hub.run("key", "list", "--workspace", "team").stdout

    def refused() -> bool:
        return "revoked or expired" in hub.run("search", "x", "--key", key).stderr

    # Another process may believe a revoked key for a few seconds.
    wait_for(refused, seconds=15)


@pytest.mark.slow
def test_staff_get_a_login_that_opens_the_admin(hub: Hub) -> None:
    made = hub.run("staff", "grace")
    assert made.returncode == 0, made.stderr
    url = find_server(hub.home.root, None, None).url
    with httpx.Client(base_url=url, follow_redirects=True, trust_env=False, timeout=60) as browser:
        browser.get("/admin/login/")
        form = {
            "username": "grace",
            "password": made.stdout.strip(),
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            "next": "/admin/",
        }
        page = browser.post("/admin/login/", data=form, headers={"Referer": url})
        assert page.status_code == 200
        assert page.url.path == "/admin/"
        assert "grace" in page.text
    assert hub.run("staff", "grace").stdout != made.stdout


def test_status_and_doctor_speak_for_all(hub: Hub, kept: str) -> None:
    status = hub.run("status").stdout
    assert hub.state.url in status
    assert f"{kept}: 3 documents, 3 passages, 0 pending, 0 dead" in status
    doctor = hub.run("doctor")
    assert doctor.returncode == 0
    assert doctor.stdout.endswith("clean\n")


def test_a_chunked_upload_arrives_whole(hub: Hub) -> None:
    hub.client.ensure_collection("chunked")
    body = json.dumps({"documents": [{"external_id": "1", "text": "arrived in pieces"}]}).encode()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    with http(hub) as client:
        answer = client.post("/v1/collections/chunked/documents?wait=indexed", content=pieces())
        assert "content-length" not in answer.request.headers
        assert answer.status_code == 200, answer.text
    assert hub.found("chunked", "pieces") == ["1"]


def test_a_large_batch_arrives_whole(hub: Hub) -> None:
    hub.client.ensure_collection("large", chunking={"strategy": "document"})
    text = "many words " * 20_000
    documents = [{"external_id": str(n), "text": f"needle{n} {text}"} for n in range(100)]
    body = json.dumps({"documents": documents}).encode()
    assert len(body) > 20 * 2**20
    with http(hub) as client:
        answer = client.post("/v1/collections/large/documents", content=body)
    assert answer.status_code == 200, answer.text
    assert hub.status("large")["n_documents"] == 100
    assert hub.found("large", "needle99", "lexical") == ["99"]


def test_a_body_over_the_limit_is_refused_and_writes_nothing(hub: Hub) -> None:
    hub.client.ensure_collection("over")
    documents = [{"external_id": str(n), "text": "x" * 4_000_000} for n in range(10)]
    with http(hub) as client:
        answer = client.post("/v1/collections/over/documents", json={"documents": documents})
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert hub.status("over")["n_documents"] == 0


@pytest.mark.slow
def test_a_streamed_import_arrives_line_by_line(hub: Hub) -> None:
    hub.client.ensure_collection("stream")

    def lines() -> Iterator[bytes]:
        for n in range(1_200):
            yield json.dumps({"external_id": str(n), "text": f"line number{n}"}).encode() + b"\n"

    with http(hub) as client:
        answer = client.post("/v1/collections/stream/documents/import", content=lines())
    assert answer.status_code == 200, answer.text
    assert hub.status("stream")["n_documents"] == 1_200
    wait_for(lambda: not hub.status("stream")["n_pending"])
    assert hub.found("stream", "number1199")[0] == "1199"


@pytest.mark.slow
def test_the_demo_uses_a_running_service_and_leaves_it(hub: Hub, notes: Path) -> None:
    (notes / "broken.txt").unlink()
    done = hub.run("demo", "--docs", str(notes), "--once")
    assert done.returncode == 0, done.stderr
    assert "3 created" in done.stdout
    assert "/v1/collections/my-notes/search" in done.stdout
    assert (
        "0 of 3 passages have to be encoded"
        in hub.run("demo", "--docs", str(notes), "--once").stdout
    )
    assert hub.home.running() is not None


@pytest.mark.slow
def test_a_backup_is_restored_into_a_fresh_home_only(hub: Hub, kept: str, tmp_path: Path) -> None:
    file = tmp_path / "hub.dump"
    key = find_server(hub.home.root, None, None).key
    assert hub.run("backup", str(file)).returncode == 0
    assert not list(tmp_path.glob("*.part"))
    refused = hub.run("restore", str(file))
    assert "already in use" in refused.stderr

    fresh = Hub(tmp_path / "fresh")
    done = fresh.run("restore", str(file))
    assert done.returncode == 0, done.stderr
    assert "has a database already" in fresh.run("restore", str(file)).stderr
    fresh.up()
    try:
        assert fresh.run("doctor").returncode == 0
        # The keys of the past go on working.
        found = fresh.run("search", "tomatoes", "--collection", kept, "--key", key)
        assert "Garden plan" in found.stdout, found.stderr
    finally:
        fresh.down()


@pytest.mark.slow
def test_the_demo_starts_its_own_service_and_ends_it_on_interrupt(
    tmp_path: Path, notes: Path
) -> None:
    hub = Hub(tmp_path / "home")
    # As a shell's `&` starts it: with SIGINT ignored.
    shell = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    command = [sys.executable, "-m", "embedhub.cli", "demo", "--home", str(hub.home.root)]
    with subprocess.Popen(
        [*shell, *command, "--port", "0", "--docs", str(notes)],
        env=hub.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        shown = ""
        for line in demo.stdout:
            shown += line
            if "Ctrl-C stops everything" in line:
                break
        os.kill(demo.pid, signal.SIGINT)
        assert demo.wait(60) == 0
    assert "Garden plan  [sub/garden.txt]" in shown
    assert "/admin/" in shown
    assert not hub.home.is_locked()
    assert hub.home.state() is None
