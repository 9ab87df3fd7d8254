from datetime import UTC, datetime, timedelta

import pytest

from embedhub.access.caller import Caller
from tests.factories import make_collection
from tests.web.conftest import ApiClient


def test_a_key_made_over_rest_opens_what_it_was_made_for(api: ApiClient, caller: Caller) -> None:
    mine = make_collection(caller, "mine")
    make_collection(caller, "other")
    expires_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    response = api.post(
        "/keys",
        {
            "name": "search page",
            "scopes": ["read"],
            "collections": ["mine"],
            "principals": ["guests"],
            "expires_at": expires_at,
        },
    )
    assert response.status_code == 201
    made = response.json()
    assert made["key"]["collection_ids"] == [mine.id]
    assert made["key"]["principals"] == ["guests"]
    assert made["secret"].startswith(made["key"]["prefix"])
    with_key = ApiClient(made["secret"])
    assert with_key.get("/collections/mine").status_code == 200
    assert with_key.get("/collections/other").status_code == 404
    assert with_key.get("/keys").status_code == 403
    listed = api.get("/keys").json()["items"]
    assert made["key"]["id"] in [key["id"] for key in listed]
    assert made["secret"] not in api.get("/keys").content.decode()


def test_a_revoked_key_opens_nothing(api: ApiClient) -> None:
    made = api.post("/keys", {"name": "k"}).json()
    with_key = ApiClient(made["secret"])
    assert with_key.get("/collections").status_code == 200
    revoked = api.delete(f"/keys/{made['key']['id']}")
    assert revoked.json()["revoked_at"] is not None
    assert with_key.get("/collections").status_code == 401


@pytest.mark.parametrize(
    ("wrong", "status", "field"),
    [
        ({"name": ""}, 422, "name"),
        ({"scopes": ["root"]}, 422, "scopes.0"),
        ({"scopes": []}, 422, "scopes"),
        ({"scopes": "read"}, 422, "scopes"),
        ({"collections": ["none"]}, 404, None),
        ({"principals": [""]}, 422, "principals.0"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, 422, "expires_at"),
        ({"expires_at": "soon"}, 422, "expires_at"),
        ({"secret": "mine"}, 422, "secret"),
    ],
)
def test_a_wrong_key_is_refused(
    api: ApiClient, wrong: dict[str, object], status: int, field: str | None
) -> None:
    response = api.post("/keys", {"name": "k", **wrong})
    assert response.status_code == status
    assert response.json().get("field") == field
    assert len(api.get("/keys").json()["items"]) == 1


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic eDp5", "eh_x", "bearer  ", "Bearer eh_ä"]
)
def test_whatever_is_no_key_is_401(clean: str, header: str) -> None:
    client = ApiClient(None)
    client.headers = {"Authorization": header}
    response = client.get("/collections")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
