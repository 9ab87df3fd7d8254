"""The REST of duplicates: looking for them, what was found, and asking about a text."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.duplicates import service
from embedhub.duplicates.decision_views import router as deciding
from embedhub.duplicates.schemas import (
    DuplicateCheckIn,
    DuplicateCheckOut,
    DuplicateComparisonIn,
    DuplicatePairOut,
    DuplicatePairPage,
    DuplicateRunOut,
    DuplicateScanIn,
    DuplicateThresholdsOut,
)
from embedhub.duplicates.service import PairFilter, Where
from embedhub.duplicates.shown import match_as_json, pair_as_json
from embedhub.graph.service import Owner
from embedhub.web.authentication import Principals, caller_of, from_query
from embedhub.web.idempotency import idempotent
from embedhub.web.owners import for_owners
from embedhub.web.paging import decode_place, encode_place, page_limit
from embedhub.web.responses import respond

router = Router(tags=["duplicates"])
SETTINGS = ("automatic", "review", "semantic", "policy", "trusted", "max_members")


@for_owners(
    router,
    "POST",
    "/duplicates/scan",
    response={202: DuplicateRunOut},
    summary="Look for duplicates",
)
@idempotent()
def scan_duplicates(
    request: HttpRequest, owner: Owner, slug: str, body: DuplicateScanIn | None = None
) -> HttpResponse:
    """Start the run that compares all rows: equal texts, near copies, and texts of one meaning.

    New and changed rows follow by themselves from then on, where there are vectors. While a run is
    under way, that run is the answer.
    """
    wanted = body or DuplicateScanIn()
    where = Where(owner, slug, wanted.level)
    settings = wanted.model_dump(include=set(SETTINGS))
    run_id = service.start_scan(caller_of(request, Scope.WRITE), where, settings)
    return respond({"run_id": run_id}, status=202)


@router.post(
    "/collections/{slug}/duplicates/compare",
    response={202: DuplicateRunOut},
    summary="Look for a collection's rows in another one",
)
@idempotent()
def compare_collections(
    request: HttpRequest, slug: str, body: DuplicateComparisonIn
) -> HttpResponse:
    """Start the run that finds duplicates of this collection's rows in another collection.

    Such as of a test set in its training set. Its pairs are listed with `within`.
    """
    where = Where(Owner.COLLECTIONS, slug, body.level, body.within)
    settings = body.model_dump(include=set(SETTINGS))
    run_id = service.start_comparison(caller_of(request, Scope.WRITE), where, settings)
    return respond({"run_id": run_id}, status=202)


@for_owners(
    router, "GET", "/duplicates", response=DuplicatePairPage, summary="List duplicate pairs"
)
def list_duplicates(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    *,
    status: Literal["open", "confirmed", "dismissed"] | None = None,
    kind: Literal["exact", "near_copy", "semantic"] | None = None,
    min_score: float | None = None,
    max_score: float | None = None,
    automatic: bool | None = None,
    cluster_id: int | None = None,
    level: str | None = None,
    within: str | None = None,
    principals: Principals = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponse:
    """Pairs of rows that may be duplicates, the highest score first.

    Without `min_score` from the threshold of review on, and those that differ in a fact or in
    words but not in meaning. A pair is seen only by who may see both rows.
    """
    size = page_limit(limit)
    place = decode_place("duplicates", cursor, float, int)
    views = service.list_pairs(
        caller_of(request, Scope.READ),
        Where(owner, slug, level, within),
        PairFilter(status, kind, min_score, max_score, automatic, cluster_id),
        principals=from_query(principals),
        after=None if place is None else (place[0], place[1]),
        limit=size + 1,
    )
    return respond(pair_page(views, size))


def pair_page(views: Sequence[service.PairView], size: int) -> dict[str, Any]:
    """Return the page made of up to `size + 1` pairs."""
    shown = views[:size]
    last = shown[-1] if len(views) > size else None
    following = None
    if last is not None:
        following = encode_place("duplicates", repr(last.score), str(last.id))
    return {"items": [pair_as_json(view) for view in shown], "cursor": following}


@for_owners(
    router,
    "GET",
    "/duplicates/{int:pair_id}",
    response=DuplicatePairOut,
    summary="Get a duplicate pair",
)
def get_duplicate(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    pair_id: int,
    *,
    level: str | None = None,
    within: str | None = None,
    principals: Principals = None,
) -> HttpResponse:
    """One pair with its evidence and what was decided."""
    view = service.get_pair(
        caller_of(request, Scope.READ),
        Where(owner, slug, level, within),
        pair_id,
        principals=from_query(principals),
    )
    return respond(pair_as_json(view))


@for_owners(
    router,
    "POST",
    "/duplicates/check",
    response=DuplicateCheckOut,
    summary="Ask whether a text is a duplicate",
)
def check_duplicate(
    request: HttpRequest, owner: Owner, slug: str, body: DuplicateCheckIn
) -> HttpResponse:
    """Say which stored rows a text would be a duplicate of; nothing is stored."""
    found = service.check(
        caller_of(request, Scope.READ),
        owner,
        slug,
        text=body.text,
        title=body.title,
        level=body.level,
        limit=body.limit,
        principals=body.principals,
    )
    return respond(
        {
            "verdict": found.verdict,
            "matches": [match_as_json(match) for match in found.matches],
            "is_scanned": found.is_scanned,
            "used_vectors": found.used_vectors,
        }
    )


@for_owners(
    router,
    "GET",
    "/duplicates/thresholds",
    response=DuplicateThresholdsOut,
    summary="What a threshold would take",
)
def duplicate_thresholds(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    *,
    threshold: float | None = None,
    level: str | None = None,
    within: str | None = None,
) -> HttpResponse:
    """Counts of the stored pairs for any threshold, and precision as decisions tell it.

    A key bound to principals gets 403: it counts rows that the key may not see.
    """
    view = service.thresholds(
        caller_of(request, Scope.READ), Where(owner, slug, level, within), threshold
    )
    return respond(asdict(view))


router.add_router("", deciding)
