"""The REST of neighbor graphs and of similarities."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.graph import service
from embedhub.graph.neighbors import RowAsked, neighbors_of
from embedhub.graph.schemas import (
    GraphBuildIn,
    GraphOut,
    GraphRunOut,
    NeighborsOut,
    SimilarityIn,
    SimilarityOut,
)
from embedhub.graph.similarity import similarity
from embedhub.graph.subject import Owner
from embedhub.web.authentication import Principals, caller_of, from_query
from embedhub.web.idempotency import idempotent
from embedhub.web.owners import for_owners
from embedhub.web.paging import DEFAULT_LIMIT
from embedhub.web.responses import respond

router = Router(tags=["neighbors"])


@for_owners(
    router, "POST", "/graph/build", response={202: GraphRunOut}, summary="Build the neighbor graph"
)
@idempotent()
def build_graph(
    request: HttpRequest, owner: Owner, slug: str, body: GraphBuildIn | None = None
) -> HttpResponse:
    """Start the run that finds the nearest neighbors of every row, or brings them up to date.

    Every analysis does so by itself; a live graph follows changes. While a run is under way, that
    run is the answer.
    """
    wanted = body or GraphBuildIn()
    caller = caller_of(request, Scope.WRITE)
    run_id = service.start_build(caller, owner, slug, level=wanted.level, rebuild=wanted.rebuild)
    return respond({"run_id": run_id}, status=202)


@for_owners(router, "GET", "/graph", response=GraphOut, summary="How the neighbor graph stands")
def describe_graph(
    request: HttpRequest, owner: Owner, slug: str, level: str | None = None
) -> HttpResponse:
    """How many rows have their neighbors, and how true the lists are.

    A key bound to principals gets 403: it counts rows that the key may not see.
    """
    state = service.describe_graph(caller_of(request, Scope.READ), owner, slug, level=level)
    figures = None
    if state.graph is not None:
        figures = {
            name: value for name, value in asdict(state.graph).items() if name in GRAPH_FIGURES
        } | {"n_saturated": state.n_saturated}
    return respond(
        {
            "level": state.level,
            "n_rows": state.n_rows,
            "graph": figures,
            "run_id": state.run_id,
        }
    )


@for_owners(router, "GET", "/neighbors", response=NeighborsOut, summary="Neighbors of a row")
def list_neighbors(
    request: HttpRequest,
    owner: Owner,
    slug: str,
    *,
    external_id: str,
    level: str | None = None,
    position: int | None = None,
    limit: int | None = None,
    principals: Principals = None,
) -> HttpResponse:
    """The rows nearest to one, by the vectors they are searched by; no graph need be built.

    Of a collection documents, or with `level=chunk` passages near to the one at `position`.
    """
    asked = RowAsked(
        external_id=external_id,
        level=level,
        position=position,
        limit=DEFAULT_LIMIT if limit is None else limit,
        principals=from_query(principals),
    )
    return respond(neighbors_of(caller_of(request, Scope.READ), owner, slug, asked))


@router.post("/similarity", response=SimilarityOut, summary="How similar texts are")
def compare_texts(request: HttpRequest, body: SimilarityIn) -> HttpResponse:
    """The cosine of each text with each other one; nothing is stored."""
    caller = caller_of(request, Scope.READ)
    return respond(similarity(caller, body.texts, body.other, encoder=body.encoder))


GRAPH_FIGURES = frozenset(
    {
        "k",
        "n_nodes",
        "method",
        "recall",
        "recall_sample",
        "saturation_threshold",
        "built_at",
        "followed_at",
    }
)
