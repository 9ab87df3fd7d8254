"""How duplicates are looked for: as people set it, and as it is stored; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from embedhub.duplicates.canonical import Policy
from embedhub.duplicates.clustering import MAX_MEMBERS
from embedhub.errors import InvalidInput

# Chosen on the pairs that the weights were learned on: see docs/decisions/duplicates.md.
AUTOMATIC = 0.9
REVIEW = 0.5
MAX_TRUSTED = 100
MAX_SOURCE_CHARS = 500
MOST_MEMBERS = 2_000


@dataclass(frozen=True, slots=True)
class Settings:
    """Scores from which pairs are taken for duplicates by themselves, and from which shown.

    `policy` chooses the row that stands for a cluster, `trusted` are sources, the best first;
    `max_members` is the most distinct texts of a cluster; `semantic` the cosine from which texts
    of other words are shown, None as the collection's own similarities tell.
    """

    automatic: float = AUTOMATIC
    review: float = REVIEW
    policy: Policy = Policy.LONGEST
    trusted: tuple[str, ...] = ()
    max_members: int = MAX_MEMBERS
    semantic: float | None = None

    def as_mapping(self) -> dict[str, Any]:
        """Return what is stored."""
        return {**asdict(self), "policy": self.policy.value, "trusted": list(self.trusted)}


def read_settings(stored: Mapping[str, Any]) -> Settings:
    """Return stored settings; what is missing is as it is by default."""
    known = {name: stored[name] for name in Settings.__slots__ if name in stored}
    if "policy" in known:
        known["policy"] = Policy(known["policy"])
    if "trusted" in known:
        known["trusted"] = tuple(known["trusted"])
    return Settings(**known)


def changed_settings(settings: Settings, wanted: Mapping[str, Any]) -> Settings:
    """Return settings with what is wanted otherwise; raises InvalidInput naming the field."""
    given = {name: value for name, value in wanted.items() if value is not None}
    for name in ("automatic", "review", "semantic"):
        if name in given and not 0 < given[name] <= 1:
            raise InvalidInput("must be above 0 and at most 1", name)
    if "max_members" in given and not 2 <= given["max_members"] <= MOST_MEMBERS:
        raise InvalidInput(f"must be from 2 to {MOST_MEMBERS}", "max_members")
    if "policy" in given:
        if given["policy"] not in list(Policy):
            raise InvalidInput(f"must be one of {', '.join(Policy)}", "policy")
        given["policy"] = Policy(given["policy"])
    if "trusted" in given:
        given["trusted"] = _trusted(given["trusted"])
    made = replace(settings, **given)
    if made.review > made.automatic:
        raise InvalidInput("must not be above `automatic`", "review")
    if made.policy is Policy.TRUSTED and not made.trusted:
        raise InvalidInput("the policy needs sources, the best first", "trusted")
    return made


def _trusted(names: Sequence[Any]) -> tuple[str, ...]:
    if len(names) > MAX_TRUSTED:
        raise InvalidInput(f"at most {MAX_TRUSTED} sources", "trusted")
    for place, name in enumerate(names):
        if not isinstance(name, str) or not 0 < len(name) <= MAX_SOURCE_CHARS:
            raise InvalidInput(f"must have 1 to {MAX_SOURCE_CHARS} characters", f"trusted.{place}")
    return tuple(names)
