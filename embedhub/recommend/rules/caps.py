"""Caps of a list: how often each value may stand in places one after the other; pure."""

from collections import deque
from collections.abc import Sequence

from embedhub.recommend.candidates import Candidate
from embedhub.recommend.rules.effects import Effect, Matches
from embedhub.recommend.rules.rule import CATEGORIES, Action, Rule


class Cap:
    """How often each value of a cap stands in the places that count."""

    def __init__(self, rule: Rule, matches: Matches) -> None:
        self._rule = rule
        self._matching = matches.get(rule.number, frozenset())
        self._places: dict[object, deque[int]] = {}
        of = f" of each {rule.field}" if rule.field else " of these items"
        within = f" in {rule.window} places" if rule.window else ""
        text = f"moved down: at most {rule.most}{of}{within}"
        self.effect = Effect(rule.number, Action.CAP, text)

    def is_full(self, candidate: Candidate, position: int) -> bool:
        """Say whether one of the candidate's values stands there as often as it may."""
        return any(
            self._n_within(value, position) >= self._rule.most for value in self._of(candidate)
        )

    def count(self, candidate: Candidate, position: int) -> None:
        """Remember where the candidate's values stand."""
        for value in self._of(candidate):
            self._places.setdefault(value, deque()).append(position)

    def _n_within(self, value: object, position: int) -> int:
        places = self._places.get(value)
        if places is None:
            return 0
        if self._rule.window is not None:
            while places and places[0] <= position - self._rule.window:
                places.popleft()
        return len(places)

    def _of(self, candidate: Candidate) -> Sequence[object]:
        """Return the values that are counted; an item without any is never kept out."""
        name = self._rule.field
        if name is None:
            return (True,) if candidate.item_id in self._matching else ()
        if name == CATEGORIES:
            return candidate.categories
        value = candidate.attributes.get(name)
        found = value if isinstance(value, list | tuple) else (value,)
        return [one for one in found if one is not None]
