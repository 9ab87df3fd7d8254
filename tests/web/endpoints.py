"""One good request for every endpoint, so that a test can walk them all."""

from dataclasses import dataclass
from typing import Any

# Answer without a key, and tell nothing of any workspace.
OPEN = {"/v1/health/live", "/v1/health/ready", "/v1/version"}
# Have no id of a workspace's row in their path: a stranger gets its own rows, or its own mistakes.
WITHOUT_ROW = {
    "/v1/catalogs",
    "/v1/collections",
    "/v1/conversations",
    "/v1/embeddings",
    "/v1/keys",
    "/v1/models",
    "/v1/runs",
    "/v1/similarity",
    "/v1/webhooks",
}
# Ask, or are about what the key itself has said: a key that may read is enough.
READING = {
    "POST /v1/collections/{slug}/anomalies/score",
    "POST /v1/catalogs/{slug}/anomalies/score",
    "POST /v1/answers",
    "POST /v1/chat/completions",
    "POST /v1/collections/{slug}/answers",
    "POST /v1/embeddings",
    "POST /v1/similarity",
    "POST /v1/catalogs/{slug}/placements/{name}/preview",
    "POST /v1/catalogs/{slug}/recommendations",
    "POST /v1/catalogs/{slug}/recommendations/similar",
    "POST /v1/catalogs/{slug}/recommendations/why-not",
    "DELETE /v1/conversations/{conversation_id}",
    "POST /v1/collections/{slug}/duplicates/check",
    "POST /v1/catalogs/{slug}/duplicates/check",
    "POST /v1/collections/{slug}/labels/{label_set}/classify",
    "POST /v1/catalogs/{slug}/labels/{label_set}/classify",
    "POST /v1/catalogs/{slug}/{kind}/export",
}


@dataclass(frozen=True)
class Endpoint:
    """A method and path as in the OpenAPI document, and a request that succeeds."""

    method: str
    path: str
    body: Any = None
    query: str = ""
    status: int = 200
    # Undoes what other endpoints need, so a walk comes to it at the end.
    is_last: bool = False
    # Answers with bytes of somebody's own.
    is_download: bool = False
    # of a download; below application/ unless it says more
    media: str = "octet-stream"

    def url(self, **names: object) -> str:
        """Return the path below /v1 with these names filled in.

        What is called `catalog_…` goes before in paths of catalogs.
        """
        if self.path.startswith(CATALOG):
            of_catalog = "catalog_"
            names |= {
                name.removeprefix(of_catalog): value
                for name, value in names.items()
                if name.startswith(of_catalog)
            }
        return self.path.removeprefix("/v1").format(**names) + self.query

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


COLLECTION = "/v1/collections/{slug}"
DOCUMENTS = COLLECTION + "/documents"
FILES = COLLECTION + "/files"
CATALOG = "/v1/catalogs/{slug}"
PLACEMENT = CATALOG + "/placements/{name}"
EXPERIMENT = CATALOG + "/experiments/{name}"
WEBHOOK = "/v1/webhooks/{webhook_id}"
# Labels that are there to be taken back, by owner.
GIVEN = {COLLECTION: 9_000_001, CATALOG: 9_000_002}
VARIANTS = [{"name": "a"}, {"name": "b", "rules": []}]
JUDGED = COLLECTION + "/judged-queries"
RELEVANT = {"external_id": "open", "relevance": 1}
# A search that is in our log.
LOGGED = "01234567-89ab-cdef-0123-456789abcdef"
DOCUMENT = {"external_id": "new", "text": "a new text"}
ITEM = {"external_id": "new", "fields": {"title": "a new text"}}


def a_form() -> bytes:
    """Return the body of a form with a file."""
    from tests.web.conftest import Form

    return Form.of(("a.txt", b"some words"))


def label_endpoints(owner: str) -> list[Endpoint]:
    """Return those of labels of a collection or a catalog."""
    labels, label_set = f"{owner}/labels", f"{owner}/labels/{{label_set}}"
    given = GIVEN[owner]
    return [
        Endpoint("POST", labels, {"name": "fresh"}, status=201),
        Endpoint("GET", labels),
        Endpoint("GET", label_set),
        Endpoint("PATCH", label_set, {"setting": {"rejected_share": 0.05}}),
        Endpoint("POST", label_set + "/train", {"method": "described"}, status=202),
        Endpoint("GET", label_set + "/versions"),
        Endpoint("GET", label_set + "/versions/{version}"),
        Endpoint("POST", label_set + "/versions/{version}/publish"),
        Endpoint("POST", label_set + "/given", {"labels": [
                 {"external_id": "open", "label": "texts"}]}),
        Endpoint("GET", label_set + "/given"),
        Endpoint("POST", label_set + "/given/undo", {"ids": [given]}),
        Endpoint("GET", label_set + "/queue", query="?limit=5"),
        Endpoint("GET", label_set + "/predictions", query="?rejected=false&min_probability=0.01"),
        Endpoint("GET", label_set + "/errors"),
        Endpoint("POST", label_set + "/errors/{error_id}/decision", {"decision": "dismissed"}),
        Endpoint("POST", label_set + "/classify", {"texts": ["an open text"]}),
        Endpoint("DELETE", label_set, is_last=True),
    ]  # fmt: skip


def anomaly_endpoints(owner: str) -> list[Endpoint]:
    """Return the endpoints of anomalies of a collection or catalog."""
    anomalies = owner + "/anomalies"
    return [
        Endpoint("POST", anomalies + "/scan", status=202),
        Endpoint("GET", anomalies + "/setting"),
        Endpoint("PATCH", anomalies + "/setting", {"budget": {"per_day": 5}}),
        Endpoint("GET", anomalies, query="?status=open"),
        Endpoint("POST", anomalies + "/score", {"text": "an open text"}),
        Endpoint("GET", anomalies + "/{anomaly_id}"),
        Endpoint("POST", anomalies + "/{anomaly_id}/decision", {"decision": "accept"}),
    ]


def duplicate_endpoints(owner: str) -> list[Endpoint]:
    """Return the endpoints of duplicates of a collection or catalog."""
    duplicates = owner + "/duplicates"
    pair, clusters = duplicates + "/{pair_id}", duplicates + "/clusters"
    return [
        Endpoint("POST", duplicates + "/scan", {"policy": "newest"}, status=202),
        Endpoint("GET", duplicates, query="?status=open"),
        Endpoint("GET", pair),
        Endpoint("POST", duplicates + "/check", {"text": "an open text"}),
        Endpoint("GET", duplicates + "/thresholds", query="?threshold=0.5"),
        Endpoint("GET", clusters),
        Endpoint("GET", clusters + "/{cluster_id}"),
        Endpoint("POST", pair + "/decision", {"action": "link"}),
        Endpoint("POST", duplicates + "/decisions", {"action": "link", "least": 0, "most": 0.1}),
        Endpoint("GET", duplicates + "/decisions"),
        Endpoint("POST", clusters + "/{cluster_id}/canonical", {"external_id": "open"}),
    ]


def topic_endpoints(owner: str) -> list[Endpoint]:
    """Return the endpoints of topics of a collection or catalog."""
    topics, topic = owner + "/topics", owner + "/topics/{topic}"
    return [
        Endpoint("POST", topics + "/scan", {"method": "kmeans", "k": 2}, status=202),
        Endpoint("GET", topics, query="?limit=5"),
        Endpoint("GET", topics + "/fits"),
        Endpoint("GET", topics + "/map", is_download=True),
        Endpoint("GET", topics + "/map.png", is_download=True, media="image/png"),
        Endpoint("GET", topics + "/map/rows", query="?ids=1&ids=2"),
        Endpoint("GET", topics + "/trends", query="?bucket=year"),
        Endpoint("GET", topics + "/export", is_download=True, media="text/csv"),
        Endpoint("GET", topics + "/unsorted/rows"),
        Endpoint("GET", topic),
        Endpoint("PATCH", topic, {"name": "Renamed"}),
        Endpoint("GET", topic + "/rows", query="?limit=1"),
    ]


ENDPOINTS = [
    Endpoint("GET", "/v1/health/live"),
    Endpoint("GET", "/v1/health/ready"),
    Endpoint("GET", "/v1/version"),
    Endpoint("POST", "/v1/collections", {"slug": "fresh"}, status=201),
    Endpoint("GET", "/v1/collections"),
    Endpoint("GET", COLLECTION),
    Endpoint("PATCH", COLLECTION, {"name": "Papers", "filterable": {"year": "number"}}),
    Endpoint("GET", COLLECTION + "/status"),
    Endpoint("GET", COLLECTION + "/index", query="?precision=bit"),
    Endpoint("POST", COLLECTION + "/index", {"precision": "bit"}, status=202, is_last=True),
    Endpoint("GET", COLLECTION + "/dead"),
    Endpoint("POST", COLLECTION + "/dead/retry", {}),
    Endpoint("POST", DOCUMENTS, {"documents": [DOCUMENT]}, query="?wait=indexed&timeout=0",
             status=202),
    Endpoint("POST", DOCUMENTS + "/import", b'{"external_id": "line", "text": "a line"}\n{}\n'),
    Endpoint("POST", COLLECTION + "/imports", status=201),
    Endpoint("GET", COLLECTION + "/imports"),
    Endpoint("GET", COLLECTION + "/imports/{import_id}"),
    Endpoint("GET", COLLECTION + "/imports/{import_id}/errors"),
    Endpoint("POST", FILES, a_form(), status=202),
    Endpoint("POST", FILES + "/fetch", {"url": "https://example.org/a.pdf"}, status=202),
    Endpoint("POST", FILES + "/get", {"external_ids": ["hedgehog.pdf"]}),
    Endpoint("GET", FILES),
    Endpoint("GET", FILES + "/{file_id}"),
    Endpoint("GET", FILES + "/{file_id}/content", is_download=True),
    Endpoint("POST", FILES + "/{file_id}/retry", status=202),
    Endpoint("DELETE", FILES + "/{file_id}", is_last=True),
    Endpoint("POST", DOCUMENTS + "/query", {"filter": {"year": {"$gte": 2000}}}),
    Endpoint("POST", DOCUMENTS + "/get", {"external_ids": ["open", "closed", "none"]}),
    Endpoint("GET", DOCUMENTS, query="?external_id=open"),
    Endpoint("GET", DOCUMENTS + "/{external_id}"),
    Endpoint("POST", COLLECTION + "/search", {"query": "open text", "explain": True}),
    Endpoint("POST", "/v1/search", {"collections": ["papers"], "queries": ["open", "text"]}),
    Endpoint("POST", COLLECTION + "/curations", {"action": "pin", "external_id": "open"},
             status=201),
    Endpoint("GET", COLLECTION + "/curations"),
    Endpoint("DELETE", COLLECTION + "/curations/{curation_id}"),
    Endpoint("POST", COLLECTION + "/curations/{curation_id}/restore"),
    Endpoint("GET", "/v1/conversations"),
    Endpoint("GET", "/v1/conversations/{conversation_id}"),
    Endpoint("DELETE", "/v1/conversations/{conversation_id}", is_last=True),
    Endpoint("POST", COLLECTION + "/answers", {"question": "What is an open text?"}),
    Endpoint("POST", "/v1/answers",
             {"collections": ["papers"], "question": "What is an open text?"}),
    Endpoint("POST", "/v1/chat/completions",
             {"model": "papers", "messages": [{"role": "user", "content": "open text"}]}),
    Endpoint("POST", "/v1/embeddings", {"model": "hashing-64", "input": ["a text"]}),
    Endpoint("POST", COLLECTION + "/graph/build", {"level": "chunk"}, status=202),
    Endpoint("GET", COLLECTION + "/graph"),
    Endpoint("GET", COLLECTION + "/neighbors", query="?external_id=open"),
    Endpoint("POST", CATALOG + "/graph/build", status=202),
    Endpoint("GET", CATALOG + "/graph", query="?level=item"),
    Endpoint("GET", CATALOG + "/neighbors", query="?external_id=open"),
    Endpoint("POST", "/v1/similarity", {"texts": ["a whale", "a ship"], "encoder": "hashing-64"}),
    Endpoint("GET", "/v1/models"),
    Endpoint("GET", "/v1/models/{model_id}"),
    Endpoint("POST", JUDGED, {"queries": [{"query": "closed text", "judgments": [RELEVANT]}]}),
    Endpoint("GET", JUDGED),
    Endpoint("GET", JUDGED + "/{query_id}"),
    Endpoint("POST", JUDGED + "/{query_id}/judgments", {"judgments": [RELEVANT]}),
    Endpoint("POST", JUDGED + "/import", {"queries": "1\tone", "qrels": "1 0 open 1"}),
    Endpoint("POST", JUDGED + "/harvest", {}),
    Endpoint("DELETE", JUDGED + "/{query_id}", is_last=True),
    Endpoint("POST", JUDGED + "/delete", {"all": True}, is_last=True),
    Endpoint("POST", "/v1/feedback", {"request_id": LOGGED, "external_id": "open",
             "kind": "click"}, status=201),
    Endpoint("POST", COLLECTION + "/evaluations", {}, status=202),
    Endpoint("GET", COLLECTION + "/evaluations"),
    Endpoint("GET", COLLECTION + "/evaluations/{evaluation_id}"),
    Endpoint("GET", COLLECTION + "/evaluations/{evaluation_id}/queries"),
    Endpoint("DELETE", COLLECTION + "/evaluations/{evaluation_id}", is_last=True),
    Endpoint("POST", COLLECTION + "/variants", {"name": "words", "ranking": {"diversity": 0.1}},
             status=201),
    Endpoint("GET", COLLECTION + "/variants"),
    Endpoint("POST", COLLECTION + "/variants/apply", {"name": "saved"}),
    Endpoint("POST", COLLECTION + "/variants/learn", {}, status=202),
    Endpoint("POST", COLLECTION + "/variants/delete", {"name": "saved"}, is_last=True),
    Endpoint("POST", "/v1/catalogs", {"slug": "fresh"}, status=201),
    Endpoint("GET", "/v1/catalogs"),
    Endpoint("GET", CATALOG),
    Endpoint("GET", CATALOG + "/status"),
    Endpoint("POST", CATALOG + "/items", {"items": [ITEM]}, query="?wait=indexed&timeout=0",
             status=202),
    Endpoint("POST", CATALOG + "/items/query", {}),
    Endpoint("GET", CATALOG + "/items", query="?external_id=open"),
    Endpoint("GET", CATALOG + "/items/{external_id}"),
    Endpoint("POST", CATALOG + "/users", {"users": [{"external_id": "new"}]}),
    Endpoint("POST", CATALOG + "/users/query", {}),
    Endpoint("GET", CATALOG + "/users", query="?external_id=open"),
    Endpoint("GET", CATALOG + "/users/{external_id}"),
    Endpoint("POST", CATALOG + "/interactions", {"interactions": [
             {"user": "open", "item": "open", "type": "view"}]}),
    Endpoint("POST", CATALOG + "/interactions/query", {"user": "open"}),
    Endpoint("POST", CATALOG + "/search", {"query": "a film", "explain": True}),
    Endpoint("GET", CATALOG + "/dead"),
    Endpoint("POST", CATALOG + "/dead/retry"),
    Endpoint("POST", CATALOG + "/items/import", b'{"external_id": "line"}\n{}\n'),
    Endpoint("POST", CATALOG + "/users/import", b'{"external_id": "line"}\n{}\n'),
    Endpoint("POST", CATALOG + "/interactions/import",
             b'{"user": "open", "item": "open", "type": "view"}\n{}\n'),
    Endpoint("POST", CATALOG + "/imports", query="?kind=items", status=201),
    Endpoint("GET", CATALOG + "/imports"),
    Endpoint("GET", CATALOG + "/imports/{catalog_import_id}"),
    Endpoint("GET", CATALOG + "/imports/{catalog_import_id}/errors"),
    Endpoint("POST", CATALOG + "/imports/{catalog_import_id}/cancel"),
    Endpoint("POST", CATALOG + "/{kind}/export", is_download=True, media="x-ndjson"),
    Endpoint("POST", CATALOG + "/recommendations", {"session": ["open"], "explain": True}),
    Endpoint("POST", CATALOG + "/recommendations/similar", {"external_id": "open"}),
    Endpoint("POST", CATALOG + "/recommendations/why-not", {"user": "open", "item": "open"}),
    Endpoint("GET", CATALOG + "/items/{external_id}/similar"),
    Endpoint("GET", CATALOG + "/users/{external_id}/similar"),
    Endpoint("PUT", PLACEMENT, {"rules": [{"action": "pin", "item": "open", "position": 1}]}),
    Endpoint("GET", PLACEMENT),
    Endpoint("GET", CATALOG + "/placements"),
    Endpoint("GET", PLACEMENT + "/revisions"),
    Endpoint("POST", PLACEMENT + "/restore", {"revision": 1}),
    Endpoint("POST", PLACEMENT + "/preview", {"user": "open"}),
    Endpoint("POST", CATALOG + "/experiments",
             {"name": "fresh", "placement": "home", "variants": VARIANTS}, status=201),
    Endpoint("GET", CATALOG + "/experiments"),
    Endpoint("GET", EXPERIMENT),
    Endpoint("PUT", EXPERIMENT, {"placement": "home", "variants": VARIANTS}),
    Endpoint("POST", EXPERIMENT + "/start"),
    Endpoint("GET", EXPERIMENT + "/results", query="?types=view"),
    Endpoint("GET", CATALOG + "/clicks", query="?placement=home"),
    Endpoint("POST", EXPERIMENT + "/stop"),
    Endpoint("DELETE", EXPERIMENT, is_last=True),
    Endpoint("DELETE", PLACEMENT, is_last=True),
    Endpoint("POST", CATALOG + "/training", status=202),
    Endpoint("GET", CATALOG + "/training"),
    Endpoint("PATCH", CATALOG + "/training", {"hours": 6}),
    Endpoint("POST", CATALOG + "/evaluations", {"order": "random"}, status=202),
    Endpoint("POST", CATALOG + "/versions", {"name": "towers", "dimension": 2}, status=201),
    Endpoint("GET", CATALOG + "/versions"),
    Endpoint("GET", CATALOG + "/versions/{number}"),
    Endpoint("POST", CATALOG + "/versions/{number}/publish"),
    Endpoint("POST", CATALOG + "/versions/{open_number}/vectors",
             {"items": [{"external_id": "open", "vector": [0.5]}]}),
    Endpoint("POST", CATALOG + "/versions/{open_number}/finish", status=202),
    Endpoint("DELETE", CATALOG + "/items", query="?external_id=new", is_last=True),
    Endpoint("DELETE", CATALOG + "/items/{external_id}", is_last=True),
    Endpoint("DELETE", CATALOG + "/users", query="?external_id=new", is_last=True),
    Endpoint("DELETE", CATALOG + "/users/{external_id}", is_last=True),
    Endpoint("PATCH", CATALOG, {"interaction_weights": {"view": 1, "dislike": -2},
                               "filterable": {"year": "number"}}),
    Endpoint("GET", "/v1/runs"),
    Endpoint("GET", "/v1/runs/{run_id}"),
    Endpoint("POST", "/v1/keys", {"name": "another"}, status=201),
    Endpoint("GET", "/v1/keys"),
    Endpoint("POST", DOCUMENTS + "/delete", {"external_ids": ["new"]}, is_last=True),
    Endpoint("DELETE", DOCUMENTS, query="?external_id=line", is_last=True),
    Endpoint("DELETE", DOCUMENTS + "/{external_id}", is_last=True),
    Endpoint("POST", "/v1/runs/{run_id}/cancel", is_last=True),
    Endpoint("DELETE", "/v1/keys/{key_id}", is_last=True),
    Endpoint("POST", "/v1/webhooks", {"url": "https://example.org/hook",
             "events": ["duplicates.found"]}, status=201),
    Endpoint("GET", "/v1/webhooks"),
    Endpoint("GET", WEBHOOK),
    Endpoint("PATCH", WEBHOOK, {"status": "active", "description": "for the shop"}),
    Endpoint("POST", WEBHOOK + "/secret"),
    Endpoint("POST", WEBHOOK + "/test", status=202),
    Endpoint("GET", WEBHOOK + "/deliveries", query="?status=waiting"),
    Endpoint("GET", WEBHOOK + "/deliveries/{delivery_id}"),
    Endpoint("POST", WEBHOOK + "/deliveries/{delivery_id}/resend", status=202),
    Endpoint("DELETE", WEBHOOK, is_last=True),
    *duplicate_endpoints(COLLECTION),
    *duplicate_endpoints(CATALOG),
    Endpoint("POST", COLLECTION + "/duplicates/compare", {"within": "fresh"}, status=202),
    *anomaly_endpoints(COLLECTION),
    *anomaly_endpoints(CATALOG),
    *topic_endpoints(COLLECTION),
    *topic_endpoints(CATALOG),
    *label_endpoints(COLLECTION),
    *label_endpoints(CATALOG),
    # With all that is in them.
    Endpoint("DELETE", COLLECTION, status=202, is_last=True),
    Endpoint("DELETE", CATALOG, status=202, is_last=True),
]  # fmt: skip

BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations of an OpenAPI document by method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
