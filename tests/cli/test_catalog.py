"""`embedhub catalog`: CSV by its columns, lines as they are, and out again."""

from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from click.testing import CliRunner

from embedhub.access.caller import Caller
from embedhub.access.service import create_key
from embedhub.catalog.members import get_item, get_user
from embedhub.catalog.service import catalog_status
from embedhub.cli import catalog as commands
from embedhub.cli import movielens
from embedhub.cli.client import HubClient
from embedhub.cli.options import Server
from embedhub.cli.rows import ColumnMap, CsvRows, pairs_of
from embedhub.errors import InvalidInput, NotFound
from tests.factories import encode_everything

FILMS = 'movieId,title,genres,year\n1,Alien,horror|space,1979\n2,"A, B",,\n'


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def rows(path: Path, kind: str, *maps: str, **constants: str) -> list[dict[str, Any]]:
    mapping = ColumnMap(kind, pairs_of(maps), constants, "|")
    mapping.check()
    return list(CsvRows(path, mapping)())


def test_columns_become_fields_as_they_are_mapped(tmp_path: Path) -> None:
    path = written(tmp_path, "films.csv", FILMS)
    maps = ("movieId=external_id", "genres=categories", "year=attributes.year")
    assert rows(path, "items", *maps) == [
        {
            "external_id": "1",
            "fields": {"title": "Alien"},
            "categories": ["horror", "space"],
            "attributes": {"year": 1979},
        },
        {"external_id": "2", "fields": {"title": "A, B"}},
    ]


def test_columns_of_interactions_have_to_be_named(tmp_path: Path) -> None:
    path = written(tmp_path, "r.csv", "userId,item,rating,timestamp,junk\n7,9,4.5,881250949,x\n")
    with pytest.raises(InvalidInput, match="'userId' is none of"):
        rows(path, "interactions")
    with pytest.raises(InvalidInput, match="no field of interactions"):
        rows(path, "interactions", "userId=person")
    maps = ("userId=user", "rating=value", "timestamp=time", "junk=")
    assert rows(path, "interactions", *maps, type="rating") == [
        {
            "type": "rating",
            "user": "7",
            "item": "9",
            "value": 4.5,
            "time": "1997-12-04T15:55:49+00:00",
        }
    ]


@pytest.fixture
def run(caller: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command of `embedhub catalog` against the application in this process."""
    from embedhub.wsgi import application

    _, token = create_key(caller.workspace_id, name="cli", scopes=["write", "read"])
    client = HubClient(Server("http://127.0.0.1", token), sleep=lambda _: None)
    client._http = httpx.Client(
        base_url="http://127.0.0.1",
        headers={"Authorization": f"Bearer {token}"},
        transport=httpx.WSGITransport(application),
    )
    monkeypatch.setattr(commands, "HubClient", lambda _: client)

    def run(*arguments: str, status: int = 0) -> str:
        given = [*arguments, "--url", "http://127.0.0.1", "--key", token]
        done = CliRunner().invoke(commands.catalog, given)
        assert done.exit_code == status, (done.output, done.exception)
        return done.output

    return run


def test_a_csv_comes_in_and_lines_go_out(run: Any, caller: Caller, tmp_path: Path) -> None:
    films = str(written(tmp_path, "films.csv", FILMS))
    given = ["--map", "movieId=external_id", "--map", "genres=categories", "--separator", "|"]
    told = run("import", "items", films, "--catalog", "films", *given, "--no-wait")
    assert "items: 2 created" in told
    assert get_item(caller, "films", "1").categories == ["horror", "space"]
    out = tmp_path / "out.ndjson"
    run("export", "items", "--catalog", "films", "--output", str(out))
    assert [orjson.loads(line)["external_id"] for line in out.read_bytes().splitlines()] == [
        "1",
        "2",
    ]
    bad = str(written(tmp_path, "bad.ndjson", '{"external_id": "3"}\nnothing\n'))
    report = tmp_path / "refused.csv"
    told = run(
        "import", "items", bad, "--catalog", "films", "--no-wait", "--report", str(report),
        status=1,
    )  # fmt: skip
    assert "1 created, 1 refused" in told
    assert "not valid JSON" in report.read_text()
    encode_everything()
    assert "Alien" in run("search", "alien", "--catalog", "films")
    assert "items" in run("status", "films")


def test_movielens_is_loaded_from_a_folder(run: Any, caller: Caller, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"ratings\.csv|items_info\.json"):
        movielens.rows_of(tmp_path)
    film = {
        "movielens_id": "1", "title": "Toys", "plot": "Toys talk", "genres": "Comedy, Family",
        "year": "1995", "rating": "N/A", "directors": "Somebody",
    }  # fmt: skip
    written(tmp_path, "items_info.json", orjson.dumps([film]).decode())
    written(tmp_path, "users_info.csv", "user_id,age,gender,occupation,zip_code\n1,24,M,other,0\n")
    written(tmp_path, "ratings.csv", "user_id,item_id,rating,timestamp\n1,1,5,881250949\n")
    for outcome in ("created", "unchanged"):
        told = run("load-movielens", str(tmp_path), "--no-wait", "--no-train")
        assert f"interactions: 1 {outcome}" in told
    toys = get_item(caller, "movies", "1")
    assert toys.content == "Toys\nToys talk\nComedy, Family\nSomebody"
    assert (toys.categories, toys.attributes) == (["Comedy", "Family"], {"year": 1995})
    assert get_user(caller, "movies", "1").attributes["age"] == 24
    assert catalog_status(caller, "movies").n_interactions == 1
    written(tmp_path, "ratings.csv", "user,item\n1,1\n")
    run("load-movielens", str(tmp_path), "--no-wait", "--no-train", status=1)
