"""The user guide's JSON bodies, sent in their order, do what it says."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.hub import Hub

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"
SEARCH = "/v1/collections/papers/search"
# A body stands behind the request it is for; one that stands alone is a search.
EXAMPLE = re.compile(r"(?:```\n(POST|PATCH|PUT) (\S+)\n```\n)?```json\n(.*?)```", re.DOTALL)
EXAMPLES: list[tuple[str, str, dict[str, Any]]] = [
    (method or "POST", path or SEARCH, json.loads(body))
    for method, path, body in EXAMPLE.findall(GUIDE.read_text())
]


def test_the_guide_works_as_written(hub: Hub) -> None:
    answers: dict[str, list[dict[str, Any]]] = {}
    for method, path, body in EXAMPLES:
        waiting = {"wait": "indexed"} if path.endswith("/documents") else {}
        answer = hub.client.call(method, path, body, **waiting)
        answers.setdefault(f"{method} {path}", []).append(answer)

    assert answers["POST /v1/collections"][0]["slug"] == "papers"
    (sent,) = answers["POST /v1/collections/papers/documents"]
    assert [item["outcome"] for item in sent["items"]] == ["created", "created"]
    assert sent["indexing"]["is_indexed"]
    found, *_ = answers[f"POST {SEARCH}"]
    assert found["hits"][0]["document"]["external_id"] == "vaswani-2017"
    assert found["hits"][0]["explain"]["legs"]
    assert found["complete"]
    (filtered,) = [body for _, _, body in EXAMPLES if "$or" in body.get("filter", {})]
    passing = hub.client.call("POST", SEARCH, filtered)["hits"]
    assert [hit["document"]["external_id"] for hit in passing] == ["vaswani-2017"]

    narrowed = hub.client.call("POST", SEARCH, {"query": "budget", "principals": ["anna"]})
    assert "board/minutes-7" not in [h["document"]["external_id"] for h in narrowed["hits"]]
    seen = hub.client.call("POST", SEARCH, {"query": "budget", "principals": ["board"]})
    assert seen["hits"][0]["document"]["external_id"] == "board/minutes-7"

    pinned = hub.client.call("POST", SEARCH, {"query": "Transformers", "explain": True})["hits"]
    assert pinned[0]["document"]["external_id"] == "vaswani-2017"
    kinds = [step["kind"] for step in pinned[0]["explain"]["adjustments"]]
    assert kinds == ["recency", "boost", "pinned"]

    (films,) = answers["POST /v1/catalogs/films/search"]
    assert [hit["item"]["external_id"] for hit in films["hits"]] == ["alien"]

    (asked,) = answers["POST /v1/collections/papers/evaluations"]
    path = f"/v1/collections/papers/evaluations/{asked['id']}"
    deadline = time.monotonic() + 120
    while (measured := hub.client.call("GET", path))["status"] in {"queued", "running"}:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    assert measured["status"] == "succeeded", measured["error"]
    live, words = measured["results"]
    assert [live["metrics"][0]["metric"], words["name"]] == ["ndcg@10", "words only"]
    assert 0 < live["metrics"][0]["mean"] <= 1

    (listed,) = answers["POST /v1/catalogs/films/recommendations"]
    assert {note["code"] for note in listed["notes"]} >= {"no_version"}
    (tried,) = answers["POST /v1/catalogs/films/placements/home/preview"]
    assert len(tried["after"]) == len(tried["before"])
    (why,) = answers["POST /v1/catalogs/films/recommendations/why-not"]
    assert why["obstacles"] == ["seen"]
