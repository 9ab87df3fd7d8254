"""Options: paths as users write them, and usage errors that name what is wrong."""

from pathlib import Path

import click
import pytest

from embedhub.cli.app import main
from embedhub.cli.options import UserPath


def test_a_tilde_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "notes").mkdir()
    assert UserPath().convert("~/notes", None, None) == tmp_path / "notes"
    with pytest.raises(click.BadParameter, match="does not exist"):
        UserPath().convert("~/nothing", None, None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serch"], "No such command 'serch'"),
        (["up", "--prot", "1"], "No such option '--prot'"),
        (["up", "--port", "99999"], "99999 is not in the range"),
        (["ingest", "/nothing/here", "--collection", "a"], "'/nothing/here' does not exist"),
        (["ingest", "~nobody-here/x", "--collection", "a"], "names nobody's home"),
        (["demo", "--docs", "~/not/there"], "/not/there' does not exist"),
        (["ingest", "."], "Missing option '--collection'"),
        (["search", "x", "--mode", "fuzzy"], "'fuzzy' is not one of"),
        (["search", "x", "--url", "http://h", "--key", "k", "--filter", "{"], "is not JSON"),
        (["search", "x", "--url", "http://h", "--key", "k", "--filter", "[]"], "a JSON object"),
    ],
)
def test_wrong_usage_is_named_with_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_home_without_a_service_is_said_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["search", "x"], ["status"], ["doctor"], ["key", "list"]):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--home", str(tmp_path)])
        assert ended.value.code == 1
        error = capsys.readouterr().err
        assert "does not run in" in error
        assert "embedhub up --home" in error
        assert error.count("\n") == 1
