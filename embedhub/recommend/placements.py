"""What holds for one list: the rules of its placement and the variant of who gets it.

A seam: whoever makes lists asks `decide` in the transaction it reads in, `matches` for the items it
scored, and applies the rules by `rules.applying`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from embedhub.errors import HubError, InvalidInput
from embedhub.recommend.experiments.variant import (
    HOLDOUT,
    NO_CHANGES,
    Variant,
    assign,
    readable,
)
from embedhub.recommend.queries import placements as queries
from embedhub.recommend.rules.effects import Matches
from embedhub.recommend.rules.rule import Rule, Rules, read_rule, read_rules
from embedhub.tables import Catalog


@dataclass(frozen=True, slots=True)
class Decision:
    """How a list is made.

    `variant` is "" outside of experiments. `request` are fields of the RecommendationRequest to
    replace, `version` the number of the recommender that answers (None: the live one). `broken`
    says of stored rules that cannot be used any more why; the others hold.
    """

    rules: Rules = field(default_factory=Rules)
    variant: str = ""
    request: Mapping[str, Any] = field(default_factory=lambda: NO_CHANGES)
    version: int | None = None
    broken: tuple[str, ...] = ()


NOTHING = Decision()


def decide(
    session: Session,
    catalog: Catalog,
    placement: str,
    *,
    subject: str | None = None,
    variant: str | None = None,
) -> Decision:
    """Return how a list of a placement is made for a person.

    `subject` is the user's external id, or what else stays the same for one visitor; without it
    nobody takes part in an experiment. `variant` forces one of the running experiment; raises
    InvalidInput naming it if there is none of the name.
    """
    found = queries.find_holding(session, catalog_id=catalog.id, name=placement)
    chosen = _chosen(found, catalog, subject, variant)
    broken: tuple[str, ...] = ()
    if chosen is not None and chosen.rules is not None:
        rules = chosen.rules
    else:
        rules, broken = stored_rules(found.rules, catalog.filterable)
    if chosen is None:
        return Decision(rules, broken=broken)
    return Decision(rules, chosen.name, chosen.request, chosen.version, broken)


def matches(session: Session, catalog: Catalog, rules: Rules, item_ids: Collection[int]) -> Matches:
    """Return of each rule that says which items: those of `item_ids` that match, by its number."""
    asked = rules.matched
    if not asked or not item_ids:
        return {}
    return queries.matching(
        session,
        workspace_id=catalog.workspace_id,
        catalog_id=catalog.id,
        of={rule.number: rule.match for rule in asked},
        item_ids=sorted(item_ids),
    )


def stored_rules(
    raw: Sequence[Mapping[str, Any]], filterable: Mapping[str, str]
) -> tuple[Rules, tuple[str, ...]]:
    """Return stored rules, and of those that cannot be used any more why."""
    try:
        return read_rules(raw, filterable), ()
    except HubError:
        pass
    kept: list[Rule] = []
    broken: list[str] = []
    for number, given in enumerate(raw):
        try:
            rule = read_rule(given, number, filterable, f"rules.{number}")
        except HubError as error:
            broken.append(str(error))
        else:
            kept += [rule] if given.get("is_on", True) else []
    return Rules(tuple(kept)), tuple(broken)


def _chosen(
    found: queries.Holding, catalog: Catalog, subject: str | None, forced: str | None
) -> Variant | None:
    variants = None
    if found.experiment_id is not None:
        variants = readable(found.variants, catalog.filterable)
    if forced is not None:
        named = next((one for one in variants or () if one.name == forced), None)
        if named is None and forced != HOLDOUT:
            raise InvalidInput("is no variant of an experiment that runs here", "variant")
        return named or Variant(HOLDOUT, rules=Rules())
    if variants is None or subject is None or found.experiment_id is None:
        return None
    return assign(
        variants,
        experiment_id=found.experiment_id,
        catalog_id=catalog.id,
        holdout_share=found.holdout_share,
        subject=subject,
    )
