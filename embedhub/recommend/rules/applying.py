"""Rules applied to a ranked list; pure, the same for the same seed.

Two steps, so that diversity can stand between them: `adjust` changes scores (boost, bury), `place`
fills the places one by one (pin, at_least, explore, else the best, under the caps). The first n
places of a longer list are the list of n, so that pages fit together.
"""

import math
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from embedhub.recommend.candidates import Candidate
from embedhub.recommend.rules.caps import Cap
from embedhub.recommend.rules.effects import Effect, Effects, Matches
from embedhub.recommend.rules.rule import Action, Rule, Rules

# What is due at a place must not hang on how a float rounds: 0.29 * 100 is below 29.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Placed:
    """A candidate at its place; its score holds what `effects` added."""

    candidate: Candidate
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Placing:
    """A list under rules.

    `held_back` says of items that are not in it which cap kept them out; `unmet` are the rules of a
    share that had not enough items, by number.
    """

    placed: tuple[Placed, ...]
    held_back: Mapping[int, Effect] = field(default_factory=dict)
    unmet: tuple[int, ...] = ()


def apply(
    ranked: Sequence[Candidate],
    rules: Rules,
    k: int,
    rng: random.Random,
    matches: Matches | None = None,
) -> Placing:
    """Return the first k places of a ranked list under rules."""
    adjusted, effects = adjust(ranked, rules, matches or {})
    return place(adjusted, rules, k, rng, matches=matches, effects=effects)


def adjust(
    ranked: Sequence[Candidate], rules: Rules, matches: Matches
) -> tuple[list[Candidate], dict[int, tuple[Effect, ...]]]:
    """Return the candidates by the score that boosts and buries leave them, and what these did.

    Each reads the score as it was, so their order does not matter and what they add adds up. A
    factor moves by (factor - 1) · |score|: scores may be below zero, where a product would turn.
    """
    effects: dict[int, tuple[Effect, ...]] = {}
    active = rules.of(Action.BOOST, Action.BURY)
    if not active:
        return list(ranked), effects
    changed = []
    for candidate in ranked:
        found = tuple(
            Effect(rule.number, rule.action, _change_words(rule), _change(rule, candidate.score))
            for rule in active
            if candidate.item_id in matches.get(rule.number, ())
        )
        if found:
            effects[candidate.item_id] = found
            score = candidate.score + sum(effect.amount for effect in found)
            candidate = replace(candidate, score=score)  # noqa: PLW2901
        changed.append(candidate)
    return sorted(changed, key=lambda one: -one.score), effects


def place(
    ordered: Sequence[Candidate],
    rules: Rules,
    k: int,
    rng: random.Random,
    *,
    matches: Matches | None = None,
    effects: Effects | None = None,
) -> Placing:
    """Return the first k places: pins at theirs, the others in the order given, under the caps.

    Pins stand wherever a cap or a share would have another item. A cap is never broken: with
    nothing left that it permits the list ends. A share is met as far as there are items.
    """
    filling = _Filling(ordered, rules, matches or {}, rng)
    placed = []
    for position in range(1, k + 1):
        found = filling.next(position)
        if found is None:
            break
        candidate, moved = found
        own = (effects or {}).get(candidate.item_id, ())
        placed.append(Placed(candidate, (*own, *moved)))
    return Placing(tuple(placed), filling.held_back(), filling.unmet(len(placed)))


class _Filling:
    """The state of filling places: who is left, what is placed, what is due."""

    def __init__(
        self, ordered: Sequence[Candidate], rules: Rules, matches: Matches, rng: random.Random
    ) -> None:
        self._matches, self._rng = matches, rng
        pins = sorted(rules.of(Action.PIN), key=lambda rule: rule.position)
        by_name = {candidate.external_id: candidate for candidate in ordered}
        self._pins = deque((rule, by_name[rule.item]) for rule in pins if rule.item in by_name)
        waiting = {candidate.item_id for _, candidate in self._pins}
        self._left = {c.item_id: c for c in ordered if c.item_id not in waiting}
        self._caps = [Cap(rule, matches) for rule in rules.of(Action.CAP)]
        self._shares = rules.of(Action.AT_LEAST)
        self._n_shared = {rule.number: 0 for rule in self._shares}
        # One start for each: every place has the same chance, every stretch its share.
        self._explorers = [(rule, rng.random()) for rule in rules.of(Action.EXPLORE)]
        self._n_explored = {rule.number: 0 for rule, _ in self._explorers}
        self._held: dict[int, Effect] = {}

    def next(self, position: int) -> tuple[Candidate, tuple[Effect, ...]] | None:
        """Return who stands at a place and why, None if nobody may."""
        if self._pins and self._pins[0][0].position <= position:
            return self._take_pin(position)
        found = self._due(position) or self._explored(position) or self._best(position)
        if found is None:
            # Rather a pin too early than no list up to it.
            return self._take_pin(position) if self._pins else None
        candidate, effect = found
        del self._left[candidate.item_id]
        held = self._held.pop(candidate.item_id, None)
        self._count(candidate, position)
        return candidate, tuple(one for one in (effect, held) if one is not None)

    def held_back(self) -> dict[int, Effect]:
        """Return what kept each item out that a cap kept out."""
        return dict(self._held)

    def unmet(self, n_placed: int) -> tuple[int, ...]:
        """Return the rules of a share that the places do not reach."""
        return tuple(
            rule.number
            for rule in self._shares
            if self._n_shared[rule.number] < _floor(rule.share * n_placed)
        )

    def _take_pin(self, position: int) -> tuple[Candidate, tuple[Effect, ...]]:
        rule, candidate = self._pins.popleft()
        self._count(candidate, position)
        return candidate, (Effect(rule.number, Action.PIN, f"pinned to place {rule.position}"),)

    def _due(self, position: int) -> tuple[Candidate, Effect | None] | None:
        """Return the best item of those that the most unmet shares want."""
        due = [
            rule
            for rule in self._shares
            if self._n_shared[rule.number] < _floor(rule.share * position)
        ]
        if not due:
            return None
        chosen, wanted, n_wanted = None, due[0], 0
        for candidate in self._permitted(position):
            by = [rule for rule in due if self._is_match(rule, candidate)]
            if len(by) > n_wanted:
                chosen, wanted, n_wanted = candidate, by[0], len(by)
            if n_wanted == len(due):
                break
        if chosen is None:
            return None
        best = next(self._permitted(position))
        text = f"moved up: at least {_percent(wanted.share)} of the places"
        effect = Effect(wanted.number, Action.AT_LEAST, text)
        return chosen, None if chosen is best else effect

    def _explored(self, position: int) -> tuple[Candidate, Effect | None] | None:
        for rule, start in self._explorers:
            if self._n_explored[rule.number] >= _floor(rule.share * position + start):
                continue
            pool = []
            for candidate in self._permitted(position):
                if self._may_explore(rule, candidate):
                    pool.append(candidate)
                if len(pool) == rule.depth:
                    break
            if pool:
                self._n_explored[rule.number] += 1
                drawn = pool[self._rng.randrange(len(pool))]
                text = f"drawn at random: {_percent(rule.share)} of the places explore"
                return drawn, Effect(rule.number, Action.EXPLORE, text)
        return None

    def _best(self, position: int) -> tuple[Candidate, Effect | None] | None:
        found = next(self._permitted(position), None)
        return None if found is None else (found, None)

    def _permitted(self, position: int) -> Iterator[Candidate]:
        """Yield who is left and kept out by no cap, in order; remember who is kept out."""
        for candidate in self._left.values():
            cap = next((cap for cap in self._caps if cap.is_full(candidate, position)), None)
            if cap is None:
                yield candidate
            else:
                self._held[candidate.item_id] = cap.effect

    def _may_explore(self, rule: Rule, candidate: Candidate) -> bool:
        if rule.max_events is not None and candidate.n_events > rule.max_events:
            return False
        return rule.match.is_everything or self._is_match(rule, candidate)

    def _is_match(self, rule: Rule, candidate: Candidate) -> bool:
        return candidate.item_id in self._matches.get(rule.number, ())

    def _count(self, candidate: Candidate, position: int) -> None:
        for cap in self._caps:
            cap.count(candidate, position)
        for rule in self._shares:
            self._n_shared[rule.number] += self._is_match(rule, candidate)


def _change(rule: Rule, score: float) -> float:
    if rule.factor is not None:
        return (rule.factor - 1.0) * abs(score)
    amount = rule.amount or 0.0
    return amount if rule.action is Action.BOOST else -amount


def _change_words(rule: Rule) -> str:
    done = "boosted" if rule.action is Action.BOOST else "buried"
    if rule.factor is not None:
        return f"{done} by factor {rule.factor:g}"
    return f"{done} by {rule.amount:g}"


def _floor(value: float) -> int:
    return math.floor(value + ROUNDING)


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
