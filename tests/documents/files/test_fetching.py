"""Files from the web: only from public addresses, whatever name, form or redirect leads there."""

import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import httpcore
import pytest

from embedhub import network
from embedhub.config import override_config
from embedhub.documents.files.fetching import FetchFailed, fetch
from embedhub.network import is_public


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "198.18.0.1", "192.0.2.1"),
        *("::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"),
        *("64:ff9b:1::1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
        *("fec0::1", "5f00::1", "::ffff:0:7f00:1"),
    ],
)
def test_addresses_of_private_networks_are_told(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_told(address: str) -> None:
    assert is_public(ip_address(address))


Resolve = Callable[[dict[str, list[str]]], None]


@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Makes names resolve to these addresses."""

    really: Callable[..., list[Any]] = socket.getaddrinfo

    def set_names(names: dict[str, list[str]]) -> None:
        def look_up(host: str, port: int, *more: Any, **named: Any) -> list[Any]:
            if host.replace(".", "").isdecimal():
                return really(host, port, *more, **named)
            if host not in names:
                raise socket.gaierror("unknown")
            return [(0, 0, 0, "", (address, port)) for address in names[host]]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return set_names


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/"),
        *("http://localhost/", "http://[::ffff:10.0.0.1]/", "http://169.254.169.254/latest/"),
    ],
)
def test_a_private_address_in_any_form_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(FetchFailed) as raised:
        fetch(url, tmp_path / "a", max_bytes=10)
    assert raised.value.code in {"address_refused", "unreachable"}
    assert "answered" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.org/a", "file:///etc/passwd", "gopher://example.org", "//example.org/a"),
        *("http://user:word@example.org/", "http://example.org:22/", "http://example.org:x/", ""),
        *("http://", "http://[::1", "javascript:alert(1)"),
    ],
)
def test_other_schemes_ports_and_passwords_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(FetchFailed) as raised:
        fetch(url, tmp_path / "a", max_bytes=10)
    assert raised.value.code == "address_refused"


def test_a_name_that_leads_to_loopback_is_refused(tmp_path: Path, resolving: Resolve) -> None:
    resolving({"inside.example": ["127.0.0.1"], "both.example": ["93.184.216.34", "10.0.0.1"]})
    for name in ("inside.example", "both.example"):
        with pytest.raises(FetchFailed, match="private network"):
            fetch(f"http://{name}/", tmp_path / "a", max_bytes=10)
    with pytest.raises(FetchFailed, match="not known"):
        fetch("http://nowhere.example/", tmp_path / "a", max_bytes=10)


class Site(BaseHTTPRequestHandler):
    """Answers as the path says."""

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        if name.startswith("to="):
            self.send_response(302)
            self.send_header("Location", name[3:])
            self.end_headers()
        elif name == "slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(60):
                self.wfile.write(b"x")
                sleep(0.05)
        elif name == "endless":
            self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Long: ")
            for _ in range(60):
                self.wfile.write(b"x")
                sleep(0.05)
        elif "%" in name:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(name.encode())
        else:
            self.send_response(404 if name == "missing" else 200)
            self.end_headers()
            self.wfile.write(b"words" * (1_000 if name == "long" else 1))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(resolving: Resolve, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A site that counts as public: its name leads to this machine, which is let pass."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    resolving({"site.example": ["127.0.0.1"], "inside.example": ["10.0.0.1"]})
    monkeypatch.setattr(network, "is_public", lambda address: str(address) == "127.0.0.1")
    override_config(fetch_ports=f"[80, {port}]", fetch_s=20)
    yield f"http://site.example:{port}"
    override_config(fetch_ports="[80, 443]", fetch_s=60)
    server.shutdown()
    server.server_close()


def test_a_file_is_fetched_behind_redirects(site: str, tmp_path: Path) -> None:
    target = tmp_path / "a"
    fetch(f"{site}/to=/to=/a.txt", target, max_bytes=10)
    assert target.read_bytes() == b"words"


@pytest.mark.parametrize(
    ("path", "code", "told"),
    [
        ("to=http://inside.example/", "address_refused", "private network"),
        ("to=http://10.0.0.1/", "address_refused", "private network"),
        ("to=file:///etc/passwd", "address_refused", "only http"),
        ("to=/to=/to=/to=/to=/to=/to=/a", "unreachable", "redirects"),
        ("missing", "unreachable", "answered 404"),
        ("long", "too_large", "more than 100 bytes"),
        ("slow", "unreachable", "longer than 1 second"),
        ("endless", "unreachable", "longer than 1 second"),
    ],
)
def test_each_redirect_and_each_answer_is_looked_at(
    site: str, tmp_path: Path, path: str, code: str, told: str
) -> None:
    if path in {"slow", "endless"}:
        override_config(fetch_s=1)
    with pytest.raises(FetchFailed) as raised:
        fetch(f"{site}/{path}", tmp_path / "a", max_bytes=100)
    assert raised.value.code == code
    assert told in str(raised.value)


def test_an_address_as_people_write_it_is_fetched(site: str, tmp_path: Path) -> None:
    target = tmp_path / "a"
    fetch(f"{site}/Käse und Brot", target, max_bytes=100)
    assert target.read_bytes() == b"K%C3%A4se%20und%20Brot"


def test_a_name_that_changes_its_mind_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes to the address that was looked at: names are resolved once."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    connected: list[str] = []

    def look_up(host: str, port: int, *_: object, **__: object) -> list[Any]:
        return [(0, 0, 0, "", (address, port)) for address in next(answers)]

    def connect(self: object, host: str, *_: object, **__: object) -> None:
        connected.append(host)
        raise httpcore.ConnectError("stop here")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    with pytest.raises(FetchFailed):
        fetch("http://rebinding.example/", tmp_path / "a", max_bytes=10)
    assert connected == ["93.184.216.34"]
