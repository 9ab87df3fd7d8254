"""Forms about label sets: a new one, its labels, a training."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from embedhub.console import words
from embedhub.console.pages.analysis import Chosen
from embedhub.console.pages.layout import LongTextField, PickField, TextField
from embedhub.graph.subject import LEVELS
from embedhub.labels.service import SetInput


class NewSetForm(forms.Form):
    """A label set to make."""

    name = TextField(
        label="Name",
        help_text="Lower-case letters, digits, - and _, such as “intent”: paths name it so.",
    )
    field = TextField(
        label="Field with labels",
        required=False,
        help_text="Of the metadata, if rows have labels there already. Empty: people give them.",
    )
    labels = LongTextField(
        label="Labels",
        required=False,
        help_text="One a line, then a colon and what it is about, such as “billing: questions about"
        " invoices”. With descriptions, labels are predicted before anybody gave one.",
    )

    def __init__(self, *args: Any, chosen: Chosen, fields: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if len(LEVELS[chosen.owner]) > 1:
            choices = [
                (level.value, words.LEVEL_WORDS[level.value]) for level in LEVELS[chosen.owner]
            ]
            self.fields["level"] = PickField(label="Rows are", choices=choices)
        if fields:
            told = ", ".join(fields[:8])
            self.fields["field"].help_text = f"{self.fields['field'].help_text} There are: {told}."

    def wanted(self) -> SetInput:
        """Return the set as the service takes it."""
        given = self.cleaned_data
        return SetInput(
            name=given["name"].strip(),
            source="field" if given["field"].strip() else "given",
            field=given["field"].strip() or None,
            level=given.get("level") or None,
            labels=labels_of(given["labels"]),
        )


class TrainForm(forms.Form):
    """How to make the classifier."""

    method = PickField(
        label="Learn from",
        required=False,
        choices=[
            ("", "whatever there is"),
            ("trained", "labelled rows"),
            ("described", "the labels' descriptions"),
        ],
    )
    publish = PickField(
        label="Let it predict",
        choices=[
            ("better", "if it is not worse than the one that does"),
            ("always", "whatever its figures"),
            ("never", "not yet: I publish it"),
        ],
    )


class LabelsForm(forms.Form):
    """The labels of a set, and how it is trained."""

    labels = LongTextField(label="Labels and what they are about", required=False)
    rejected_share = forms.FloatField(
        label="Rejected although right (%)",
        min_value=0,
        max_value=50,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        help_text="More of it finds more rows that fit no label.",
    )


def labels_of(text: str) -> list[dict[str, str]]:
    """Return labels as lines name them: name, colon, description."""
    found = []
    for line in text.splitlines():
        name, _, description = line.partition(":")
        if name.strip():
            found.append({"name": name.strip(), "description": description.strip()})
    return found


def lines_of(labels: list[dict[str, str]]) -> str:
    """Return labels as lines; the inverse of `labels_of`."""
    return "\n".join(
        f"{one['name']}: {one['description']}" if one.get("description") else one["name"]
        for one in labels
    )
