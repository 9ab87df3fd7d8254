"""What the OpenAPI document says beyond the endpoints themselves."""

from typing import TypeVar

from embedhub.web.problems import CONTENT_TYPE

DESCRIPTION = """
Send documents, find them again by words and by meaning.

* **Key**: every request but the health checks needs `Authorization: Bearer eh_...`. Press
  *Authorize* and paste a key to try requests on this page.
* **Errors** are problem JSON (RFC 9457): `status`, `code`, `detail`, and for a wrong request
  `field`, the path of the offending part, such as `documents.3.text`. `request_id` finds it in the
  log; send `X-Request-Id` to choose it yourself.
* **Lists** come in pages: send the `cursor` of one page to get the next; null means no more.
* **Writing twice**: send `Idempotency-Key`, and a repeated request is carried out once.
* **Access**: `principals` narrows what is seen to documents these may see; it never widens what
  the key may see.
"""

PROBLEM = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:embedhub:problem:invalid_input"]},
        "title": {"type": "string", "examples": ["Unprocessable Entity"]},
        "status": {"type": "integer", "examples": [422]},
        "detail": {"type": "string", "examples": ["documents.3.text: must be a string"]},
        "instance": {"type": "string", "examples": ["/v1/collections/papers/documents"]},
        "code": {"type": "string", "examples": ["invalid_input"]},
        "request_id": {"type": ["string", "null"]},
        "field": {"type": "string", "examples": ["documents.3.text"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}

REFUSALS = {
    "401": "No valid API key.",
    "403": "The key lacks the scope.",
    "404": "It does not exist, or the key may not know of it.",
    "409": "It clashes with what is stored.",
    "413": "A size or a count is over its limit.",
    "422": "The request breaks a rule; `field` says where.",
    "429": "Busy; send it again after `Retry-After` seconds.",
    "503": "Not ready; try again after `Retry-After` seconds.",
}
# What has nothing to do with the operation, described once for all of them.
OTHER_REFUSAL = (
    "Any other refusal: 400 for a request that cannot be read whole or an unknown host, 405 for a"
    " method that the path does not have (`Allow` names those it has), 411 for a body without"
    " Content-Length, 500 when something went wrong here (the log has it under `request_id`), 504"
    " when the database needed longer than it may, 507 when what was asked for would fill its disk,"
    " 502 when the language model gave no answer (`sources` are what was found all the same)."
)

Document = TypeVar("Document", bound=dict[str, object])


def complete(document: Document) -> Document:
    """Return the document with every operation's refusals."""
    components = document["components"]
    assert isinstance(components, dict)  # noqa: S101 - ninja builds it so; for the type checker
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["responses"] = {"OtherRefusal": refusal(OTHER_REFUSAL)}
    paths = document["paths"]
    assert isinstance(paths, dict)  # noqa: S101
    for operations in paths.values():
        for operation in operations.values():
            answers = operation["responses"]
            for status in REFUSALS if operation.get("security") else ("503",):
                if int(status) not in answers:
                    answers[status] = refusal(REFUSALS[status])
            answers["default"] = {"$ref": "#/components/responses/OtherRefusal"}
    return document


def refusal(description: str) -> dict[str, object]:
    """Return an OpenAPI response that is a problem."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {CONTENT_TYPE: {"schema": schema}}}
