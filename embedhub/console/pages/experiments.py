"""Experiments in the console: set up, started, stopped, and what came of them."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect

from embedhub.access.caller import Caller
from embedhub.console import audit, models
from embedhub.console.pages.catalogs import catalog_choices, rate_words
from embedhub.console.pages.layout import (
    LongTextField,
    PickField,
    PickManyField,
    TextField,
    add_reason,
    page,
)
from embedhub.console.pages.placements import shown_rules
from embedhub.console.permissions import demand
from embedhub.errors import HubError
from embedhub.recommend.experiments import service
from embedhub.recommend.experiments.results import (
    Difference,
    ExperimentResults,
    Verdict,
    experiment_results,
)
from embedhub.recommend.experiments.service import ExperimentInput, ExperimentView
from embedhub.recommend.experiments.variant import HOLDOUT

PERMISSION = "run_experiment"
DETAIL = "admin:console_experiment_change"
LIST = "admin:console_experiment_changelist"
# What other variants do otherwise: words and the parts of the variant.
CHANGES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "plain": ("no rules", {"rules": []}),
    "varied": ("more diversity", {"request": {"relevance": 0.7}}),
    "focused": ("no diversity", {"request": {"relevance": 1.0}}),
    "popular": ("what is popular instead", {"request": {"kind": "popular"}}),
    "trending": ("what is trending instead", {"request": {"kind": "trending"}}),
    "version": ("another recommender, named below", {}),
}
REQUEST_WORDS = {
    "kind": "lists of kind {}",
    "relevance": "relevance {} against diversity",
    "collapse_duplicates": "near-duplicates collapsed: {}",
}


class ExperimentForm(forms.Form):
    """Lists as they are, and one more variant for each other way they are made in."""

    catalog = PickField()
    name = TextField(max_length=63, help_text="Such as: more variety.")
    placement = TextField(max_length=63, help_text="Where the lists are shown, as requests say.")
    changes = PickManyField(
        choices=[(name, text) for name, (text, _) in CHANGES.items()],
        label="Some of the people get",
        help_text="Each is a variant of its own. As many people get lists as they are now.",
    )
    version = forms.IntegerField(
        required=False, min_value=1, label="Recommender", widget=TextField.widget
    )
    holdout = forms.FloatField(
        min_value=0,
        max_value=90,
        initial=0,
        label="Percent of people who get no personal lists at all",
        help_text="They get what is popular: against them you see what recommending is worth.",
        widget=TextField.widget,
    )
    note = LongTextField(
        required=False, max_length=service.MAX_NOTE_CHARS, help_text="What you expect, and why."
    )

    def __init__(self, *args: Any, catalog: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = catalog_choices()
        self.fields["catalog"] = PickField(choices=self.choices, initial=catalog)

    def clean(self) -> None:
        super().clean()
        changes = self.cleaned_data.get("changes", ())
        if "version" in changes and not self.cleaned_data.get("version"):
            self.add_error("version", "Say which one.")

    def wanted(self) -> ExperimentInput:
        """Return the experiment that the form describes."""
        given = self.cleaned_data
        ways = [CHANGES[name] for name in given["changes"] if name != "version"]
        if "version" in given["changes"]:
            ways.append((f"recommender {given['version']}", {"version": given["version"]}))
        return ExperimentInput(
            name=given["name"],
            placement=given["placement"],
            variants=[{"name": "as it is"}, *({"name": text, **parts} for text, parts in ways)],
            holdout_share=given["holdout"] / 100,
            note=given["note"].strip(),
        )


def new_experiment(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, PERMISSION)
    form = ExperimentForm(
        request.POST or None,
        catalog=request.GET.get("catalog", ""),
        initial={"placement": request.GET.get("placement", "")},
    )
    if request.method == "POST" and form.is_valid():
        catalog: Any = models.Catalog.objects.get(pk=form.cleaned_data["catalog"])
        caller = Caller.for_workspace(catalog.workspace_id)
        try:
            view = service.create_experiment(
                caller, catalog.slug, form.wanted(), by=f"staff {request.user.get_username()}"
            )
        except HubError as error:
            add_reason(form, error)
        else:
            row: Any = models.Experiment.objects.get(pk=view.id)
            _note(request, "set up experiment", row)
            messages.success(
                request, f"“{view.name}” is set up. Nothing changes until you start it."
            )
            return redirect(DETAIL, row.pk)
    return page(
        request,
        model_admin,
        "console/form.html",
        {
            "title": "New experiment",
            "form": form,
            "submit": "Set it up",
            "lead": "Who gets which lists is drawn by chance and stays the same for each person."
            " Variants with rules of their own are set up with POST …/experiments.",
        },
    )


def detail(row: Any) -> dict[str, Any]:
    """Return what the template of an experiment's page shows."""
    caller = Caller.for_workspace(row.workspace_id)
    view = service.get_experiment(caller, row.catalog.slug, row.name)
    context: dict[str, Any] = {
        "view": view,
        "variants": [variant_words(row.catalog_id, one) for one in view.variants],
        "total_weight": sum(one.get("weight") or 1 for one in view.variants),
    }
    if view.started_at is not None:
        found = experiment_results(caller, row.catalog.slug, row.name)
        context |= {"results": shown_results(found), "sentence": sentence(found), "found": found}
    return context


def step(request: HttpRequest, model_admin: Any, experiment_id: int, name: str) -> HttpResponse:
    """Start, stop or delete an experiment; what cannot be undone is asked first."""
    demand(request, PERMISSION)
    if name not in STEPS:
        raise Http404
    rows: Any = models.Experiment.objects.select_related("catalog")
    row = rows.filter(pk=experiment_id, catalog__deleted_at=None).first()
    if row is None:
        raise Http404
    take, words, done = STEPS[name]
    if request.method != "POST":
        if name not in QUESTIONS:
            return HttpResponseNotAllowed(["POST"])
        question, submit = QUESTIONS[name]
        context = {"title": f"{submit}: “{row.name}”?", "question": question, "submit": submit}
        return page(
            request,
            model_admin,
            "console/confirm.html",
            {**context, "back": DETAIL, "back_id": row.pk},
        )
    try:
        take(Caller.for_workspace(row.workspace_id), row.catalog.slug, row.name)
    except HubError as error:
        messages.error(request, str(error).capitalize() + ".")
        return redirect(DETAIL, row.pk)
    _note(request, words, row)
    messages.success(request, done.format(row.name))
    return redirect(LIST) if name == "delete" else redirect(DETAIL, row.pk)


STEPS: Mapping[str, tuple[Callable[[Caller, str, str], ExperimentView], str, str]] = {
    "start": (
        service.start_experiment,
        "start experiment",
        "“{}” runs: people get their variants from the next list on.",
    ),
    "stop": (
        service.stop_experiment,
        "stop experiment",
        "“{}” is stopped: everybody gets the placement's lists again.",
    ),
    "delete": (service.delete_experiment, "delete experiment", "“{}” is deleted."),
}
QUESTIONS = {
    "stop": (
        (
            "Everybody gets the placement's lists again. It cannot be started a second time: its"
            " figures stand."
        ),
        "Stop it",
    ),
    "delete": (
        (
            "It is gone with its variants. What was shown and clicked stays, and counts in the"
            " catalog's click rates."
        ),
        "Delete it",
    ),
}


def variant_words(catalog_id: int, variant: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a variant does, in words."""
    parts = []
    if variant.get("rules") is not None:
        rules = [rule.text for rule in shown_rules(catalog_id, variant["rules"])]
        parts.append("rules of its own: " + "; ".join(rules) if rules else "no rules")
    for name, value in (variant.get("request") or {}).items():
        shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
        parts.append(REQUEST_WORDS[name].format(shown))
    if variant.get("version"):
        parts.append(f"recommender {variant['version']}")
    return {
        "name": variant["name"],
        "weight": variant.get("weight") or 1,
        "words": "; ".join(parts) or "lists as they are",
    }


def shown_results(found: ExperimentResults) -> list[dict[str, Any]]:
    """Return the rates of the variants as cells of a table."""
    return [
        {
            "variant": "held out: what is popular" if one.variant == HOLDOUT else one.variant,
            "cells": [
                {"rate": rate_words(rate), "difference": _difference(difference)}
                for rate, difference in (
                    (one.people, one.people_difference),
                    (one.lists, one.lists_difference),
                    (one.items, one.items_difference),
                )
            ],
            "verdict": VERDICTS[one.verdict],
        }
        for one in found.variants
    ]


def sentence(found: ExperimentResults) -> str:
    """Return what the figures say, and what to do."""
    first = found.variants[0]
    if not any(one.people.n or one.lists.n for one in found.variants):
        return "Nothing was shown in this placement since it was started: do requests name it?"
    told = [one for one in found.variants if one.verdict in (Verdict.BETTER, Verdict.WORSE)]
    if not told:
        return (
            f"No variant differs from “{first.variant}” by more than chance yet: let it run on, or"
            " keep what is simpler."
        )
    return " ".join(
        f"“{one.variant}” is {one.verdict.value} than “{first.variant}”: the share of people who"
        f" click differs by {_difference(one.people_difference)}."
        for one in told
    )


VERDICTS = {
    Verdict.BETTER: ("better", "good"),
    Verdict.WORSE: ("worse", "bad"),
    Verdict.UNDECIDED: ("not told from chance", "quiet"),
    Verdict.NOBODY: ("nobody yet", "quiet"),
    Verdict.COMPARED: ("compared with", "info"),
}


def _difference(difference: Difference | None) -> str:
    if difference is None:
        return ""
    value, low, high = (100 * one for one in (difference.value, difference.low, difference.high))
    return f"{value:+.1f} points ({low:+.1f} to {high:+.1f})"


def _note(request: HttpRequest, action: str, row: Any) -> None:
    audit.record(
        request,
        action,
        subject="experiment",
        subject_id=row.pk,
        workspace_id=row.workspace_id,
        details={"experiment": row.name, "placement": row.placement},
    )
