"""What filters see of an item, and which items may be shown at a moment; pure."""

from datetime import UTC, datetime
from typing import Any

from embedhub.catalog.inputs import ItemInput
from embedhub.search.attributes import normalise_attributes
from embedhub.search.conditions import Condition, Not, Test, all_of
from embedhub.search.filters import Filter
from embedhub.tables import Item

# Fields of a filter beside the attributes, under these names.
CATEGORIES, LABELS = "categories", "labels"
# No filter of a caller's can name these: $ begins an operator.
HIDDEN, FROM, UNTIL = "$hidden", "$from", "$until"


def index_attributes(item: ItemInput | Item, filterable: dict[str, str]) -> dict[str, Any]:
    """Return what the index rows of an item hold for filters.

    Its attributes as those of documents, categories and labels as lists, and when it may be shown.
    """
    found = {
        name: value
        for name, value in normalise_attributes(item.attributes, filterable).items()
        if not name.startswith("$")
    }
    for name, words in ((CATEGORIES, item.categories), (LABELS, item.labels)):
        if words:
            own = found.get(name, [])
            found[name] = [*(own if isinstance(own, list) else [own]), *words]
    if item.is_hidden:
        found[HIDDEN] = True
    for name, moment in ((FROM, item.available_from), (UNTIL, item.available_until)):
        if moment is not None:
            found[name] = moment.timestamp()
    return found


def shown_at(moment: datetime) -> Condition:
    """Return the condition of index rows whose items are neither hidden nor out of their time."""
    at = repr(moment.astimezone(UTC).timestamp())
    return all_of(
        [
            Not(Test(f'exists($."{HIDDEN}")')),
            Not(Test(f'exists($."{FROM}" ? (@ > {at}))')),
            Not(Test(f'exists($."{UNTIL}" ? (@ <= {at}))')),
        ]
    )


def only_shown(wanted: Filter, moment: datetime) -> Filter:
    """Return a filter that lets pass what it did, of items that may be shown at this moment."""
    shown = shown_at(moment)
    return Filter(shown if wanted.condition is None else all_of([wanted.condition, shown]))
