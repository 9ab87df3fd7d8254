"""The REST of the map of topics, of topics over time, and of all rows with their topics as CSV."""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Query, Router

from embedhub.documents.imports_view import CSV, harmless, written
from embedhub.errors import InvalidInput
from embedhub.graph.subject import Owner
from embedhub.topics import maps
from embedhub.topics.schemas import TopicRowList, TrendOut
from embedhub.topics.views import Level, asked_by
from embedhub.web.authentication import Principals
from embedhub.web.owners import for_owners
from embedhub.web.responses import respond

router = Router(tags=["topics"])
BINARY = "application/octet-stream"
HEADER = (
    "external_id", "position", "title", "topic", "name", "p", "x", "y", "is_soft", "is_new",
)  # fmt: skip


def content(kind: str, what: str) -> dict[str, Any]:
    """Return how the OpenAPI document describes an answer that is not JSON."""
    schema = {"type": "string"} if kind == "text/csv" else {"type": "string", "format": "binary"}
    return {"responses": {200: {"description": what, "content": {kind: {"schema": schema}}}}}


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
