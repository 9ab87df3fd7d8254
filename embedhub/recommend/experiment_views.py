"""The REST of experiments and click rates."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.recommend.experiment_schemas import (
    ClicksOut,
    ExperimentChange,
    ExperimentIn,
    ExperimentOut,
    ExperimentPage,
    ResultsOut,
)
from embedhub.recommend.experiments import results, service
from embedhub.recommend.experiments.service import ExperimentInput
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_cursor, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["experiments"])
EXPERIMENTS = "/catalogs/{slug}/experiments"
EXPERIMENT = EXPERIMENTS + "/{name}"


@router.post(EXPERIMENTS, response={201: ExperimentOut}, summary="Set up an experiment")
@idempotent()
def create_experiment(request: HttpRequest, slug: str, body: ExperimentIn) -> HttpResponse:
    """Set up variants of a placement's lists. Nothing changes until it is started."""
    wanted = ExperimentInput(**body.model_dump())
    caller = caller_of(request, Scope.WRITE)
    return respond(service.create_experiment(caller, slug, wanted), status=201)


@router.get(EXPERIMENTS, response=ExperimentPage, summary="List experiments")
def list_experiments(
    request: HttpRequest, slug: str, cursor: str | None = None, limit: int | None = None
) -> HttpResponse:
    """Experiments, the latest first."""
    size = page_limit(limit)
    rows = service.list_experiments(
        caller_of(request, Scope.READ),
        slug,
        before=decode_cursor("experiments", cursor),
        limit=size + 1,
    )
    return respond(page("experiments", rows, size, lambda row: row.id))


@router.get(EXPERIMENT, response=ExperimentOut, summary="Get an experiment")
def get_experiment(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """One experiment."""
    return respond(service.get_experiment(caller_of(request, Scope.READ), slug, name))


@router.put(EXPERIMENT, response=ExperimentOut, summary="Change an experiment")
def replace_experiment(
    request: HttpRequest, slug: str, name: str, body: ExperimentChange
) -> HttpResponse:
    """Change an experiment before it is started; 409 afterwards."""
    wanted = ExperimentInput(name=name, **body.model_dump())
    return respond(service.replace_experiment(caller_of(request, Scope.WRITE), slug, wanted))


@router.delete(EXPERIMENT, response=ExperimentOut, summary="Delete an experiment")
def delete_experiment(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Delete an experiment that does not run; what was shown and clicked stays."""
    return respond(service.delete_experiment(caller_of(request, Scope.WRITE), slug, name))


@router.post(EXPERIMENT + "/start", response=ExperimentOut, summary="Start an experiment")
@idempotent()
def start_experiment(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Give people their variants from the next list on; one at a time in a placement.

    Who gets which follows from the user's external_id (or the request's visitor): the same person
    gets the same variant. Lists for nobody in particular take no part.
    """
    return respond(service.start_experiment(caller_of(request, Scope.WRITE), slug, name))


@router.post(EXPERIMENT + "/stop", response=ExperimentOut, summary="Stop an experiment")
@idempotent()
def stop_experiment(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Let everybody have the placement's lists again. It cannot be started a second time."""
    return respond(service.stop_experiment(caller_of(request, Scope.WRITE), slug, name))


@router.get(EXPERIMENT + "/results", response=ResultsOut, summary="Get results of an experiment")
def experiment_results(
    request: HttpRequest,
    slug: str,
    name: str,
    types: str | None = None,
) -> HttpResponse:
    """Click rates of the variants with intervals, and how they differ from the first one's.

    `types`, with commas, are the interactions that count as clicks: all that weigh more than 0.
    """
    caller = caller_of(request, Scope.READ)
    return respond(results.experiment_results(caller, slug, name, types=listed(types)))


@router.get("/catalogs/{slug}/clicks", response=ClicksOut, summary="Get click rates")
def click_rates(
    request: HttpRequest,
    slug: str,
    *,
    placement: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    types: str | None = None,
) -> HttpResponse:
    """Click rates by placement and variant, of the last 30 days by default.

    An interaction is a click if it names the request_id of a list that showed the item; one that
    names none counts for what its user was shown last of the item, within a day. `types`, with
    commas, are the interactions that count: all that weigh more than 0.
    """
    caller = caller_of(request, Scope.READ)
    return respond(
        results.click_rates(
            caller, slug, placement=placement, since=since, until=until, types=listed(types)
        )
    )


def listed(types: str | None) -> list[str] | None:
    """Return the names between commas."""
    return None if types is None else [name.strip() for name in types.split(",")]
