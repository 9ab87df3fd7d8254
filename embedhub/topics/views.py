"""The REST of topics, of collections and catalogs alike."""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Body, Query, Router

from embedhub.access.caller import Scope
from embedhub.documents.imports_view import CSV, harmless, written
from embedhub.errors import InvalidInput
from embedhub.graph.subject import Owner
from embedhub.topics import maps, service
from embedhub.topics.asking import Asked
from embedhub.topics.schemas import (
    TopicFitList,
    TopicNameIn,
    TopicOut,
    TopicPage,
    TopicRowList,
    TopicRowPage,
    TopicRunOut,
    TopicScanIn,
    TrendOut,
)
from embedhub.topics.setting import read_setting
from embedhub.web.authentication import Principals, caller_of, from_query, narrowed_caller
from embedhub.web.idempotency import idempotent
from embedhub.web.owners import for_owners
from embedhub.web.paging import decode_cursor, decode_place, encode_place, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["topics"])
BINARY = "application/octet-stream"
HEADER = (
    "external_id", "position", "title", "topic", "name", "p", "x", "y", "is_soft", "is_new",
)  # fmt: skip
Level = Annotated[
    Literal["document", "chunk", "item"] | None,
    Query(description="Whose topics; documents of a collection, items of a catalog."),
]


def content(kind: str, what: str) -> dict[str, Any]:
    """Return how the OpenAPI document describes an answer that is not JSON."""
    schema = {"type": "string"} if kind == "text/csv" else {"type": "string", "format": "binary"}
    return {"responses": {200: {"description": what, "content": {kind: {"schema": schema}}}}}


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
    router,
    "GET",
    "/topics/map",
    summary="The map as a compact file",
    openapi_extra=content(
        BINARY, "Rows with places and topics, as docs/decisions/topics.md describes."
    ),
)
def get_topic_map(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    level: Level = None,
    principals: Principals = None,
) -> HttpResponse:
    """All rows with id, place, topic and flags; compressed where the client takes gzip.

    The ETag stays until a row or a name changes: send it as If-None-Match. For somebody bound to
    principals there is none, for their rights may change.
    """
    asked = asked_by(request, owner, slug, level, principals)
    if asked.seen is not None:
        return compressed(request, maps.read_map(asked), None)
    tag = f'"{maps.map_state(asked).tag}"'
    if tag in [one.strip() for one in request.headers.get("If-None-Match", "").split(",")]:
        response = HttpResponse(status=304)
        response["ETag"] = tag
        return response
    return compressed(request, maps.read_map(asked), tag)


@for_owners(
    router,
    "GET",
    "/topics/map.png",
    summary="The map as a picture",
    openapi_extra=content("image/png", "The map with a legend."),
)
def get_topic_picture(  # noqa: PLR0917 - a path and its query
    request: HttpRequest,
    owner: Owner,
    slug: str,
    level: Level = None,
    width: int = 1_200,
    height: int = 800,
    principals: Principals = None,
) -> HttpResponse:
    """The map with the largest topics named beside it, as a PNG."""
    asked = asked_by(request, owner, slug, level, principals)
    picture = maps.read_picture(asked, width=width, height=height)
    response = HttpResponse(picture, content_type="image/png")
    response["Cache-Control"] = "private, no-cache"
    return response


@for_owners(
    router, "GET", "/topics/map/rows", response=TopicRowList, summary="What rows of the map are"
)
def get_topic_rows(  # noqa: PLR0917 - a path and its query
    request: HttpRequest,
    owner: Owner,
    slug: str,
    ids: Annotated[list[int], Query(description="Ids as the map has them.")],
    level: Level = None,
    principals: Principals = None,
) -> HttpResponse:
    """Titles, topics and places of some rows of the map; those nobody here may see are left out."""
    asked = asked_by(request, owner, slug, level, principals)
    if any(not 0 <= one < 2**63 for one in ids):
        raise InvalidInput("must be ids of the map", "ids")
    return respond({"items": maps.read_rows(asked, ids)})


@for_owners(router, "GET", "/topics/trends", response=TrendOut, summary="Topics over time")
def get_topic_trends(  # noqa: PLR0917 - a path and its query
    request: HttpRequest,
    owner: Owner,
    slug: str,
    level: Level = None,
    bucket: Literal["day", "month", "year"] = "month",
    field: str | None = None,
    principals: Principals = None,
) -> HttpResponse:
    """Rows of each topic by day, month or year.

    The time is when a row was first sent, or a field of its metadata that begins with a date.
    """
    asked = asked_by(request, owner, slug, level, principals)
    return respond(maps.read_trends(asked, bucket=bucket, field=field))


@for_owners(
    router,
    "GET",
    "/topics/export",
    summary="All rows with their topics as CSV",
    openapi_extra=content("text/csv", "One line a row."),
)
def export_topics(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    level: Level = None,
    principals: Principals = None,
) -> HttpResponseBase:
    """Every row with topic, its name, p and place, one a line."""
    pages = maps.export_rows(asked_by(request, owner, slug, level, principals))
    response = StreamingHttpResponse(as_csv(pages), content_type=CSV)
    response["Content-Disposition"] = f'attachment; filename="{slug}-topics.csv"'
    return response


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


def compressed(request: HttpRequest, data: bytes, tag: str | None) -> HttpResponse:
    """Return bytes, by gzip where the client takes it, under a tag or not to be kept."""
    is_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
    response = HttpResponse(gzip.compress(data, 6) if is_gzip else data, content_type=BINARY)
    if is_gzip:
        response["Content-Encoding"] = "gzip"
    response["Vary"] = "Accept-Encoding, Authorization"
    response["Cache-Control"] = "no-store" if tag is None else "private, no-cache"
    if tag is not None:
        response["ETag"] = tag
    return response


def as_csv(pages: Iterable[Sequence[dict[str, Any]]]) -> Iterator[bytes]:
    """Yield rows as CSV with a header; a text that a spreadsheet would compute is made harmless."""
    yield written([HEADER])
    for some in pages:
        yield written(
            [harmless(value) if isinstance(value := row[name], str) else value for name in HEADER]
            for row in some
        )
