"""What is asked of a catalog, and whether it can be: every refusal names the field."""

import math
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from embedhub.access.service import check_slug
from embedhub.catalog.template import check_template
from embedhub.errors import InvalidInput
from embedhub.search.attributes import check_filterable

MAX_NAME_CHARS = 200
MAX_TYPES = 100
MAX_FILTERABLE = 100
MAX_WEIGHT = 1_000.0
TYPE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
TYPE_RULE = "1 to 63 lower-case letters, digits, - and _"
# Of a catalog that says nothing itself. What is unwelcome weighs less than nothing.
DEFAULT_WEIGHTS = MappingProxyType(
    {
        "view": 1.0,
        "click": 1.0,
        "rating": 1.0,
        "cart": 2.0,
        "like": 3.0,
        "purchase": 4.0,
        "skip": -0.5,
        "dislike": -3.0,
        "return": -4.0,
    }
)


class Unknown(StrEnum):
    """What becomes of an interaction whose user, or item, was never sent."""

    CREATE = "create"  # the user or item is added, empty
    HOLD = "hold"  # the interaction is kept, and counts once it was sent
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class CatalogInput:
    """A catalog as asked for; None means the default."""

    slug: str
    name: str | None = None
    content_template: str | None = None
    interaction_weights: Mapping[str, float] | None = None
    filterable: Mapping[str, str] | None = None
    unknown_users: Unknown = Unknown.CREATE
    unknown_items: Unknown = Unknown.HOLD


@dataclass(frozen=True, slots=True)
class CatalogChanges:
    """What to change of a catalog; None leaves it as it is.

    `interaction_weights` replaces all: a type left out weighs nothing and is refused from then on.
    `filterable` replaces all, too.
    """

    name: str | None = None
    content_template: str | None = None
    interaction_weights: Mapping[str, float] | None = None
    filterable: Mapping[str, str] | None = None
    unknown_users: Unknown | None = None
    unknown_items: Unknown | None = None


def refuse_fixed(changed: Container[str]) -> None:
    """Raise InvalidInput if the slug is to change, which clients know the catalog by."""
    if "slug" in changed:
        raise InvalidInput("cannot be changed", "slug")


def checked_columns(wanted: CatalogInput | CatalogChanges) -> dict[str, Any]:
    """Return the columns that are asked for; raises InvalidInput naming the part."""
    columns: dict[str, Any] = {}
    if isinstance(wanted, CatalogInput):
        check_slug(wanted.slug)
        columns = {"slug": wanted.slug, "interaction_weights": dict(DEFAULT_WEIGHTS)}
    if wanted.name is not None:
        if not 0 < len(wanted.name) <= MAX_NAME_CHARS or "\x00" in wanted.name:
            raise InvalidInput(f"must have 1 to {MAX_NAME_CHARS} characters", "name")
        columns["name"] = wanted.name
    if wanted.content_template is not None:
        check_template(wanted.content_template)
        columns["content_template"] = wanted.content_template
    if wanted.interaction_weights is not None:
        columns["interaction_weights"] = check_weights(wanted.interaction_weights)
    if wanted.filterable is not None:
        if len(wanted.filterable) > MAX_FILTERABLE:
            raise InvalidInput(f"at most {MAX_FILTERABLE} fields", "filterable")
        columns["filterable"] = check_filterable(wanted.filterable)
    for name in ("unknown_users", "unknown_items"):
        if (policy := getattr(wanted, name)) is not None:
            columns[name] = policy.value
    return columns


def check_weights(
    weights: Mapping[str, float], field: str = "interaction_weights"
) -> dict[str, float]:
    """Return the weight of each type of interaction; raises InvalidInput naming the part."""
    if not 0 < len(weights) <= MAX_TYPES:
        raise InvalidInput(f"must name 1 to {MAX_TYPES} types", field)
    checked = {}
    for name, weight in weights.items():
        if not TYPE.fullmatch(name):
            raise InvalidInput(f"{name!r} is no type: must be {TYPE_RULE}", field)
        # Before the comparison, which NaN would pass by failing it.
        if not math.isfinite(weight) or abs(weight) > MAX_WEIGHT:
            raise InvalidInput(
                f"must be a number from -{MAX_WEIGHT:g} to {MAX_WEIGHT:g}", f"{field}.{name}"
            )
        checked[name] = float(weight)
    return checked
