"""A rule of the house, read strictly from JSON: every refusal names the path of what is wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from embedhub.config import get_config
from embedhub.documents.inputs import MAX_EXTERNAL_ID_CHARS
from embedhub.errors import InvalidInput, TooLarge
from embedhub.search.filters import Filter, parse_filter
from embedhub.search.ranking import values

MAX_POSITION = 1_000
MAX_WINDOW = 1_000
MAX_FACTOR = 100.0
MAX_AMOUNT = 100.0
MAX_DEPTH = 1_000
MAX_NOTE_CHARS = 500
MAX_NAME_CHARS = 256
MAX_CATEGORIES = 100
DEFAULT_WINDOW = 10
DEFAULT_DEPTH = 100
# as a `field` of caps: the categories themselves instead of an attribute
CATEGORIES = "categories"
# what every rule may say besides what its action needs
OF_ALL = ("action", "is_on", "note")


class Action(StrEnum):
    """What a rule does."""

    PIN = "pin"  # one item stands at one place
    BOOST = "boost"  # items that match score more
    BURY = "bury"  # items that match score less
    CAP = "cap"  # at most so many of a value, or of what matches, in a row of places
    AT_LEAST = "at_least"  # at least this share of the places for what matches
    EXPLORE = "explore"  # this share of the places for items drawn at random


@dataclass(frozen=True, slots=True)
class Match:
    """Which items a rule is about: those of a filter, and of one of the categories if any."""

    filter: Filter = field(default_factory=Filter)
    categories: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether every item matches."""
        return self.filter.condition is None and not self.categories


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; what its action does not need is as by default.

    `number` is its place among the placement's rules, from 0. `factor` and `amount` are of boost
    and bury, one of them given; `most` and `window` of cap, on the values of `field` or on what
    matches; `share` of at_least and explore; `depth` and `max_events` of explore.
    """

    number: int
    action: Action
    match: Match = field(default_factory=Match)
    item: str = ""
    position: int = 0
    factor: float | None = None
    amount: float | None = None
    field: str | None = None
    most: int = 0
    window: int | None = DEFAULT_WINDOW
    share: float = 0.0
    depth: int = DEFAULT_DEPTH
    max_events: int | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a placement that are switched on, in their order."""

    rules: tuple[Rule, ...] = ()

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self.rules)

    def of(self, *actions: Action) -> list[Rule]:
        """Return the rules that do one of these."""
        return [rule for rule in self.rules if rule.action in actions]

    @property
    def pinned(self) -> tuple[str, ...]:
        """The items that pins name, which are candidates wherever they are permitted."""
        return tuple(dict.fromkeys(rule.item for rule in self.of(Action.PIN)))

    @property
    def matched(self) -> list[Rule]:
        """The rules that have to know which items match."""
        return [rule for rule in self.rules if not rule.match.is_everything]

    @property
    def wanted(self) -> list[Rule]:
        """The rules that want items which a search for the best may not find."""
        return [rule for rule in self.of(Action.BOOST, Action.AT_LEAST, Action.EXPLORE)
                if not rule.match.is_everything]  # fmt: skip


def read_rules(raw: object, filterable: Mapping[str, str], path: str = "rules") -> Rules:
    """Return the rules that are switched on; all are checked.

    Raises InvalidInput or TooLarge naming the path, such as rules.2.filter.year.$gte.
    """
    listed = values.listed(raw, path)
    limit = get_config().max_placement_rules
    if len(listed) > limit:
        raise TooLarge(f"{len(listed)} rules; a placement has at most {limit}", path)
    rules = []
    places: dict[tuple[str, object], int] = {}
    for number, given in enumerate(listed):
        rule = read_rule(given, number, filterable, f"{path}.{number}")
        if not given.get("is_on", True):
            continue
        if rule.action is Action.PIN:
            _refuse_second(places, rule, f"{path}.{number}")
        rules.append(rule)
    return Rules(tuple(rules))


def _refuse_second(places: dict[tuple[str, object], int], rule: Rule, path: str) -> None:
    """Raise InvalidInput for a second pin of one item, or at one place: which holds is unsaid."""
    for name, value in (("item", rule.item), ("position", rule.position)):
        first = places.setdefault((name, value), rule.number)
        if first != rule.number:
            raise InvalidInput(f"rule {first + 1} pins the same {name}", f"{path}.{name}")


def read_rule(raw: object, number: int, filterable: Mapping[str, str], path: str) -> Rule:
    """Return one rule, whether it is switched on or not; raises InvalidInput or TooLarge."""
    given = values.mapping(raw, path)
    try:
        action = Action(str(given.get("action")))
    except ValueError:
        known = ", ".join(Action)
        raise InvalidInput(f"must be one of {known}", f"{path}.action") from None
    if not isinstance(given.get("is_on", True), bool):
        raise InvalidInput("must be true or false", f"{path}.is_on")
    if given.get("note"):
        values.text(given["note"], f"{path}.note", MAX_NOTE_CHARS)
    read, known_keys = READERS[action]
    values.known_keys(given, (*OF_ALL, *known_keys), path)
    rule: Rule = read(_Given(given, number, action, filterable, path))
    return rule


@dataclass(frozen=True, slots=True)
class _Given:
    """A rule as sent, with where it stands."""

    of: Mapping[str, Any]
    number: int
    action: Action
    filterable: Mapping[str, str]
    path: str

    def at(self, name: str) -> str:
        return f"{self.path}.{name}"

    def rule(self, **parts: Any) -> Rule:
        return Rule(self.number, self.action, **parts)

    def whole(self, name: str, lowest: int, highest: int, default: int | None = None) -> int:
        value = self.of.get(name)
        if value is None and default is not None:
            return default
        return values.whole_number(value, self.at(name), lowest, highest)

    def share(self) -> float:
        return values.number(self.of.get("share"), self.at("share"), above=0, highest=1)

    def match(self, *, is_needed: bool) -> Match:
        categories = self.of.get("categories")
        match = Match(
            parse_filter(self.of.get("filter"), self.filterable, self.at("filter")),
            () if categories is None else self.words(categories, "categories"),
        )
        if is_needed and match.is_everything:
            raise InvalidInput("say which items: a filter, categories, or both", self.at("filter"))
        return match

    def words(self, value: object, name: str) -> tuple[str, ...]:
        listed: Sequence[Any] = values.listed(value, self.at(name))
        if not 0 < len(listed) <= MAX_CATEGORIES:
            raise InvalidInput(f"must name 1 to {MAX_CATEGORIES}", self.at(name))
        return tuple(
            values.text(word, f"{self.at(name)}.{place}", MAX_NAME_CHARS)
            for place, word in enumerate(listed)
        )


def _pin(given: _Given) -> Rule:
    return given.rule(
        item=values.text(given.of.get("item"), given.at("item"), MAX_EXTERNAL_ID_CHARS),
        position=given.whole("position", 1, MAX_POSITION),
    )


def _boost(given: _Given) -> Rule:
    """Return a boost or a bury: the score times a factor, or plus an amount."""
    factor, amount = given.of.get("factor"), given.of.get("amount")
    if (factor is None) == (amount is None):
        raise InvalidInput("give either a factor or an amount", given.at("factor"))
    is_boost = given.action is Action.BOOST
    if factor is not None:
        bounds = {"above": 1, "highest": MAX_FACTOR} if is_boost else {"lowest": 0, "highest": 1}
        factor = values.number(factor, given.at("factor"), **bounds)
    if amount is not None:
        # Both amounts are said as what they are, more or less: a bury's is taken away.
        amount = values.number(amount, given.at("amount"), above=0, highest=MAX_AMOUNT)
    return given.rule(match=given.match(is_needed=True), factor=factor, amount=amount)


def _cap(given: _Given) -> Rule:
    name = given.of.get("field")
    if name is not None:
        name = values.text(name, given.at("field"), MAX_NAME_CHARS)
    match = given.match(is_needed=False)
    if (name is None) == match.is_everything:
        raise InvalidInput(
            "say either a field, whose values are counted each, or which items", given.at("field")
        )
    window: int | None = None
    if "window" not in given.of or given.of["window"] is not None:
        window = given.whole("window", 1, MAX_WINDOW, DEFAULT_WINDOW)
    return given.rule(
        match=match, field=name, window=window, most=given.whole("most", 0, MAX_WINDOW)
    )


def _at_least(given: _Given) -> Rule:
    return given.rule(match=given.match(is_needed=True), share=given.share())


def _explore(given: _Given) -> Rule:
    max_events = given.of.get("max_events")
    if max_events is not None:
        max_events = given.whole("max_events", 0, 10**9)
    return given.rule(
        match=given.match(is_needed=False),
        share=given.share(),
        depth=given.whole("depth", 1, MAX_DEPTH, DEFAULT_DEPTH),
        max_events=max_events,
    )


READERS: Mapping[Action, tuple[Callable[[_Given], Rule], tuple[str, ...]]] = {
    Action.PIN: (_pin, ("item", "position")),
    Action.BOOST: (_boost, ("filter", "categories", "factor", "amount")),
    Action.BURY: (_boost, ("filter", "categories", "factor", "amount")),
    Action.CAP: (_cap, ("field", "filter", "categories", "most", "window")),
    Action.AT_LEAST: (_at_least, ("filter", "categories", "share")),
    Action.EXPLORE: (_explore, ("filter", "categories", "share", "depth", "max_events")),
}
