"""The REST of evaluations, variants and learned weights."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.evaluation import evaluations, trials, variants, weights
from embedhub.evaluation.schemas import (
    AppliedOut,
    EvaluatedQueryPage,
    EvaluationIn,
    EvaluationOut,
    EvaluationPage,
    LearningIn,
    LearningOut,
    SettingIn,
    VariantIn,
    VariantList,
    VariantNameIn,
    VariantOut,
)
from embedhub.evaluation.setting import read_setting
from embedhub.web.authentication import caller_of
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_cursor, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["evaluation"])
EVALUATIONS = "/collections/{slug}/evaluations"
VARIANTS = "/collections/{slug}/variants"


@router.post(EVALUATIONS, response={202: EvaluationOut}, summary="Start an evaluation")
@idempotent()
def start_evaluation(request: HttpRequest, slug: str, body: EvaluationIn) -> HttpResponse:
    """Measure settings side by side over the judged queries, in a run."""
    view = evaluations.start_evaluation(
        caller_of(request, Scope.WRITE),
        slug,
        [setting_of(one) for one in body.settings],
        k=body.k,
        depth=body.depth,
        split=body.split,
    )
    return respond(view, status=202)


@router.get(EVALUATIONS, response=EvaluationPage, summary="List evaluations")
def list_evaluations(
    request: HttpRequest, slug: str, cursor: str | None = None, limit: int | None = None
) -> HttpResponse:
    """The history of a collection, newest first; a key bound to principals gets 403."""
    size = page_limit(limit)
    before = decode_cursor("evaluations", cursor)
    caller = caller_of(request, Scope.READ)
    rows = evaluations.list_evaluations(caller, slug, before=before, limit=size + 1)
    return respond(page("evaluations", rows, size, lambda row: row.id))


@router.get(
    EVALUATIONS + "/{int:evaluation_id}", response=EvaluationOut, summary="Get an evaluation"
)
def get_evaluation(request: HttpRequest, slug: str, evaluation_id: int) -> HttpResponse:
    """One evaluation: how far it is, then its figures; a key bound to principals gets 403."""
    caller = caller_of(request, Scope.READ)
    return respond(evaluations.get_evaluation(caller, slug, evaluation_id))


@router.get(
    EVALUATIONS + "/{int:evaluation_id}/queries",
    response=EvaluatedQueryPage,
    summary="Figures of each query",
)
def list_evaluated_queries(
    request: HttpRequest,
    slug: str,
    evaluation_id: int,
    cursor: str | None = None,
    limit: int | None = None,
) -> HttpResponse:
    """What each setting reached for each query; a key bound to principals gets 403."""
    size = page_limit(limit)
    after = decode_cursor("evaluated", cursor) or 0
    caller = caller_of(request, Scope.READ)
    rows = evaluations.evaluated_queries(caller, slug, evaluation_id, after=after, limit=size + 1)
    return respond(page("evaluated", rows, size, lambda row: row.number))


@router.delete(
    EVALUATIONS + "/{int:evaluation_id}", response=EvaluationOut, summary="Delete an evaluation"
)
def delete_evaluation(request: HttpRequest, slug: str, evaluation_id: int) -> HttpResponse:
    """Take an evaluation out of the history; the answer is the last sight of it."""
    caller = caller_of(request, Scope.WRITE)
    view = evaluations.get_evaluation(caller, slug, evaluation_id)
    evaluations.delete_evaluation(caller, slug, evaluation_id)
    return respond(view)


@router.post(VARIANTS, response={201: VariantOut}, summary="Save a variant")
@idempotent()
def save_variant(request: HttpRequest, slug: str, body: VariantIn) -> HttpResponse:
    """Save a setting under a name, in place of the one it had; nothing changes for searches.

    With a chunking a run fills a collection beside this one, to be measured against it; the same
    again brings that up to date.
    """
    setting = read_setting(body.model_dump(exclude_none=True), "")
    save = variants.save_variant if setting.chunking is None else trials.save_trial
    view = save(caller_of(request, Scope.WRITE), slug, setting)
    return respond(view, status=201)


@router.get(VARIANTS, response=VariantList, summary="List variants")
def list_variants(request: HttpRequest, slug: str) -> HttpResponse:
    """Saved settings of a collection: written by hand, learned, and what was live before."""
    return respond({"items": variants.list_variants(caller_of(request, Scope.READ), slug)})


@router.post(VARIANTS + "/apply", response=AppliedOut, summary="Make a variant live")
@idempotent()
def apply_variant(request: HttpRequest, slug: str, body: VariantNameIn) -> HttpResponse:
    """Make a variant's ranking and chunking the collection's; `former` brings back what was."""
    return respond(variants.apply_variant(caller_of(request, Scope.WRITE), slug, body.name))


@router.post(VARIANTS + "/learn", response={202: LearningOut}, summary="Learn weights")
@idempotent()
def learn_weights(request: HttpRequest, slug: str, body: LearningIn) -> HttpResponse:
    """Learn how much meaning and words count from the judged queries, in a run.

    What is learned becomes a variant. 409 while too few queries are judged.
    """
    run_id = weights.start_learning(
        caller_of(request, Scope.WRITE),
        slug,
        split=body.split,
        k=body.k,
        is_applied_if_better=body.apply == "if_better",
    )
    return respond({"run_id": run_id}, status=202)


@router.post(VARIANTS + "/delete", response=VariantList, summary="Delete a variant")
@idempotent()
def delete_variant(request: HttpRequest, slug: str, body: VariantNameIn) -> HttpResponse:
    """Delete a variant; the answer lists those that are left."""
    caller = caller_of(request, Scope.WRITE)
    variants.delete_variant(caller, slug, body.name)
    return respond({"items": variants.list_variants(caller, slug)})


def setting_of(body: SettingIn) -> dict[str, Any]:
    """Return a setting as the service reads it; one without a name is called by what it is."""
    given = body.model_dump(exclude_none=True)
    if body.name is None and body.variant is None:
        given["name"] = body.collection or body.mode or "live"
    return given
