"""The REST of decisions about duplicates, and of clusters."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.duplicates import service
from embedhub.duplicates.schemas import (
    DuplicateBandIn,
    DuplicateBandOut,
    DuplicateCanonicalIn,
    DuplicateClusterMembersOut,
    DuplicateClusterOut,
    DuplicateClusterPage,
    DuplicateDecisionIn,
    DuplicateDecisionOut,
    DuplicateDecisionPage,
)
from embedhub.duplicates.service import Action, Wanted, Where
from embedhub.duplicates.shown import cluster_as_json
from embedhub.graph.service import Owner
from embedhub.web.authentication import Principals, caller_of, from_query
from embedhub.web.idempotency import idempotent
from embedhub.web.owners import for_owners
from embedhub.web.paging import (
    decode_cursor,
    decode_place,
    encode_cursor,
    encode_place,
    page,
    page_limit,
)
from embedhub.web.responses import respond

router = Router(tags=["duplicates"])
CLUSTERS = "/duplicates/clusters"


@for_owners(
    router,
    "POST",
    "/duplicates/{int:pair_id}/decision",
    response=DuplicateDecisionOut,
    summary="Decide about a duplicate pair",
)
@idempotent()
def decide_duplicate(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    pair_id: int,
    body: DuplicateDecisionIn,
    *,
    level: str | None = None,
    within: str | None = None,
) -> HttpResponse:
    """Link the two, hide one of them from searches, merge them, or say that they are none.

    `undo` takes back what holds, and shows again what it hid. A decision is remembered when rows
    are encoded, parted or sent again. Who decides what somebody else decided gets 409, unless the
    decision is named in `seen`.
    """
    wanted = Wanted(Action(body.action), body.keep, body.note, body.seen)
    caller = caller_of(request, Scope.WRITE)
    return respond(service.decide_pair(caller, Where(owner, slug, level, within), pair_id, wanted))


@for_owners(
    router,
    "POST",
    "/duplicates/decisions",
    response=DuplicateBandOut,
    summary="Decide about a band of scores",
)
@idempotent()
def decide_duplicates(
    request: HttpRequest, owner: Owner, slug: str, body: DuplicateBandIn
) -> HttpResponse:
    """Decide the same about open pairs of a band of scores, some hundred at once.

    Pairs that differ in a number, date, unit, code or negation are left to be looked at.
    """
    done, refused = service.decide_band(
        caller_of(request, Scope.WRITE),
        Where(owner, slug, body.level),
        Wanted(Action(body.action), note=body.note),
        least=body.least,
        most=body.most,
    )
    return respond({"decided": done, "refused": refused})


@for_owners(
    router,
    "GET",
    "/duplicates/decisions",
    response=DuplicateDecisionPage,
    summary="List decisions about duplicates",
)
def list_duplicate_decisions(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    *,
    level: str | None = None,
    within: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponse:
    """Who decided what and when, newest first, with what was taken back.

    A key bound to principals gets 403.
    """
    size = page_limit(limit)
    before = decode_cursor("duplicate-decisions", cursor)
    rows = service.list_decisions(
        caller_of(request, Scope.READ),
        Where(owner, slug, level, within),
        before=before,
        limit=size + 1,
    )
    return respond(page("duplicate-decisions", rows, size, lambda row: row.id))


@for_owners(
    router, "GET", CLUSTERS, response=DuplicateClusterPage, summary="List clusters of duplicates"
)
def list_duplicate_clusters(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    *,
    level: str | None = None,
    principals: Principals = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponse:
    """Rows that are one thing, joined along verified pairs; the largest first."""
    size = page_limit(limit)
    place = decode_place("duplicate-clusters", cursor, int, int)
    views = service.list_clusters(
        caller_of(request, Scope.READ),
        Where(owner, slug, level),
        principals=from_query(principals),
        after=None if place is None else (place[0], place[1]),
        limit=size + 1,
    )
    shown = views[:size]
    following = None
    if len(views) > size:
        last = shown[-1]
        following = encode_place("duplicate-clusters", str(last.n_stored), str(last.id))
    return respond({"items": [cluster_as_json(view) for view in shown], "cursor": following})


@for_owners(
    router,
    "GET",
    CLUSTERS + "/{int:cluster_id}",
    response=DuplicateClusterMembersOut,
    summary="Get a cluster of duplicates",
)
def get_duplicate_cluster(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    cluster_id: int,
    *,
    level: str | None = None,
    principals: Principals = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponse:
    """A cluster with a page of its rows."""
    size = page_limit(limit)
    view = service.get_cluster(
        caller_of(request, Scope.READ),
        Where(owner, slug, level),
        cluster_id,
        principals=from_query(principals),
        after=decode_cursor("duplicate-members", cursor) or 0,
        limit=size,
    )
    is_full = len(view.members) == size
    following = encode_cursor("duplicate-members", view.members[-1].id) if is_full else None
    return respond({"cluster": cluster_as_json(view), "cursor": following})


@for_owners(
    router,
    "POST",
    CLUSTERS + "/{int:cluster_id}/canonical",
    response=DuplicateClusterOut,
    summary="Choose the row that stands for a cluster",
)
@idempotent()
def choose_canonical(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    cluster_id: int,
    body: DuplicateCanonicalIn,
    *,
    level: str | None = None,
) -> HttpResponse:
    """Let a row stand for its cluster whatever the policy, also when the cluster changes."""
    view = service.choose_canonical(
        caller_of(request, Scope.WRITE), Where(owner, slug, level), cluster_id, body.external_id
    )
    return respond(cluster_as_json(view))
