"""The analyser: languages, identifiers, scripts without spaces, and sizes."""

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from embedhub.errors import InvalidInput
from embedhub.search.analysis import (
    CONFIGURATIONS,
    MAX_BYTES,
    MAX_WORDS,
    cells_of,
    identifier_parts,
    ngrams,
    prepare,
    regconfig_of,
)


@pytest.mark.parametrize(
    ("language", "configuration"),
    [
        ("english", "english"), ("en", "english"), ("EN-gb", "english"), ("pt_BR", "portuguese"),
        ("de", "german"), ("zh", "simple"), ("chinese", "simple"), ("th", "simple"),
        ("ja-JP", "simple"), ("simple", "simple"), ("xx", "simple"),
    ],
)  # fmt: skip
def test_languages_have_a_configuration(language: str, configuration: str) -> None:
    assert regconfig_of(language) == configuration


@pytest.mark.parametrize("language", ["", "klingonese", "e", "en;drop", "english'", "en\0"])
def test_what_is_no_language_is_refused(language: str) -> None:
    with pytest.raises(InvalidInput) as error:
        regconfig_of(language, "documents.3.language")
    assert error.value.field == "documents.3.language"


@pytest.mark.parametrize(
    ("identifier", "parts"),
    [
        ("os.path.join", ["os", "path", "join"]),
        ("/usr/lib/python3", ["usr", "lib", "python3"]),
        ("std::vector", []),  # stock Postgres splits it already
        ("snake_case_name", []),
        ("getUserName", ["get", "User", "Name"]),
        ("HTTPServer", ["HTTP", "Server"]),
        ("self.assertEqual(foo.bar)", ["self", "assertEqual", "assert", "Equal", "foo", "bar"]),
        ("john.doe@example.com", ["john", "doe", "example", "com"]),
        ("node.js", ["node", "js"]),
        ("C:\\Users\\ada", ["Users", "ada"]),
        # no identifiers
        ("The end. Next one.", []),
        ("3.14 2.0.1 0.5", []),
        ("mRNA siRNA GTPase DNase pH HbA1c", []),
        ("e.g. U.S.", []),
    ],
)
def test_identifiers_give_their_parts(identifier: str, parts: list[str]) -> None:
    assert list(identifier_parts(identifier)) == parts


def test_scripts_without_spaces_become_characters_and_pairs() -> None:
    assert list(ngrams("黑猫")) == ["黑", "猫", "黑猫"]
    assert prepare("我的猫") == " 我 的 猫 我的 的猫 "
    assert cells_of("น้ำ") == ["น้", "ำ"]
    assert prepare("한국어 검색") == "한국어 검색"  # Korean is written with spaces
    assert "カタ" in prepare("カタカナ")


def test_compatibility_forms_are_unified() -> None:
    assert prepare("Ｆｕｌｌ ﬁle") == "Full file"


@pytest.mark.parametrize(
    "monster",
    [
        "word " * 200_000,
        "".join(chr(0x4E00 + i % 20_000) for i in range(400_000)),
        " ".join(f"unique{i}" for i in range(400_000)),
        " ".join(f"a{i}.b{i}.c{i}" for i in range(100_000)),
        "x" * 5_000_000,
        "-".join(f"p{i}" for i in range(50_000)),
        "\0 nul \0",
        "ü" * 3_000_000,
    ],
)
def test_anything_fits_a_tsvector(server_url: str, monster: str) -> None:
    prepared = prepare(monster)
    assert len(prepared.encode()) <= MAX_BYTES
    assert len(prepared.split()) <= MAX_WORDS
    engine = create_engine(make_url(server_url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        for configuration in ("english", "simple"):
            connection.execute(
                text("SELECT length(to_tsvector(CAST(:c AS regconfig), :t))"),
                {"c": configuration, "t": prepared},
            )
    engine.dispose()


def test_every_configuration_exists(server_url: str) -> None:
    engine = create_engine(make_url(server_url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        known = set(connection.execute(text("SELECT cfgname FROM pg_ts_config")).scalars())
    engine.dispose()
    assert known >= CONFIGURATIONS
