"""The home folder: one holder, private secrets, state that is whole or absent."""

import os
import socket
import stat
from pathlib import Path

import pytest

from embedhub.local.errors import LocalError
from embedhub.local.home import Credentials, Home, RunningState
from embedhub.local.network import answers, free_port, web_url


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "home")
    home.make()
    return home


def test_only_one_holds_a_home(home: Home) -> None:
    home.write_state(RunningState(os.getpid(), "http://127.0.0.1:1", "postgresql://"))
    with home.locked():
        assert home.is_locked()
        assert home.running() is not None
        with pytest.raises(LocalError, match=r"already in use .*127\.0\.0\.1:1"), home.locked():
            pytest.fail("two processes held one home")
    assert not home.is_locked()
    assert home.running() is None


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot use"):
        Home.at(tmp_path / "file" / "home").make()


def test_secrets_are_for_their_owner_only(home: Home) -> None:
    home.write_credentials(Credentials("default", "eh_secret", "admin", "hidden"))
    key = home.secret_key()
    assert len(key) > 40
    assert home.secret_key() == key
    for name in ("credentials.json", "secret_key"):
        assert stat.S_IMODE((home.root / name).stat().st_mode) == 0o600
    assert home.credentials() == Credentials("default", "eh_secret", "admin", "hidden")


def test_a_new_home_has_nothing(home: Home) -> None:
    assert home.credentials() is None
    assert home.state() is None
    assert home.read_note("prepared") == {}


def test_damaged_files_are_named(home: Home) -> None:
    (home.root / "state.json").write_text("{")
    with pytest.raises(LocalError, match=r"state\.json is damaged"):
        home.state()


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalError, match=f"port {port} of 127.0.0.1"):
            free_port("127.0.0.1", port)
    assert free_port("127.0.0.1", port) == port
    assert free_port("127.0.0.1", 0) > 0


def test_addresses_that_mean_everywhere_are_reached_over_loopback() -> None:
    assert web_url("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert web_url("::", 80) == "http://[::1]:80"
    assert not answers(f"http://127.0.0.1:{free_port('127.0.0.1', 0)}", "/")
