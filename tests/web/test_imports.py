"""Imports over REST: ids, going on, progress, reports as files, and 429."""

import csv
import io

import orjson
import pytest

from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.documents import back_pressure, turns
from embedhub.documents.imports import claim_import
from tests.factories import make_collection
from tests.web.conftest import ApiClient

IMPORT = "/collections/papers/documents/import"
IMPORTS = "/collections/papers/imports"


@pytest.fixture(autouse=True)
def collection(caller: Caller) -> None:
    make_collection(caller)


def lines(start: int, stop: int) -> bytes:
    return b"".join(b'{"external_id": "%d", "text": "x %d"}\n' % (n, n) for n in range(start, stop))


def test_an_import_is_created_sent_in_parts_and_watched(api: ApiClient) -> None:
    created = api.post(IMPORTS, None)
    assert created.status_code == 201
    state = created.json()
    assert (state["status"], state["next_line"]) == ("waiting", 1)
    first = api.post(f"{IMPORT}?import_id={state['id']}&more=true", lines(0, 5) + b"{}\n")
    assert first.json()["import_id"] == state["id"]
    assert first["Import-Id"] == str(state["id"])
    seen = api.get(f"{IMPORTS}/{state['id']}").json()
    assert (seen["status"], seen["next_line"], seen["n_errors"]) == ("waiting", 7, 1)
    # Two lines of it a second time.
    second = api.post(
        f"{IMPORT}?import_id={state['id']}&from_line=5", lines(4, 5) + b"{}\n" + lines(5, 9)
    )
    assert second.json()["counts"] == {"created": 4}
    seen = api.get(f"{IMPORTS}/{state['id']}").json()
    assert (seen["status"], seen["n_lines"], seen["counts"]["created"]) == ("finished", 10, 9)
    assert seen["n_errors"] == 1
    assert [each["id"] for each in api.get(IMPORTS).json()["items"]] == [state["id"]]


def test_what_an_import_does_not_take_is_refused(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_S", 0.01)
    import_id = api.post(IMPORTS, None).json()["id"]
    for query, field in (
        ("wait=indexed", "wait"),
        ("from_line=3", "from_line"),
        (f"import_id={import_id}&from_line=3", "from_line"),
        (f"import_id={import_id}&from_line=0", "from_line"),
        ("import_id=x", "import_id"),
    ):
        refused = api.post(f"{IMPORT}?{query}", lines(0, 1))
        assert refused.status_code == 422, query
        assert refused.json()["field"] == field
    assert api.post(f"{IMPORT}?import_id={import_id + 1}", lines(0, 1)).status_code == 404


def test_the_report_comes_as_pages_lines_and_csv(api: ApiClient) -> None:
    bad = b'{"external_id": "=1+1", "text": 7}\nno json\n'
    answer = api.post(IMPORT, lines(0, 2) + bad).json()
    assert answer["n_errors"] == 2
    report = f"{IMPORTS}/{answer['import_id']}/errors"
    page = api.get(report + "?limit=1").json()
    assert page["items"] == [
        {"line": 3, "external_id": "=1+1", "message": "document.text: must be a string"}
    ]
    rest = api.get(f"{report}?limit=1&cursor={page['cursor']}").json()
    assert [each["line"] for each in rest["items"]] == [4]
    assert rest["cursor"] is None
    as_lines = api.get(report + "?format=ndjson")
    assert [orjson.loads(each)["line"] for each in as_lines.getvalue().splitlines()] == [3, 4]
    as_csv = api.get(report + "?format=csv")
    assert as_csv["Content-Disposition"].startswith("attachment")
    rows = list(csv.reader(io.StringIO(as_csv.getvalue().decode())))
    assert rows[0] == ["line", "external_id", "message"]
    # No spreadsheet shall take it for a formula.
    assert rows[1][:2] == ["3", "'=1+1"]


def test_one_import_too_many_gets_429(api: ApiClient, caller: Caller) -> None:
    override_config(max_imports=1)
    try:
        claim_import(caller, "papers")
        refused = api.post(IMPORT, lines(0, 1))
    finally:
        override_config(max_imports=4)
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert refused.json()["code"] == "busy"
    assert api.get("/collections/papers/documents?external_id=0").status_code == 404


def test_an_answer_in_lines_ends_with_the_problem(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedhub.documents.import_batches.COMMITTED_EVERY", 2)
    monkeypatch.setattr(back_pressure, "BACKLOG_KEPT_S", 0)
    monkeypatch.setattr(back_pressure, "_backlog", (0.0, False))
    override_config(max_backlog=3)
    try:
        answer = api.post(IMPORT, lines(0, 9), Accept="application/x-ndjson")
        told = [orjson.loads(each) for each in answer.getvalue().splitlines()]
    finally:
        override_config(max_backlog=2_000_000)
    assert [each["n_lines"] for each in told[:-1]] == [2, 4]
    assert (told[-1]["status"], told[-1]["code"]) == (429, "busy")
    state = api.get(f"{IMPORTS}/{told[0]['import_id']}").json()
    assert (state["status"], state["next_line"]) == ("broken", 5)
