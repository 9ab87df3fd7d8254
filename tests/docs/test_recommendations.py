"""The page on recommendations shows how vectors of users and items are sent, as it works."""

import json
import re
from pathlib import Path
from typing import Any

from embedhub.access.caller import Caller
from embedhub.runs import service as runs
from tests.recommend.training_run.catalogs import taste_catalog
from tests.web.conftest import ApiClient, api, client_for, fresh_keys
from workers.train import WORK

__all__ = ["api", "client_for", "fresh_keys"]

PAGE = (Path(__file__).parents[2] / "docs" / "recommendations.md").read_text()
SHOWN: list[tuple[str, Any]] = [
    (path, json.loads(body))
    for path, body in re.findall(r"```\nPOST /v1(\S+)\n```\n```json\n(.*?)```", PAGE, re.DOTALL)
]


def test_vectors_are_sent_as_written(api: ApiClient, caller: Caller) -> None:
    taste_catalog(caller)
    answers: dict[str, Any] = {}
    for path, body in SHOWN:
        response = api.post(path, body)
        assert response.status_code < 300, (path, response.content)
        answers[path.rsplit("/", 1)[1]] = response.json()
    assert list(answers) == ["versions", "vectors", "finish"]
    assert answers["vectors"] == {"n_stored": 3, "unknown": [], "unknown_users": []}
    run_id = answers["finish"]["run_id"]
    kind = runs.kind_of(run_id)
    assert kind is not None
    runs.carry_out(run_id, WORK[kind])
    run = api.get(f"/runs/{run_id}").json()
    assert (run["status"], run["result"]["n_user_vectors"]) == ("succeeded", 1)
    wrong = {"users": [{"external_id": "u1", "vector": [1]}]}
    refused = api.post("/catalogs/films/versions/1/vectors", wrong)
    assert refused.status_code == 409
