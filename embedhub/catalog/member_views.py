"""The REST of items, users and interactions."""

from collections import Counter
from datetime import datetime
from typing import Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.catalog import indexing, interactions, members
from embedhub.catalog.inputs import parse_item, parse_user
from embedhub.catalog.member_schemas import (
    HistoryIn,
    InteractionPage,
    InteractionsIn,
    ItemOut,
    ItemPage,
    ItemsIn,
    ListMembersIn,
    StoredOut,
    TakenBatchOut,
    TracesOut,
    UserOut,
    UserPage,
    UsersIn,
)
from embedhub.catalog.members import ItemView, Stored, UserView
from embedhub.documents.waiting import Indexing, check_wait
from embedhub.spaces.members import Subject
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_place, encode_place, page_limit
from embedhub.web.responses import respond

router = Router(tags=["catalogs"])
ITEMS = "/catalogs/{slug}/items"
USERS = "/catalogs/{slug}/users"
INTERACTIONS = "/catalogs/{slug}/interactions"


@router.post(ITEMS, response={200: StoredOut, 202: StoredOut}, summary="Store items")
@idempotent()
def upsert_items(
    request: HttpRequest,
    slug: str,
    body: ItemsIn,
    wait: Literal["indexed"] | None = None,
    timeout: float | None = None,
) -> HttpResponse:
    """Store a batch, all or nothing. What is left out of an item is as by default.

    Items are found by their words at once and by meaning when encoded. With `wait=indexed` the
    answer comes when they are, or after `timeout` seconds as 202 with what is still pending and
    what failed.
    """
    caller = caller_of(request, Scope.WRITE)
    timeout_s = check_wait(timeout)
    members.refuse_too_many(len(body.items), "items")
    items = [parse_item(raw, f"items.{n}") for n, raw in enumerate(body.items)]
    batch = members.upsert_items(caller, slug, items)
    names = [item.external_id for item in items]
    is_waiting = wait is not None
    return stored(
        batch, indexing.wait(caller, slug, Subject.ITEM, names, timeout_s) if is_waiting else None
    )


@router.post(ITEMS + "/query", response=ItemPage, summary="List items")
def list_items(request: HttpRequest, slug: str, body: ListMembersIn) -> HttpResponse:
    """Items by external_id."""
    caller, size = caller_of(request, Scope.READ), page_limit(body.limit)
    rows = members.list_items(caller, slug, after=after("items", body.cursor), limit=size + 1)
    return listed("items", rows, size)


@router.get(ITEMS, response=ItemOut, summary="Get an item by query parameter")
def get_item(request: HttpRequest, slug: str, external_id: str) -> HttpResponse:
    """One item; this address works for every id."""
    return respond(members.get_item(caller_of(request, Scope.READ), slug, external_id))


@router.delete(ITEMS, response=TracesOut, summary="Delete an item by query parameter")
def delete_item(request: HttpRequest, slug: str, external_id: str) -> HttpResponse:
    """Delete an item with its interactions and impressions; 404 if there is none."""
    return respond(members.delete_item(caller_of(request, Scope.WRITE), slug, external_id))


@router.get(ITEMS + "/{external_id}", response=ItemOut, summary="Get an item")
def get_item_by_path(request: HttpRequest, slug: str, external_id: str) -> HttpResponse:
    """One item. Ids with slashes, and the id query, go as a parameter."""
    return get_item(request, slug, external_id)


@router.delete(ITEMS + "/{external_id}", response=TracesOut, summary="Delete an item")
def delete_item_by_path(request: HttpRequest, slug: str, external_id: str) -> HttpResponse:
    """Delete an item with its interactions and impressions; 404 if there is none."""
    return delete_item(request, slug, external_id)


@router.post(USERS, response={200: StoredOut, 202: StoredOut}, summary="Store users")
@idempotent()
def upsert_users(
    request: HttpRequest,
    slug: str,
    body: UsersIn,
    wait: Literal["indexed"] | None = None,
    timeout: float | None = None,
) -> HttpResponse:
    """Store a batch, all or nothing. What is left out of a user is as by default.

    With `wait=indexed` the answer comes when their texts are encoded, as of items.
    """
    caller = caller_of(request, Scope.WRITE)
    timeout_s = check_wait(timeout)
    members.refuse_too_many(len(body.users), "users")
    users = [parse_user(raw, f"users.{n}") for n, raw in enumerate(body.users)]
    batch = members.upsert_users(caller, slug, users)
    names = [user.external_id for user in users]
    is_waiting = wait is not None
    return stored(
        batch, indexing.wait(caller, slug, Subject.USER, names, timeout_s) if is_waiting else None
    )


@router.post(USERS + "/query", response=UserPage, summary="List users")
def list_users(request: HttpRequest, slug: str, body: ListMembersIn) -> HttpResponse:
    """Users by external_id."""
    caller, size = caller_of(request, Scope.READ), page_limit(body.limit)
    rows = members.list_users(caller, slug, after=after("users", body.cursor), limit=size + 1)
    return listed("users", rows, size)


@router.get(USERS, response=UserOut, summary="Get a user by query parameter")
def get_user(request: HttpRequest, slug: str, external_id: str) -> HttpResponse:
    """One user; this address works for every id."""
    return respond(members.get_user(caller_of(request, Scope.READ), slug, external_id))


@router.delete(USERS, response=TracesOut, summary="Delete a user by query parameter")
def delete_user(request: HttpRequest, slug: str, external_id: str) -> HttpResponse:
    """Delete a user with all traces in one transaction; 404 if there is none."""
    return respond(members.delete_user(caller_of(request, Scope.WRITE), slug, external_id))


@router.get(USERS + "/{external_id}", response=UserOut, summary="Get a user")
def get_user_by_path(request: HttpRequest, slug: str, external_id: str) -> HttpResponse:
    """One user. Ids with slashes, and the id query, go as a parameter."""
    return get_user(request, slug, external_id)


@router.delete(USERS + "/{external_id}", response=TracesOut, summary="Delete a user")
def delete_user_by_path(request: HttpRequest, slug: str, external_id: str) -> HttpResponse:
    """Delete a user with all traces in one transaction; 404 if there is none."""
    return delete_user(request, slug, external_id)


@router.post(INTERACTIONS, response=TakenBatchOut, summary="Store interactions")
@idempotent()
def add_interactions(request: HttpRequest, slug: str, body: InteractionsIn) -> HttpResponse:
    """Store what users did. The same user, item, type, time and request_id again count once.

    A malformed one is a 422 and nothing is stored; an unknown user or item goes by the catalog's
    policies and is told in its outcome.
    """
    caller = caller_of(request, Scope.WRITE)
    taken = interactions.add_interactions(caller, slug, body.interactions)
    counts = Counter(str(each.outcome) for each in taken)
    return respond({"items": taken, "counts": counts})


@router.post(INTERACTIONS + "/query", response=InteractionPage, summary="List interactions")
def list_interactions(request: HttpRequest, slug: str, body: HistoryIn) -> HttpResponse:
    """What a user did, the latest first."""
    place = decode_place("interactions", body.cursor, datetime.fromisoformat, int)
    history = interactions.list_interactions(
        caller_of(request, Scope.READ),
        slug,
        body.user,
        before=None if place is None else (place[0], place[1]),
        limit=page_limit(body.limit),
    )
    cursor = None
    if history.after is not None:
        time, ident = history.after
        cursor = encode_place("interactions", time.isoformat(), str(ident))
    return respond({"items": history.interactions, "cursor": cursor})


def stored(batch: Stored, state: Indexing | None) -> HttpResponse:
    """Return what became of a batch, and how far it is indexed where somebody waited for that."""
    items = [{"external_id": key, "outcome": outcome} for key, outcome in batch.outcomes]
    answer = {"items": items, "n_released": batch.n_released, "indexing": state}
    return respond(answer, status=202 if state and not state.is_indexed else 200)


def after(kind: str, cursor: str | None) -> str:
    """Return the id behind which a page begins."""
    place = decode_place(kind, cursor, str)
    return "" if place is None else place[0]


def listed(kind: str, rows: list[ItemView] | list[UserView], size: int) -> HttpResponse:
    """Return a page made of up to one row more than it has."""
    last = rows[size - 1].external_id if len(rows) > size else None
    cursor = None if last is None else encode_place(kind, last)
    return respond({"items": rows[:size], "cursor": cursor})
