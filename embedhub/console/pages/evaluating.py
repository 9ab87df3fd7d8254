"""Two settings side by side: choosing them, and what came out, in words and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.widgets import UnfoldAdminTextInputWidget

from embedhub.access.caller import Caller
from embedhub.collections.service import list_collections
from embedhub.console import audit, models
from embedhub.console.pages.judging import chosen_collection
from embedhub.console.pages.layout import MAX_CHOICES, PickField, add_reason, page
from embedhub.console.pages.search import collection_choices
from embedhub.console.permissions import demand
from embedhub.console.words import plural
from embedhub.errors import HubError, NotFound
from embedhub.evaluation import evaluations, variants
from embedhub.evaluation.evaluations import EvaluationView
from embedhub.evaluation.setting import LIVE
from embedhub.evaluation.uncertainty import RESAMPLES

PERMISSION = "start_evaluation"
WEIGHT = "weight"
BUILT_IN = [
    (LIVE, "live: what callers get now"),
    ("lexical", "words only"),
    ("dense", "meaning only"),
]
MAX_SHOWN_QUERIES = 200
METRIC_WORDS = {
    "ndcg": "good hits stand first (nDCG)",
    "recall": "part of the relevant ones found",
    "success": "queries with a relevant one",
    "mrr": "place of the first relevant one (MRR)",
    "map": "precision at each relevant one (MAP)",
}
SIGNIFICANCE = 0.05


class CompareForm(forms.Form):
    """Which two settings to measure."""

    first = PickField(label="First setting")
    second = PickField(label="Second setting")
    weight = forms.FloatField(
        label="Weight of meaning in the second setting",
        required=False,
        min_value=0,
        max_value=1,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "placeholder": "0.7"}),
        help_text="From 0, words alone, to 1, meaning alone; with “another weight” only.",
    )
    k = forms.IntegerField(
        label="Hits that count",
        initial=10,
        min_value=1,
        max_value=100,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
        help_text="nDCG, recall and success look at so many.",
    )

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["first"] = PickField(choices=choices, label="First setting", initial=LIVE)
        self.fields["second"] = PickField(
            choices=[(WEIGHT, "live, with another weight of meaning"), *choices],
            label="Second setting",
            initial=WEIGHT,
        )

    def clean(self) -> dict[str, Any]:
        """Return what was chosen; the two have to differ."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("second") == WEIGHT and given.get("weight") is None:
            self.add_error("weight", "Give the weight to try.")
        if given.get("first") == given.get("second"):
            self.add_error("second", "Choose another one than the first.")
        return given

    def settings(self) -> list[dict[str, Any]]:
        """Return the two settings as an evaluation takes them."""
        given = self.cleaned_data
        if given["second"] != WEIGHT:
            return [setting_of(given["first"]), setting_of(given["second"])]
        weight = given["weight"]
        tried = {"name": f"meaning {weight:g}", "ranking": {"weights": {"dense": weight}}}
        return [setting_of(given["first"]), tried]


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one setting; `width` is the bar's, in percents."""

    mean: str
    interval: str
    width: int
    difference: str
    is_best: bool


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric with a cell for each setting."""

    name: str
    words: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class QueryRow:
    """One query with the leading metric of each setting."""

    query: str
    n_relevant: int
    figures: list[str]
    difference: str
    tone: str


def compare_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, PERMISSION)
    asked = request.GET.get("collection", "")
    groups = collection_choices(asked)
    row = chosen_collection(asked, groups)
    context: dict[str, Any] = {"title": "Compare two settings", "groups": groups, "row": row}
    if row is not None:
        caller = Caller.for_workspace(row.workspace_id)
        form = CompareForm(request.POST or None, choices=setting_choices(caller, row))
        if request.method == "POST" and form.is_valid():
            started = start(request, row, caller, form)
            if started is not None:
                return redirect("admin:console_evaluation_change", started)
        context |= {"form": form, "submit": "Measure both"}
    return page(request, model_admin, "console/compare.html", context)


def start(request: HttpRequest, row: Any, caller: Caller, form: CompareForm) -> int | None:
    """Ask for the evaluation and return its id; None if it was refused, with the reason told."""
    settings, k = form.settings(), form.cleaned_data["k"]
    try:
        view = evaluations.start_evaluation(caller, row.slug, settings, k=k)
    except HubError as error:
        add_reason(form, error)
        return None
    audit.record(
        request,
        "start evaluation",
        subject="collection",
        subject_id=row.pk,
        workspace_id=row.workspace_id,
        details={"settings": [setting["name"] for setting in view.settings]},
    )
    return view.id


def setting_choices(caller: Caller, row: Any) -> list[tuple[str, str]]:
    """Return the settings to choose from: built in, saved, and other collections."""
    saved = [
        (f"variant:{one.name}", f"{one.name} ({one.source})")
        for one in variants.list_variants(caller, row.slug)
    ]
    others = [
        (f"collection:{one.slug}", f"collection {one.slug}, with the same documents")
        for one in list_collections(caller, limit=MAX_CHOICES)
        if one.id != row.pk
    ]
    return [*BUILT_IN, *saved, *others]


def setting_of(choice: str) -> dict[str, Any]:
    """Return the setting that a choice of the form stands for."""
    kind, colon, name = choice.partition(":")
    if colon:
        return {"variant": name} if kind == "variant" else {"name": name, "collection": name}
    if choice == LIVE:
        return {"name": LIVE}
    return {"name": dict(BUILT_IN)[choice], "mode": choice}


def detail(row: Any) -> dict[str, Any]:
    """Return what the template of an evaluation's page shows."""
    collection: Any = models.Collection.objects.filter(pk=row.collection_id).first()
    if collection is None or collection.deleted_at is not None:
        return {}
    caller = Caller.for_workspace(row.workspace_id)
    try:
        view = evaluations.get_evaluation(caller, collection.slug, row.pk)
        rows = evaluations.evaluated_queries(caller, collection.slug, row.pk, limit=20_000)
    except NotFound:
        return {}
    leading = f"ndcg@{view.k}"
    return {
        "view": view,
        "names": [setting["name"] for setting in view.settings],
        "metrics": metric_rows(view.results),
        "verdicts": [verdict(result, view) for result in view.results[1:]],
        "remarks": remarks(view),
        "queries": query_rows(rows, leading)[:MAX_SHOWN_QUERIES],
        "n_queries": len(rows),
        "leading": leading,
        "resamples": RESAMPLES,
        "collection_id": collection.pk,
    }


def metric_rows(results: Sequence[Mapping[str, Any]]) -> list[MetricRow]:
    """Return the metrics with a cell for each setting."""
    rows = []
    for place in range(len(results[0]["metrics"]) if results else 0):
        metrics = [result["metrics"][place] for result in results]
        best = max(metric["mean"] for metric in metrics)
        name = metrics[0]["metric"]
        rows.append(
            MetricRow(
                name,
                METRIC_WORDS[name.partition("@")[0]],
                [
                    _cell(metric, result["comparison"], place, best)
                    for metric, result in zip(metrics, results, strict=True)
                ],
            )
        )
    return rows


def verdict(result: Mapping[str, Any], view: EvaluationView) -> str:
    """Return how a setting compares with the first one, as a sentence about nDCG."""
    found = result["comparison"][0]
    name, first = result["name"], view.results[0]["name"]
    if found["p_value"] is None:
        return "One query says nothing about which setting is better: judge more."
    if found["p_value"] >= SIGNIFICANCE:
        return (
            f"“{name}” and “{first}” do not differ by more than chance"
            f" (nDCG {found['mean']:+.3f}, p = {found['p_value']:.2f}): judge more queries, or"
            " keep what is simpler."
        )
    is_better = found["mean"] > 0
    return (
        f"“{name}” is {'better' if is_better else 'worse'} than “{first}” by"
        f" {abs(found['mean']):.3f} nDCG (95 %: {found['low']:+.3f} to {found['high']:+.3f},"
        f" p = {found['p_value']:.3f}); better for {found['n_better']} queries, worse for"
        f" {found['n_worse']}."
    )


def remarks(view: EvaluationView) -> list[str]:
    """Return what to know about the figures, in sentences."""
    found = []
    if view.n_skipped:
        found.append(
            f"{plural(view.n_skipped, 'judged query has', 'judged queries have')} no relevant"
            " document: left out."
        )
    if view.n_missing:
        found.append(
            f"{plural(view.n_missing, 'relevant document')} of the judgments not in the collection:"
            " counted as not found."
        )
    for result in view.results:
        if result["n_without_hits"]:
            n_queries = plural(result["n_without_hits"], "query", "queries")
            found.append(f"“{result['name']}” found nothing for {n_queries}.")
        found += [
            f"“{result['name']}”: {code.replace('_', ' ')} in {plural(n, 'search', 'searches')}."
            for code, n in result["notes"].items()
        ]
    return found


def query_rows(rows: Sequence[evaluations.EvaluatedRow], leading: str) -> list[QueryRow]:
    """Return the queries, those first whose settings differ most."""
    shown = [_query_row(row, row.figures.get(leading, [])) for row in rows]
    order = sorted(range(len(rows)), key=lambda place: -_spread(rows[place].figures[leading]))
    return [shown[place] for place in order]


def _cell(
    metric: Mapping[str, Any],
    comparison: Sequence[Mapping[str, Any]] | None,
    place: int,
    best: float,
) -> Cell:
    interval = ""
    if metric["low"] is not None:
        interval = f"{metric['low']:.3f} to {metric['high']:.3f}"
    difference = ""
    if comparison is not None:
        found = comparison[place]
        p_value = "" if found["p_value"] is None else f", p = {found['p_value']:.3f}"
        difference = f"{found['mean']:+.3f}{p_value}"
    return Cell(
        mean=f"{metric['mean']:.3f}",
        interval=interval,
        width=round(100 * metric["mean"]),
        difference=difference,
        is_best=metric["mean"] == best,
    )


def _query_row(row: evaluations.EvaluatedRow, figures: Sequence[float]) -> QueryRow:
    difference = figures[1] - figures[0] if len(figures) == 2 else 0.0
    tone = "good" if difference > 0 else "bad" if difference < 0 else "quiet"
    words = f"{difference:+.3f}" if len(figures) == 2 and difference else ""
    return QueryRow(row.query, row.n_relevant, [f"{one:.3f}" for one in figures], words, tone)


def _spread(figures: Sequence[float]) -> float:
    return max(figures) - min(figures) if figures else 0.0
