"""The REST of ranking: the setting, the request's own, pinned and hidden documents."""

from typing import Any

import pytest

from embedhub.access.caller import Caller
from tests.factories import encode_everything, make_collection, send
from tests.web.conftest import ApiClient, ClientFor

PATH = "/collections/papers"
CURATIONS = f"{PATH}/curations"


@pytest.fixture
def papers(caller: Caller) -> Caller:
    make_collection(caller, filterable={"kind": "string"})
    send(
        caller,
        {"external_id": "a", "text": "cats cats cats"},
        {"external_id": "b", "text": "cats and dogs", "metadata": {"kind": "faq"}},
        {"external_id": "c", "text": "cats and whales", "access": ["staff"]},
    )
    encode_everything()
    return caller


def found(api: ApiClient, **fields: Any) -> list[dict[str, Any]]:
    answer = api.post(f"{PATH}/search", {"query": "cats", "explain": True, **fields})
    assert answer.status_code == 200, answer.content
    hits: list[dict[str, Any]] = answer.json()["hits"]
    return hits


def ids(hits: list[dict[str, Any]]) -> list[str]:
    return [hit["document"]["external_id"] for hit in hits]


def test_the_setting_is_patched_shown_and_explained(api: ApiClient, papers: Caller) -> None:
    boost = {"filter": {"kind": "faq"}, "offset": 2}
    answer = api.patch(PATH, {"ranking": {"boosts": [boost]}})
    assert answer.status_code == 200
    stored = {"boosts": [{"filter": {"kind": "faq"}, "factor": 1.0, "offset": 2.0}]}
    assert answer.json()["ranking"] == stored
    assert api.get(PATH).json()["ranking"] == stored
    hits = found(api)
    assert ids(hits)[0] == "b"
    (step,) = hits[0]["explain"]["adjustments"]
    assert step["kind"] == "boost"
    assert step["after"] == hits[0]["score"]
    assert ids(found(api, ranking={"boosts": None}))[0] == "a"
    assert api.patch(PATH, {"ranking": {}}).json()["ranking"] == {}
    assert ids(found(api))[0] == "a"


@pytest.mark.parametrize(
    ("ranking", "field"),
    [
        ({"boosts": [{"filter": {"kind": 1}, "factor": 2}]}, "ranking.boosts.0.filter.kind"),
        ({"diversity": 2}, "ranking.diversity"),
        ({"nonsense": 1}, "ranking.nonsense"),
        ({"reranker": {"name": "none"}}, "ranking.reranker.name"),
        ({"recency": {"half_life_days": 1, "field": "kind"}}, "ranking.recency.field"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(
    api: ApiClient, papers: Caller, ranking: dict[str, Any], field: str
) -> None:
    for answer in (
        api.patch(PATH, {"name": "Other", "ranking": ranking}),
        api.post(f"{PATH}/search", {"query": "cats", "ranking": ranking}),
        api.post(
            "/collections", {"slug": "new", "filterable": {"kind": "string"}} | {"ranking": ranking}
        ),
    ):
        assert answer.status_code == 422, answer.content
        assert answer.json()["field"] == field
    assert api.get(PATH).json()["ranking"] == {}
    assert api.get(PATH).json()["name"] == "papers"
    assert api.get("/collections/new").status_code == 404


def test_documents_are_found_by_example_over_rest(api: ApiClient, papers: Caller) -> None:
    answer = api.post(f"{PATH}/search", {"like": ["a"]})
    assert ids(answer.json()["hits"]) == ["b", "c"]
    wrong = api.post(f"{PATH}/search", {"like": ["a", "zz"]})
    assert wrong.status_code == 422
    assert wrong.json()["field"] == "like.1"
    hidden = api.post(f"{PATH}/search", {"like": ["c"], "principals": []})
    assert hidden.json()["field"] == "like.0"


def test_pins_and_hidings_are_made_listed_taken_back_and_put_back(
    api: ApiClient, papers: Caller
) -> None:
    made = api.post(CURATIONS, {"action": "pin", "external_id": "b", "query": " Cats "})
    assert made.status_code == 201
    assert made.json()["query"] == "cats"
    assert made.json()["position"] == 1
    hide = api.post(CURATIONS, {"action": "hide", "external_id": "a"}).json()
    hits = found(api)
    assert ids(hits)[0] == "b"
    assert hits[0]["explain"]["adjustments"][-1]["kind"] == "pinned"
    assert "a" not in ids(hits)
    first = api.get(f"{CURATIONS}?limit=1").json()
    assert [one["external_id"] for one in first["items"]] == ["b"]
    rest = api.get(f"{CURATIONS}?limit=1&cursor={first['cursor']}").json()
    assert [one["external_id"] for one in rest["items"]] == ["a"]
    gone = api.delete(f"{CURATIONS}/{hide['id']}").json()
    assert gone["removed_at"] is not None
    assert gone["removed_by"].startswith("API key ")
    assert "a" in ids(found(api))
    listed = api.get(f"{CURATIONS}?state=removed").json()["items"]
    assert [one["id"] for one in listed] == [hide["id"]]
    assert api.post(f"{CURATIONS}/{hide['id']}/restore", None).json()["removed_at"] is None
    assert "a" not in ids(found(api))


def test_a_later_decision_takes_the_place_of_an_earlier(api: ApiClient, papers: Caller) -> None:
    pin = api.post(CURATIONS, {"action": "pin", "external_id": "b"}).json()
    hide = api.post(CURATIONS, {"action": "hide", "external_id": "b"}).json()
    assert [one["id"] for one in api.get(CURATIONS).json()["items"]] == [hide["id"]]
    api.post(f"{CURATIONS}/{pin['id']}/restore", None)
    assert [one["id"] for one in api.get(CURATIONS).json()["items"]] == [pin["id"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "pin", "external_id": "none"}, "external_id"),
        ({"action": "pin", "external_id": ""}, "external_id"),
        ({"action": "pin", "external_id": "a", "query": "  "}, "query"),
        ({"action": "pin", "external_id": "a", "query": "x" * 501}, "query"),
        ({"action": "pin", "external_id": "a", "position": 0}, "position"),
        ({"action": "hide", "external_id": "a", "position": 1}, "position"),
        ({"action": "pin", "external_id": "a", "note": "x" * 501}, "note"),
    ],
)
def test_bad_decisions_are_refused(
    api: ApiClient, papers: Caller, body: dict[str, Any], field: str
) -> None:
    answer = api.post(CURATIONS, body)
    assert answer.status_code == 422, answer.content
    assert answer.json()["field"] == field
    assert api.get(CURATIONS).json()["items"] == []


def test_ids_of_other_collections_and_huge_ones_are_not_found(
    api: ApiClient, papers: Caller
) -> None:
    make_collection(papers, "other")
    made = api.post(CURATIONS, {"action": "hide", "external_id": "a"}).json()
    assert api.delete(f"/collections/other/curations/{made['id']}").status_code == 404
    assert api.delete(f"{CURATIONS}/{2**70}").status_code == 422
    assert len(api.get(CURATIONS).json()["items"]) == 1


def test_a_key_with_principals_neither_reads_nor_makes_decisions(
    client_for: ClientFor, papers: Caller
) -> None:
    bound = client_for(papers.workspace_id, principals=["guests"])
    assert bound.get(CURATIONS).status_code == 403
    assert bound.post(CURATIONS, {"action": "hide", "external_id": "a"}).status_code == 403
