"""The addresses of the console's pages, and reading them."""

from typing import Any

from tests.console.seed import House

LISTS = [
    "workspace",
    "apikey",
    "staffaction",
    "collection",
    "document",
    "documentversion",
    "chunk",
    "space",
    "pending",
    "deadletter",
    "file",
    "import",
    "run",
    "searchlogentry",
    "judgedquery",
    "judgment",
    "feedback",
    "variant",
    "evaluation",
    "recallsample",
    "filteruse",
    "catalog",
    "item",
    "user",
    "interaction",
    "impression",
    "placement",
    "experiment",
    "recommenderversion",
]
OWN_PAGES = [
    "/admin/",
    "/admin/console/collection/search/",
    "/admin/console/collection/ask/",
    "/admin/console/judgedquery/judge/",
    "/admin/console/judgedquery/judge/?q=animal",
    "/admin/console/evaluation/compare/",
    "/admin/console/collection/files/",
    "/admin/console/collection/new/",
    "/admin/console/workspace/new/",
    "/admin/console/apikey/new/",
    "/admin/console/deadletter/retry-all/",
    "/admin/console/placement/new/",
    "/admin/console/experiment/new/",
]


def every_page(house: House) -> list[str]:
    lists = [f"/admin/console/{name}/" for name in LISTS]
    rows = [
        f"/admin/console/workspace/{house.caller.workspace_id}/change/",
        f"/admin/console/apikey/{house.key_id}/change/",
        f"/admin/console/apikey/{house.key_id}/revoke/",
        f"/admin/console/collection/{house.collection_id}/change/",
        f"/admin/console/collection/{house.collection_id}/chunking/",
        f"/admin/console/run/{house.run_id}/change/",
        f"/admin/console/run/{house.run_id}/cancel/",
    ]
    return OWN_PAGES + lists + rows


def html_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())
