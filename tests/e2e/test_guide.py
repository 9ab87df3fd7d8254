"""The user guide's JSON bodies, sent in their order, do what it says."""

import json
import re
from pathlib import Path
from typing import Any

from tests.e2e.hub import Hub

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"
BODIES: list[dict[str, Any]] = [
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", GUIDE.read_text(), re.DOTALL)
]
PATHS = re.findall(r"```\nPOST (\S+)\n```", GUIDE.read_text())


def test_the_guide_works_as_written(hub: Hub) -> None:
    collection, documents, search, filtered = BODIES
    assert PATHS == [
        "/v1/collections",
        "/v1/collections/papers/documents",
        "/v1/collections/papers/search",
    ]
    assert hub.client.call("POST", PATHS[0], collection)["slug"] == "papers"
    answer = hub.client.call("POST", PATHS[1], documents, wait="indexed")
    assert [item["outcome"] for item in answer["items"]] == ["created", "created"]
    assert answer["indexing"]["is_indexed"]

    found = hub.client.call("POST", PATHS[2], search)
    assert found["hits"][0]["document"]["external_id"] == "vaswani-2017"
    assert found["hits"][0]["explain"]["legs"]
    assert found["complete"]

    found = hub.client.call("POST", PATHS[2], filtered)
    assert [hit["document"]["external_id"] for hit in found["hits"]] == ["vaswani-2017"]

    narrowed = hub.client.call("POST", PATHS[2], {"query": "budget", "principals": ["anna"]})
    assert "board/minutes-7" not in [h["document"]["external_id"] for h in narrowed["hits"]]
    seen = hub.client.call("POST", PATHS[2], {"query": "budget", "principals": ["board"]})
    assert seen["hits"][0]["document"]["external_id"] == "board/minutes-7"
