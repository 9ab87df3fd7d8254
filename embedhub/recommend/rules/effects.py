"""What rules did with an item, and which items they are about; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from embedhub.recommend.rules.rule import Action

# of rules by number: ids of the items that match
Matches = Mapping[int, frozenset[int]]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a rule did with an item: `amount` is what it adds to the score, 0 where it moves it."""

    rule: int
    action: Action
    text: str
    amount: float = 0.0


Effects = Mapping[int, tuple[Effect, ...]]
