"""The REST of API keys: for keys of scope admin that are not bound themselves."""

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access import service
from embedhub.access.caller import Caller, Scope
from embedhub.access.schemas import KeyIn, KeyOut, KeyPage, NewKeyOut
from embedhub.collections.service import collection_ids
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_cursor, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["keys"])


def without_secret(answer: bytes) -> bytes:
    """Return the answer as it may be kept: a secret is not stored, not even for a day."""
    return orjson.dumps({**orjson.loads(answer), "secret": None})


@router.post("/keys", response={201: NewKeyOut}, summary="Make a key")
@idempotent(kept_body=without_secret)
def create_key(request: HttpRequest, body: KeyIn) -> HttpResponse:
    """Make a key of this workspace. The secret is in this answer and nowhere else."""
    caller = key_keeper(request)
    bounds = None if body.collections is None else collection_ids(caller, body.collections)
    key, secret = service.create_key(
        caller.workspace_id,
        name=body.name,
        scopes=body.scopes,
        collection_ids=bounds,
        principals=body.principals,
        expires_at=body.expires_at,
    )
    return respond({"key": key, "secret": secret}, status=201)


@router.get("/keys", response=KeyPage, summary="List keys")
def list_keys(
    request: HttpRequest, cursor: str | None = None, limit: int | None = None
) -> HttpResponse:
    """The workspace's keys, oldest first, revoked and expired ones included."""
    caller = key_keeper(request)
    size = page_limit(limit)
    keys = service.list_keys(
        caller.workspace_id, after=decode_cursor("keys", cursor), limit=size + 1
    )
    return respond(page("keys", keys, size, lambda key: key.id))


@router.delete("/keys/{int:key_id}", response=KeyOut, summary="Revoke a key")
def revoke_key(request: HttpRequest, key_id: int) -> HttpResponse:
    """Revoke a key for good: within seconds, every server refuses it."""
    return respond(service.revoke_key(key_keeper(request).workspace_id, key_id))


def key_keeper(request: HttpRequest) -> Caller:
    """Return the caller if it may make, list and revoke keys; raises Forbidden."""
    caller = caller_of(request, Scope.ADMIN)
    caller.require_whole_workspace()
    return caller
