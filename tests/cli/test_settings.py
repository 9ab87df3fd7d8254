"""What `embedhub settings` shows of secrets: that they are set, and nothing else."""

from pydantic import SecretStr

from embedhub.cli.settings import shown


def test_secrets_are_not_shown() -> None:
    assert shown(SecretStr("hidden")) == "***"
    assert shown(SecretStr("")) == ""
    assert shown("postgresql://me:p@ss:w@db:5432/hub?x=1") == "postgresql://me:***@db:5432/hub?x=1"
    assert shown("postgresql://me@/hub?host=/a:b/c@d") == "postgresql://me@/hub?host=/a:b/c@d"
    assert shown(["a", 1]) == '["a", 1]'
