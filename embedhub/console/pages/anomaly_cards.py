"""One row that stands out as a card, figures of a scan, and the form of what is flagged."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from embedhub.anomalies.setting import Detector
from embedhub.anomalies.view import FlagView, RowView, StateView
from embedhub.console import markup, models, words
from embedhub.console.pages.analysis import KINDS, Chosen
from embedhub.console.pages.layout import PickField
from embedhub.graph.subject import Owner

SHOWN_CHARS, NORMAL_CHARS = 700, 240
DONE = {"accept": "accepted as usual", "confirm": "confirmed", "undo": "open again"}
SHARE, PER_DAY = "share", "per_day"


class SettingForm(forms.Form):
    """The budget of false alarms, the detector and the field of labels."""

    kind = PickField(
        label="Flag at most",
        choices=[(SHARE, "percents of the rows"), (PER_DAY, "rows a day")],
    )
    amount = forms.FloatField(
        label="How many",
        min_value=0,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        help_text="As many as you have time to look at. Where nothing stands out, fewer are"
        " flagged.",
    )
    detector = PickField(
        label="By",
        choices=[
            (Detector.FUSED.value, "all signals together"),
            (Detector.CENTROID.value, "similarity to the mean of all rows alone"),
        ],
    )
    limit = forms.FloatField(
        label="Least similarity to the mean",
        required=False,
        min_value=-1,
        max_value=1,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        help_text="A cosine; only for the similarity to the mean.",
    )
    label_field = forms.CharField(
        label="Field of labels",
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="A field of the metadata: rows whose nearest rows have another value stand out.",
    )

    def wished(self) -> dict[str, Any]:
        """Return the setting as the service takes it."""
        given = self.cleaned_data
        amount = given["amount"]
        is_share = given["kind"] == SHARE
        wished = {
            "budget": {SHARE: amount / 100} if is_share else {PER_DAY: round(amount)},
            "detector": given["detector"],
            "label_field": given["label_field"].strip() or None,
        }
        return wished if given["limit"] is None else wished | {"limit": given["limit"]}


@dataclass(frozen=True, slots=True)
class ShownFlag:
    """A flag as a card of the queue."""

    flag: FlagView
    title: str
    url: str | None
    text: SafeString
    normal: list[tuple[str, str | None, str]]
    decided: str
    status: SafeString


def initial_of(state: StateView) -> dict[str, Any]:
    """Return a setting as the form shows it."""
    budget = state.setting.budget
    amount = budget.per_day if budget.share is None else 100 * budget.share
    return {
        "kind": SHARE if budget.share is not None else PER_DAY,
        "amount": f"{amount:g}",
        "detector": state.setting.detector.value,
        "limit": f"{state.setting.limit:g}",
        "label_field": state.setting.label_field or "",
    }


def figures_of(state: StateView) -> list[tuple[str, str, str]]:
    """Return figures as label, value and what it means."""
    if state.fitted_at is None:
        return []
    budget = state.setting.budget
    allowed = f"{budget.per_day:,} a day" if budget.share is None else f"{100 * budget.share:g} %"
    how = "words, looks and vectors" if state.with_vectors else "words and looks: no vectors here"
    told = [
        ("Rows", f"{state.n_rows:,}", f"known by {how}"),
        ("Wait", f"{state.counts['open']:,}", f"of a budget of {allowed}"),
    ]
    if state.precision is not None:
        meaning = f"of the last {words.plural(state.n_decided, 'decision', 'decisions')}"
        told.append(("Confirmed", f"{100 * state.precision:.0f} %", meaning))
    return told


def shown(flag: FlagView, chosen: Chosen) -> ShownFlag:
    """Return a flag as a card."""
    last = flag.decisions[-1] if flag.current is not None else None
    decided = (
        ""
        if last is None
        else f"{last.decided_by} {DONE[last.decision]}, {last.decided_at:%Y-%m-%d %H:%M} UTC"
    )
    return ShownFlag(
        flag=flag,
        title=name_of(flag.row),
        url=row_url(flag.row, chosen),
        text=with_marks(flag.row.text[:SHOWN_CHARS], flag.rare_words),
        normal=[
            (name_of(one), row_url(one, chosen), one.text[:NORMAL_CHARS]) for one in flag.normal
        ],
        decided=decided,
        status=markup.label(*words.FINDING_STATUS_WORDS[flag.status]),
    )


def name_of(row: RowView) -> str:
    """Return what a row is called."""
    name = row.title or row.external_id
    return name if row.position is None else f"{name}, passage {row.position + 1}"


def row_url(row: RowView, chosen: Chosen) -> str | None:
    """Return the address of the page of a row; None if it is gone."""
    kind = "document" if chosen.owner is Owner.COLLECTIONS else "item"
    table: Any = models.Document if kind == "document" else models.Item
    owner = {f"{KINDS[chosen.owner]}_id": chosen.row.pk}
    found = table.objects.filter(external_id=row.external_id, **owner).only("pk").first()
    return None if found is None else reverse(f"admin:console_{kind}_change", args=[found.pk])


def with_marks(text: str, rare: Sequence[str]) -> SafeString:
    """Return a text with its rare words marked, all escaped."""
    if not rare:
        return format_html_join("", "{}", [(text,)])
    pattern = "|".join(re.escape(word) for word in sorted(rare, key=len, reverse=True))
    found = re.compile(rf"(?<![^\W_])(?:{pattern})(?![^\W_])", re.IGNORECASE)
    return SafeString("".join(_pieces(text, found)))


def _pieces(text: str, found: re.Pattern[str]) -> Iterator[SafeString]:
    at = 0
    for match in found.finditer(text):
        yield format_html_join("", "{}", [(text[at : match.start()],)])
        yield format_html_join("", "<mark>{}</mark>", [(match[0],)])
        at = match.end()
    yield format_html_join("", "{}", [(text[at:],)])
