"""The page on analyses shows requests that work, in their order."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from embedhub.access.caller import Caller
from embedhub.runs import service as runs
from tests.factories import encode_everything
from tests.web.conftest import ApiClient, api, client_for, fresh_keys
from workers.train import WORK

__all__ = ["api", "client_for", "fresh_keys"]

PAGE = (Path(__file__).parents[2] / "docs" / "analysis.md").read_text()
SHOWN: list[tuple[str, str, Any]] = [
    (method, path, json.loads(body))
    for method, path, body in re.findall(
        r"```\n(POST|PATCH) /v1(\S+)\n```\n```json\n(.*?)```", PAGE, re.DOTALL
    )
]
FOLLOWED = ("/scan", "/train")


@pytest.mark.slow
def test_the_page_works_as_written(api: ApiClient, caller: Caller) -> None:
    """Slow: numeric code of other libraries is compiled on first use."""
    answers: dict[str, Any] = {}
    for method, path, body in SHOWN:
        send = api.post if method == "POST" else api.patch
        response = send(path, body)
        assert response.status_code < 300, (path, response.content)
        answers[path] = answer = response.json()
        encode_everything()
        if path.endswith(FOLLOWED):
            run_id = answer["run_id"]
            kind = runs.kind_of(run_id)
            assert kind is not None
            runs.carry_out(run_id, WORK[kind])
            run = api.get(f"/runs/{run_id}").json()
            assert run["status"] == "succeeded", (path, run)
    assert answers["/collections/tickets/duplicates/check"]["verdict"] == "duplicate"
    matrix = answers["/similarity"]["matrix"]
    assert [len(row) for row in matrix] == [1, 1]
    labels = answers["/collections/tickets/labels/intent/classify"]["items"]
    assert [each["likeliest"] for each in labels] != []
    listed = api.get("/collections/tickets/topics").json()["items"]
    assert sum(topic["n_rows"] for topic in listed) == 8


def test_every_kind_of_request_is_shown() -> None:
    paths = {path.removeprefix("/collections/tickets") for _, path, _ in SHOWN}
    assert paths >= {
        "/duplicates/scan",
        "/duplicates/check",
        "/anomalies/scan",
        "/anomalies/score",
        "/topics/scan",
        "/labels/intent/train",
        "/labels/intent/classify",
        "/similarity",
        "/webhooks",
    }
