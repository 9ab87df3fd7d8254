"""Forms of rules: one for each kind, with fields that people fill in without any JSON."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from embedhub.console.pages.layout import LongTextField, PickField, TextField
from embedhub.console.pages.rule_values import plain_value, simple_condition
from embedhub.console.pages.rule_words import COMPARED
from embedhub.recommend.rules import rule

OPERATORS = [(operator, words) for operator, words in COMPARED.items()]
KINDS: Mapping[str, tuple[str, str]] = {
    "pin": ("Pin an item", "One item stands at one place of the list."),
    "boost": ("Boost items", "Some items score more, and so move up."),
    "bury": ("Bury items", "Some items score less, and so move down."),
    "cap": ("Limit items", "At most so many of a kind in a row of places."),
    "at_least": ("Guarantee items", "At least a share of the places for some items."),
    "explore": ("Explore", "A share of the places for items drawn at random, to learn of them."),
}
BY_FACTOR, BY_AMOUNT = "factor", "amount"


class Number(forms.FloatField):
    """A number, as the other fields look."""

    widget = TextField.widget


class Whole(forms.IntegerField):
    """A whole number, as the other fields look."""

    widget = TextField.widget


class RuleForm(forms.Form):
    """What every rule may say; `raw` is the rule as the service reads it."""

    action = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"] = LongTextField(
            required=False,
            max_length=rule.MAX_NOTE_CHARS,
            help_text="Why, for those who come after.",
        )

    def raw(self) -> dict[str, Any]:
        """Return the rule that the form describes; raises ValidationError with its field."""
        note = self.cleaned_data["note"].strip()
        return {"action": self.action, **self.own(), **({"note": note} if note else {})}

    def own(self) -> dict[str, Any]:
        """Return what this kind of rule says."""
        raise NotImplementedError

    @classmethod
    def initial_of(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that the form of a rule begins with."""
        return dict(raw)


class PinForm(RuleForm):
    """An item and its place."""

    action = "pin"
    item = TextField(help_text="Its external id, in full.")
    position = Whole(
        min_value=1, max_value=rule.MAX_POSITION, initial=1, label="Place", help_text="1: the top."
    )

    def own(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("item", "position")}


class WhichForm(RuleForm):
    """A rule about some items: by a field of theirs, by categories, or by a whole filter."""

    is_which_needed = True
    field = TextField(
        required=False, label="Items whose", help_text="An attribute, such as year or brand."
    )
    operator = PickField(choices=OPERATORS, required=False, label="compares as", initial="$eq")
    value = TextField(required=False, label="with", help_text="Such as 1996, Acme, yes.")
    categories = TextField(
        required=False,
        label="In one of the categories",
        help_text="Separated by commas; with an attribute both must hold.",
    )
    filter = TextField(
        required=False,
        label="Or by a filter of several conditions",
        help_text='As searches take it, such as {"year": {"$gte": 1990, "$lt": 2000}}; '
        "leave the attribute empty then.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"field", "of"} & set(self.fields):
            # The page's list of attributes that items have.
            self.fields[name].widget.attrs["list"] = "attributes"

    def which(self) -> dict[str, Any]:
        """Return which items the rule is about."""
        given, found = self.cleaned_data, dict[str, Any]()
        if given["filter"].strip() and given["field"].strip():
            raise forms.ValidationError({"filter": "Give an attribute or a filter, not both."})
        if given["filter"].strip():
            found["filter"] = _decoded(given["filter"])
        elif given["field"].strip():
            value = plain_value(given["value"])
            found["filter"] = {
                given["field"].strip(): value
                if given["operator"] in {"", "$eq"}
                else {given["operator"]: value}
            }
        if categories := [name.strip() for name in given["categories"].split(",") if name.strip()]:
            found["categories"] = categories
        if self.is_which_needed and not found:
            raise forms.ValidationError({"field": "Say which items: by attribute or category."})
        return found

    @classmethod
    def initial_of(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        values = {**raw, "categories": ", ".join(raw.get("categories") or ()), "filter": ""}
        simple = simple_condition(raw.get("filter") or {})
        if simple is not None:
            values |= simple
        elif raw.get("filter"):
            values["filter"] = json.dumps(raw["filter"], ensure_ascii=False)
        return values


class ChangeForm(WhichForm):
    """Boost or bury: by a factor of the score, or by an amount."""

    how = PickField(
        choices=[(BY_FACTOR, "times a factor"), (BY_AMOUNT, "by an amount")],
        label="Change the score",
        initial=BY_FACTOR,
    )
    size = Number(label="Factor or amount")
    field_order = ("field", "operator", "value", "categories", "filter", "how", "size")

    def own(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {**self.which(), given["how"]: given["size"]}

    @classmethod
    def initial_of(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        how = BY_AMOUNT if raw.get("amount") is not None else BY_FACTOR
        return {**super().initial_of(raw), "how": how, "size": raw.get(how)}


class BoostForm(ChangeForm):
    """More score."""

    action = "boost"
    size = Number(
        label="Factor or amount",
        initial=1.5,
        help_text="A factor above 1, such as 1.5; an amount is added: scores mostly lie between"
        " -2 and 5.",
    )


class BuryForm(ChangeForm):
    """Less score."""

    action = "bury"
    size = Number(
        label="Factor or amount",
        initial=0.5,
        help_text="A factor from 0 to 1, such as 0.5; an amount is taken away: scores mostly lie"
        " between -2 and 5.",
    )


class CapForm(WhichForm):
    """At most so many of each value, or of some items."""

    action = "cap"
    is_which_needed = False
    of = TextField(
        required=False,
        label="Of each",
        help_text="An attribute whose values are counted each, such as brand, or: categories."
        " Leave it empty to count the items below together.",
    )
    most = Whole(min_value=0, max_value=rule.MAX_WINDOW, initial=2, label="At most")
    window = Whole(
        min_value=1,
        max_value=rule.MAX_WINDOW,
        required=False,
        initial=rule.DEFAULT_WINDOW,
        label="In any so many places",
        help_text="Empty: in the whole list.",
    )
    field_order = ("of", "most", "window", "field", "operator", "value", "categories", "filter")

    def own(self) -> dict[str, Any]:
        given = self.cleaned_data
        of = {"field": given["of"].strip()} if given["of"].strip() else {}
        if not of and not self.which():
            raise forms.ValidationError(
                {"of": "Say of what: each value of an attribute, or items."}
            )
        return {**of, **self.which(), "most": given["most"], "window": given["window"]}

    @classmethod
    def initial_of(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        initial = super().initial_of({key: raw[key] for key in raw if key != "field"})
        return {**initial, "of": raw.get("field", ""), "window": raw.get("window", 10)}


class ShareField(Number):
    """A share that people give in percent."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0.01, max_value=100, label="Percent of the places", **options)


class AtLeastForm(WhichForm):
    """A share for some items."""

    action = "at_least"
    percent = ShareField(initial=20)
    field_order = ("percent", "field", "operator", "value", "categories", "filter")

    def own(self) -> dict[str, Any]:
        return {**self.which(), "share": self.cleaned_data["percent"] / 100}

    @classmethod
    def initial_of(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        return {**super().initial_of(raw), "percent": _percent(raw)}


class ExploreForm(WhichForm):
    """A share for items drawn at random."""

    action = "explore"
    is_which_needed = False
    percent = ShareField(initial=5)
    depth = Whole(
        min_value=1,
        max_value=rule.MAX_DEPTH,
        initial=rule.DEFAULT_DEPTH,
        label="Drawn from the best",
        help_text="So many items that would come next.",
    )
    max_events = Whole(
        min_value=0,
        required=False,
        label="Only items with at most so many interactions",
        help_text="Such as 5, for new items; empty: any.",
    )
    field_order = ("percent", "depth", "max_events", "field", "operator", "value", "categories")

    def own(self) -> dict[str, Any]:
        given = self.cleaned_data
        few = {} if given["max_events"] is None else {"max_events": given["max_events"]}
        return {**self.which(), "share": given["percent"] / 100, "depth": given["depth"], **few}

    @classmethod
    def initial_of(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        return {**super().initial_of(raw), "percent": _percent(raw)}


FORMS: Mapping[str, type[RuleForm]] = {
    form.action: form for form in (PinForm, BoostForm, BuryForm, CapForm, AtLeastForm, ExploreForm)
}


def _percent(raw: Mapping[str, Any]) -> float | None:
    return round(100 * raw["share"], 4) if "share" in raw else None


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise forms.ValidationError({"filter": f"This is no JSON: {error}"}) from error
