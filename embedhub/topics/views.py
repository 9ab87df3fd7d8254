"""The REST of topics, of collections and catalogs alike; that of their map is in map_views.py."""

from collections.abc import Sequence
from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Body, Query, Router

from embedhub.access.caller import Scope
from embedhub.graph.subject import Owner
from embedhub.topics import service
from embedhub.topics.asking import Asked
from embedhub.topics.schemas import (
    TopicFitList,
    TopicNameIn,
    TopicOut,
    TopicPage,
    TopicRowPage,
    TopicRunOut,
    TopicScanIn,
)
from embedhub.topics.setting import read_setting
from embedhub.web.authentication import Principals, caller_of, from_query, narrowed_caller
from embedhub.web.idempotency import idempotent
from embedhub.web.owners import for_owners
from embedhub.web.paging import decode_cursor, decode_place, encode_place, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["topics"])
Level = Annotated[
    Literal["document", "chunk", "item"] | None,
    Query(description="Whose topics; documents of a collection, items of a catalog."),
]


@for_owners(router, "POST", "/topics/scan", response={202: TopicRunOut}, summary="Find topics")
@idempotent()
def scan_topics(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    body: Annotated[TopicScanIn | None, Body()] = None,
) -> HttpResponse:
    """Group all rows, name the groups and lay them out on a map, in a run.

    Until it has succeeded the topics before answer. Topics keep their numbers and names as long as
    most of their rows stay together.
    """
    given = body or TopicScanIn()
    asked = Asked(caller_of(request, Scope.WRITE), owner, slug, given.level)
    run_id = service.start_fit(asked, read_setting(given.model_dump(exclude={"level"})))
    return respond({"run_id": run_id}, status=202)


@for_owners(router, "GET", "/topics", response=TopicPage, summary="List topics")
def list_topics(  # noqa: PLR0917 - a path and its query
    request: HttpRequest,
    owner: Owner,
    slug: str,
    level: Level = None,
    cursor: str | None = None,
    limit: int | None = None,
    principals: Principals = None,
) -> HttpResponse:
    """The topics with their words and sizes, the largest first; with principals, of their rows."""
    size = page_limit(limit)
    place = decode_place("topics", cursor, int, int)
    view = service.describe_topics(asked_by(request, owner, slug, level, principals))
    rows = view.topics
    if place is not None:
        rows = [one for one in rows if (-one.n_rows, one.number) > (-place[0], place[1])]
    shown = rows[:size]
    more = None
    if len(rows) > size:
        more = encode_place("topics", str(shown[-1].n_rows), str(shown[-1].number))
    return respond({"fit": view.fit, "run_id": view.run_id, "items": shown, "cursor": more})


@for_owners(router, "GET", "/topics/fits", response=TopicFitList, summary="List fits")
def list_topic_fits(
    request: HttpRequest, owner: Owner, slug: str, level: Level = None
) -> HttpResponse:
    """The fits that answered with their figures, the newest first; with principals 403."""
    asked = Asked(caller_of(request, Scope.READ), owner, slug, level)
    return respond({"items": service.list_fits(asked)})


@for_owners(
    router, "GET", "/topics/unsorted/rows", response=TopicRowPage, summary="Rows in no topic"
)
def list_unsorted_rows(  # noqa: PLR0917 - a path and its query
    request: HttpRequest,
    owner: Owner,
    slug: str,
    level: Level = None,
    cursor: str | None = None,
    limit: int | None = None,
    principals: Principals = None,
) -> HttpResponse:
    """Rows that are far from every topic."""
    asked = asked_by(request, owner, slug, level, principals)
    return respond(rows_of(asked, None, cursor, limit))


@for_owners(router, "GET", "/topics/{int:topic}", response=TopicOut, summary="Get a topic")
def get_topic(  # noqa: PLR0917 - a path and its query
    request: HttpRequest,
    owner: Owner,
    slug: str,
    topic: int,
    level: Level = None,
    principals: Principals = None,
) -> HttpResponse:
    """A topic by its number."""
    asked = asked_by(request, owner, slug, level, principals)
    return respond(service.get_topic(asked, topic))


@for_owners(router, "PATCH", "/topics/{int:topic}", response=TopicOut, summary="Rename a topic")
def rename_topic(
    request: HttpRequest, owner: Owner, slug: str, topic: int, body: TopicNameIn
) -> HttpResponse:
    """Give a topic a name, which stays in every later fit."""
    caller = caller_of(request, Scope.WRITE)
    asked = Asked(caller, owner, slug, body.level)
    by = f"API key {caller.key_id}"
    return respond(service.rename_topic(asked, topic, body.name, by=by))


@for_owners(
    router,
    "GET",
    "/topics/{int:topic}/rows",
    response=TopicRowPage,
    summary="Rows of a topic",
)
def list_topic_rows(  # noqa: PLR0917 - a path and its query
    request: HttpRequest,
    owner: Owner,
    slug: str,
    topic: int,
    level: Level = None,
    cursor: str | None = None,
    limit: int | None = None,
    principals: Principals = None,
) -> HttpResponse:
    """The rows of a topic with their titles and how surely they belong to it."""
    asked = asked_by(request, owner, slug, level, principals)
    return respond(rows_of(asked, topic, cursor, limit))


def asked_by(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    level: str | None,
    principals: Sequence[str] | None,
) -> Asked:
    """Return what a request asks for: the owner as its key may open it, rows as narrowed."""
    seen = narrowed_caller(request, Scope.READ, from_query(principals)).principals
    return Asked(caller_of(request, Scope.READ), owner, slug, level, seen)


def rows_of(
    asked: Asked, number: int | None, cursor: str | None, limit: int | None
) -> dict[str, object]:
    """Return a page of rows of a topic."""
    size = page_limit(limit)
    after = decode_cursor("topic rows", cursor) or 0
    rows = service.list_members(asked, number, after=after, limit=size + 1)
    return page("topic rows", rows, size, lambda row: row.id)
