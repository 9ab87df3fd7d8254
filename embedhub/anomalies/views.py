"""The REST of anomalies, of collections and catalogs alike."""

from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Body, Query, Router

from embedhub.access.caller import Scope
from embedhub.access.service import check_principals
from embedhub.anomalies import service
from embedhub.anomalies.schemas import (
    AnomalyDecisionIn,
    AnomalyOut,
    AnomalyPage,
    AnomalyRunOut,
    AnomalyScanIn,
    AnomalyScoreIn,
    AnomalyScoreOut,
    AnomalySettingPatch,
    AnomalyStateOut,
)
from embedhub.anomalies.service import TextAsked
from embedhub.graph.subject import Owner
from embedhub.web.authentication import Principals, caller_of, from_query
from embedhub.web.idempotency import idempotent
from embedhub.web.owners import for_owners
from embedhub.web.paging import decode_place, encode_place, page_limit
from embedhub.web.responses import respond

router = Router(tags=["anomalies"])
KIND = "anomalies"
Level = Annotated[
    Literal["document", "chunk", "item"] | None,
    Query(description="Which rows; documents of a collection, items of a catalog."),
]
Status = Annotated[Literal["open", "confirmed", "dismissed", "all"], Query()]


@for_owners(
    router, "POST", "/anomalies/scan", response={202: AnomalyRunOut}, summary="Look for anomalies"
)
@idempotent()
def scan_anomalies(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    body: Annotated[AnomalyScanIn | None, Body()] = None,
) -> HttpResponse:
    """Learn what is usual among all rows and flag what is not, within the budget, in a run.

    Afterwards rows are scored as they come. While a scan is under way, that run is the answer.
    """
    level = (body or AnomalyScanIn()).level
    run_id = service.start_scan(caller_of(request, Scope.WRITE), owner, slug, level=level)
    return respond({"run_id": run_id}, status=202)


@for_owners(
    router, "GET", "/anomalies/setting", response=AnomalyStateOut, summary="How anomalies stand"
)
def describe_anomalies(
    request: HttpRequest, owner: Owner, slug: str, level: Level = None
) -> HttpResponse:
    """The budget, the last scan, how many flags wait, and the precision of the last decisions.

    A key bound to principals gets 403: it counts rows that the key may not see.
    """
    return respond(service.describe(caller_of(request, Scope.READ), owner, slug, level=level))


@for_owners(
    router, "PATCH", "/anomalies/setting", response=AnomalyStateOut, summary="What is flagged"
)
def change_anomalies(
    request: HttpRequest, owner: Owner, slug: str, body: AnomalySettingPatch
) -> HttpResponse:
    """Change the budget, the detector or the field of labels.

    It holds for rows that come from now on, and for all rows from the next scan on.
    """
    wished = body.model_dump(exclude_unset=True, exclude={"level"})
    caller = caller_of(request, Scope.WRITE)
    return respond(service.change_setting(caller, owner, slug, wished, level=body.level))


@for_owners(router, "GET", "/anomalies", response=AnomalyPage, summary="List anomalies")
def list_anomalies(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    *,
    level: Level = None,
    status: Status = "open",
    cursor: str | None = None,
    limit: int | None = None,
    principals: Principals = None,
) -> HttpResponse:
    """Rows that stand out, the oddest first, each with its reasons and its nearest usual rows."""
    size = page_limit(limit)
    place = decode_place(KIND, cursor, float.fromhex, int)
    seen = from_query(principals)
    if seen is not None:
        check_principals(seen)
    rows = service.list_flags(
        caller_of(request, Scope.READ),
        owner,
        slug,
        level=level,
        status=None if status == "all" else status,
        after=None if place is None else (place[0], place[1]),
        limit=size + 1,
        principals=seen,
    )
    last = rows[size - 1] if len(rows) > size else None
    following = None if last is None else encode_place(KIND, last.score.hex(), str(last.id))
    return respond({"items": rows[:size], "cursor": following})


@for_owners(
    router,
    "POST",
    "/anomalies/score",
    response=AnomalyScoreOut,
    summary="Score a text that is not stored",
)
def score_anomaly(
    request: HttpRequest, owner: Owner, slug: str, body: AnomalyScoreIn
) -> HttpResponse:
    """How odd a text would be among the rows, and why; nothing is stored."""
    if body.principals is not None:
        check_principals(body.principals)
    asked = TextAsked(body.text, body.title, body.level, body.language, body.label)
    caller = caller_of(request, Scope.READ)
    return respond(service.score_text(caller, owner, slug, asked, principals=body.principals))


@for_owners(
    router, "GET", "/anomalies/{int:anomaly_id}", response=AnomalyOut, summary="Get an anomaly"
)
def get_anomaly(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    anomaly_id: int,
    principals: Principals = None,
) -> HttpResponse:
    """A row that stands out, why, and all that was decided about it."""
    seen = from_query(principals)
    if seen is not None:
        check_principals(seen)
    caller = caller_of(request, Scope.READ)
    return respond(service.get_flag(caller, owner, slug, anomaly_id, principals=seen))


@for_owners(
    router,
    "POST",
    "/anomalies/{int:anomaly_id}/decision",
    response=AnomalyOut,
    summary="Decide about an anomaly",
)
@idempotent()
def decide_anomaly(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    anomaly_id: int,
    body: AnomalyDecisionIn,
) -> HttpResponse:
    """Accept a row as usual, confirm it as an anomaly, or take that back.

    Accepted and confirmed rows are what rows are compared with from then on. If somebody else
    decided meanwhile, the answer is 409 and says who and when; send that decision's id as `seen`.
    """
    caller = caller_of(request, Scope.WRITE)
    flag = service.decide(caller, owner, slug, anomaly_id, body.decision, seen=body.seen)
    return respond(flag)
