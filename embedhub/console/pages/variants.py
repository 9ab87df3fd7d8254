"""Making a variant live, and having weights learned."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.console import audit, models
from embedhub.console.pages.layout import PickField, add_reason, page
from embedhub.console.permissions import demand
from embedhub.errors import HubError
from embedhub.evaluation import variants, weights

PERMISSION = "apply_variant"
DETAIL = "admin:console_variant_change"
NEVER, IF_BETTER = "never", "if_better"


class LearningForm(forms.Form):
    """What happens with what is learned."""

    apply = PickField(
        label="When it is learned",
        choices=[
            (NEVER, "keep it as a variant"),
            (IF_BETTER, "make it live if it is better by more than chance"),
        ],
        initial=NEVER,
    )


def apply(request: HttpRequest, model_admin: Any, variant_id: int) -> HttpResponse:
    demand(request, PERMISSION)
    row: Any = models.Variant.objects.select_related("collection").filter(pk=variant_id).first()
    if row is None or row.collection.deleted_at is not None:
        raise Http404
    if request.method != "POST":
        return page(
            request,
            model_admin,
            "console/confirm.html",
            {
                "title": f"Make “{row.name}” live?",
                "question": consequence(row)
                + " What is live now is kept as a variant, to be applied again.",
                "submit": "Make it live",
                "back": DETAIL,
                "back_id": variant_id,
            },
        )
    try:
        caller = Caller.for_workspace(row.workspace_id)
        applied = variants.apply_variant(caller, row.collection.slug, row.name)
    except HubError as error:
        messages.error(request, str(error))
        return redirect(DETAIL, variant_id)
    audit.record(
        request,
        "apply variant",
        subject="collection",
        subject_id=row.collection_id,
        workspace_id=row.workspace_id,
        details={"variant": row.name, "former": applied.former},
    )
    messages.success(
        request, f"“{row.name}” is live. To undo this, apply the variant “{applied.former}”."
    )
    if applied.run_id is not None:
        return redirect("admin:console_run_change", applied.run_id)
    return redirect("admin:console_variant_changelist")


def consequence(row: Any) -> str:
    """Return what making a variant live does, as a sentence."""
    slug = row.collection.slug
    if row.setting.get("chunking"):
        return (
            f"A run parts every document of {slug} anew; each answers with its old passages until"
            " then."
        )
    return f"Every search of {slug} is ranked by it from then on."


def learn(request: HttpRequest, model_admin: Any, collection_id: int) -> HttpResponse:
    demand(request, PERMISSION)
    row: Any = models.Collection.objects.filter(pk=collection_id, deleted_at=None).first()
    if row is None:
        raise Http404
    form = LearningForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        is_applied = form.cleaned_data["apply"] == IF_BETTER
        try:
            run_id = weights.start_learning(
                Caller.for_workspace(row.workspace_id), row.slug, is_applied_if_better=is_applied
            )
        except HubError as error:
            add_reason(form, error)
        else:
            audit.record(
                request,
                "learn weights",
                subject="collection",
                subject_id=row.pk,
                workspace_id=row.workspace_id,
                details={"apply": form.cleaned_data["apply"]},
            )
            messages.success(request, "Weights are being learned; the variant appears at its end.")
            return redirect("admin:console_run_change", run_id)
    return page(
        request,
        model_admin,
        "console/form.html",
        {
            "title": f"Learn weights of {row.slug}",
            "form": form,
            "submit": "Learn from the judged queries",
            "lead": "How much meaning and words count is chosen on some of the judged queries and "
            f"measured on others; at least {get_config().min_learning_queries} of them need a "
            "relevant document.",
        },
    )
