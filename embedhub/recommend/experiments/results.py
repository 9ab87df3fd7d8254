"""How often what was shown was clicked: what a caller may rely on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.service import find_catalog
from embedhub.config import get_config
from embedhub.errors import Conflict, InvalidInput
from embedhub.recommend.experiments.service import Status, find
from embedhub.recommend.experiments.variant import HOLDOUT
from embedhub.recommend.queries import clicks as queries
from embedhub.recommend.queries.clicks import RateRow
from embedhub.tables import Catalog, Experiment

DEFAULT_DAYS = 30
MAX_TYPES = 100
UNITS = ("items", "lists", "people")


class Verdict(StrEnum):
    """What the people of a variant say about it, against those of the first one."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"  # the interval of the difference holds 0
    NOBODY = "nobody"  # one of the two was shown to no known user
    COMPARED = "compared"  # it is the first one


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of `n` were clicked, and the 95 % interval of the rate; None of nothing."""

    n: int = 0
    clicked: int = 0
    rate: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A rate less that of the first variant, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ClickRates:
    """Click rates of one variant in one placement: of items, of lists and of people."""

    placement: str
    variant: str
    items: Rate
    lists: Rate
    people: Rate


@dataclass(frozen=True, slots=True)
class VariantResult:
    """Click rates of a variant of an experiment, and how they differ from the first one's."""

    variant: str
    items: Rate
    lists: Rate
    people: Rate
    items_difference: Difference | None
    lists_difference: Difference | None
    people_difference: Difference | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ExperimentResults:
    """What came of an experiment so far; variants in their order, who is held out last."""

    experiment: str
    status: Status
    since: datetime
    until: datetime
    types: list[str]
    variants: list[VariantResult]


@dataclass(frozen=True, slots=True)
class Clicks:
    """Click rates by placement and variant; "" is a list without placement or experiment."""

    since: datetime
    until: datetime
    types: list[str]
    items: list[ClickRates]


def click_rates(
    caller: Caller,
    slug: str,
    *,
    placement: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    types: Sequence[str] | None = None,
) -> Clicks:
    """Return click rates of what was shown from `since` to `until`, the last 30 days by default.

    `types` are the interactions that count as clicks: by default all that weigh more than 0.
    """
    caller.require("read")
    end = _moment(until, "until") or datetime.now(UTC)
    start = _moment(since, "since") or end - timedelta(days=DEFAULT_DAYS)
    if start >= end:
        raise InvalidInput("must lie before until", "since")
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        counted = counted_types(catalog, types)
        rows = _rates(session, catalog, start, end, counted, placement=placement)
    grouped: dict[tuple[str, str], dict[str, RateRow]] = {}
    for row in rows:
        grouped.setdefault((row.placement, row.variant), {})[row.unit] = row
    found = [
        ClickRates(name, variant, *(_rate(units.get(unit)) for unit in UNITS))
        for (name, variant), units in grouped.items()
    ]
    return Clicks(start, end, counted, found)


def experiment_results(
    caller: Caller, slug: str, name: str, *, types: Sequence[str] | None = None
) -> ExperimentResults:
    """Return what came of an experiment so far; Conflict for one that was never started."""
    caller.require("read")
    with db.reading() as session:
        catalog = find_catalog(session, caller, slug)
        experiment = find(session, catalog, name)
        if experiment.started_at is None:
            raise Conflict("it was not started: nothing was shown yet")
        until = experiment.stopped_at or datetime.now(UTC)
        counted = counted_types(catalog, types)
        names = names_of(experiment)
        rows = _rates(
            session,
            catalog,
            experiment.started_at,
            until,
            counted,
            placement=experiment.placement,
            variants=names,
            compared=names[0],
        )
    by_place = {(row.variant, row.unit): row for row in rows}
    results = [_result(variant, names[0], by_place) for variant in names]
    status = Status(experiment.status)
    return ExperimentResults(name, status, experiment.started_at, until, counted, results)


def names_of(experiment: Experiment) -> list[str]:
    """Return the variants of an experiment by name, and who is held out."""
    names = [str(variant["name"]) for variant in experiment.variants]
    return [*names, HOLDOUT] if experiment.holdout_share else names


def counted_types(catalog: Catalog, types: Sequence[str] | None) -> list[str]:
    """Return the types of interactions that count as clicks; raises InvalidInput."""
    if types is None:
        return sorted(name for name, weight in catalog.interaction_weights.items() if weight > 0)
    if not 0 < len(types) <= MAX_TYPES:
        raise InvalidInput(f"must name 1 to {MAX_TYPES} types", "types")
    for place, name in enumerate(types):
        if name not in catalog.interaction_weights:
            raise InvalidInput("must be a type that the catalog weighs", f"types.{place}")
    return sorted(set(types))


def _rates(
    session: Session,
    catalog: Catalog,
    since: datetime,
    until: datetime,
    types: Sequence[str],
    **asked: object,
) -> list[RateRow]:
    within = timedelta(hours=get_config().click_window_hours)
    return queries.rates(
        session,
        workspace_id=catalog.workspace_id,
        catalog_id=catalog.id,
        since=since,
        until=until,
        types=types,
        within=within,
        **asked,  # type: ignore[arg-type]
    )


def _result(variant: str, compared: str, rows: Mapping[tuple[str, str], RateRow]) -> VariantResult:
    items, lists, people = (rows.get((variant, unit)) for unit in UNITS)
    difference = _difference(people)
    if variant == compared:
        verdict = Verdict.COMPARED
    elif difference is None:
        verdict = Verdict.NOBODY
    else:
        verdict = _verdict(difference)
    return VariantResult(
        variant=variant,
        items=_rate(items),
        lists=_rate(lists),
        people=_rate(people),
        items_difference=_difference(items),
        lists_difference=_difference(lists),
        people_difference=difference,
        verdict=verdict,
    )


def _verdict(people: Difference) -> Verdict:
    if people.low > 0:
        return Verdict.BETTER
    return Verdict.WORSE if people.high < 0 else Verdict.UNDECIDED


def _rate(row: RateRow | None) -> Rate:
    return Rate() if row is None else Rate(row.n, row.clicked, row.rate, row.low, row.high)


def _difference(row: RateRow | None) -> Difference | None:
    if row is None or row.difference is None:
        return None
    return Difference(row.difference, row.difference_low or 0.0, row.difference_high or 0.0)


def _moment(value: datetime | None, field: str) -> datetime | None:
    if value is not None and value.tzinfo is None:
        raise InvalidInput("needs a time zone, such as Z", field)
    return value
