import pytest

from embedhub.access.caller import Caller
from embedhub.errors import InvalidInput
from embedhub.web.paging import decode_cursor, encode_cursor, page
from tests.factories import make_collection, send_texts
from tests.web.conftest import ApiClient


def test_a_cursor_is_read_back_and_only_for_its_own_list() -> None:
    cursor = encode_cursor("runs", 12)
    assert decode_cursor("runs", cursor) == 12
    assert decode_cursor("runs", None) is None
    for wrong in ("", "x", "runs:12", encode_cursor("keys", 12), encode_cursor("runs", 2**63)):
        with pytest.raises(InvalidInput):
            decode_cursor("runs", wrong)


def test_one_row_more_than_asked_means_another_page() -> None:
    assert page("n", [1, 2, 3], 2, int) == {"items": [1, 2], "cursor": encode_cursor("n", 2)}
    assert page("n", [1, 2], 2, int) == {"items": [1, 2], "cursor": None}
    assert page("n", [], 2, int) == {"items": [], "cursor": None}


def read_all(api: ApiClient, path: str) -> list[int]:
    """Return the ids of every page of two."""
    ids: list[int] = []
    cursor = ""
    while True:
        answer = api.get(f"{path}?limit=2{cursor}").json()
        assert len(answer["items"]) <= 2
        ids += [item["id"] for item in answer["items"]]
        if answer["cursor"] is None:
            return ids
        cursor = f"&cursor={answer['cursor']}"


def test_every_list_can_be_read_to_its_end(api: ApiClient, caller: Caller) -> None:
    made = [make_collection(caller, f"c{n}").id for n in range(5)]
    assert read_all(api, "/collections") == made
    keys = [api.post("/keys", {"name": str(n)}).json()["key"]["id"] for n in range(4)]
    assert read_all(api, "/keys")[1:] == keys
    for n in range(4):
        api.delete(f"/collections/c{n}")
    runs = read_all(api, "/runs")
    assert (len(runs), runs) == (4, sorted(runs, reverse=True))


def test_documents_are_listed_whole_while_others_are_added(api: ApiClient, caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, [f"text {n}" for n in range(7)])
    seen: list[str] = []
    cursor = None
    while True:
        body = {"limit": 3, "cursor": cursor}
        answer = api.post("/collections/papers/documents/query", body).json()
        seen += [item["external_id"] for item in answer["items"]]
        cursor = answer["cursor"]
        if cursor is None:
            break
        if len(seen) == 3:
            send_texts(caller, ["changed"], metadata={"n": 1})
    assert sorted(seen) == [str(n) for n in range(7)]
